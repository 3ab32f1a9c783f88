"""How long a test waits for what must come: a machine that does much else is slow, and giving up early says nothing.

It measures nothing. A deadline that is what a test shows stands in that test.
"""

PATIENCE = 120.0
