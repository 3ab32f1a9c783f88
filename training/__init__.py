"""Training of what ships with the server; nothing in the server imports this folder."""
