"""HTTP beside GraphQL: who may knock, plain routes, files, probes, and the explorer.

Knows Starlette and what the server is made of. Knows no GraphQL: app.graphql has that.
"""
