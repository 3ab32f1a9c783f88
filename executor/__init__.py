"""Runs tasks: claims them, drives generators, turns what happened into committed rows, then publishes.

Knows the queue and the generators' protocol; knows no GraphQL and no transport.
"""
