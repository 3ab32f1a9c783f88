"""Makes pictures and text.

Usable from a script without a server: knows no SQL, no GraphQL and no user; what to make arrives as a
`Spec`, what happened leaves as an `Event`.
"""
