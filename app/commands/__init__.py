"""The command line, one module a command. Each has `run(settings, arguments) -> exit status`."""
