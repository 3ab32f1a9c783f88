"""`python -m app serve`: serves the API until it is told to stop."""

import argparse
import sys

from app import logs
from app.commands.failures import plainly
from app.server_settings import ServerSettings
from app.settings import Settings
from app.starting import uncollected


@plainly
def run(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Serve; 0 after SIGTERM or Ctrl+C."""
    with uncollected():
        from app.main import NeedsKey, PortTaken, serve

    logs.configure(settings.section(ServerSettings))
    try:
        return serve(settings)
    except (NeedsKey, PortTaken) as error:
        print(error, file=sys.stderr)
        return 1
