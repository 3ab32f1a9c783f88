"""Measurements: scripts that compare side by side in one run and print ratios. Imported by nobody."""
