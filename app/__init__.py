"""The process: composition root, transports, command line. Knows every name; nobody imports it."""
