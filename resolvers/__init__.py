"""Behaviour: plain async functions named for the field they answer.

Knows the viewer, the rows and the rules. Knows no GraphQL: what is published, and under which name, is the
business of `schema`. Reads are `(viewer, args) -> Select`; writes raise `Refused`.
"""
