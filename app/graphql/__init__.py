"""GraphQL over HTTP, WebSocket and Server-Sent Events.

Knows the wire: negotiation, limits, framing, sockets. Knows no field of the schema: it is handed one, and a
way to admit callers and to make their contexts (wiring.py).
"""
