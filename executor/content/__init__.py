"""Content rules: what words may not be said here, what must be looked at by a reviewer, and why.

An operator writes the rules; every text that comes in or is made goes by them. Knows no rows and no viewer.
"""
