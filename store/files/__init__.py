"""Bytes that are kept: the private vault, the upload decoder, renditions, marking, addresses, names and targets.

Knows no database: everything here takes bytes, paths or keys and answers with dataclasses.
"""
