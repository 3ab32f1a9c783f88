"""One load of weights at a time in the whole process. Imports nothing."""

import threading

LOADS = threading.Lock()
"""Held while any weights are loaded, whoever does it: the libraries patch `torch.nn` globally meanwhile, and two
loads at once end with "Cannot copy out of meta tensor" (seen with two engines in one process)."""
