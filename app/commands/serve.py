"""`python -m app serve`: serves the API until it is told to stop."""

import argparse
import os
import sys

import structlog

from app import logs
from app.beginning import PortTaken, ToldToStop, begun
from app.commands.failures import plainly
from app.server_settings import ServerSettings
from app.settings import Settings
from generators.diffusion.importing import importing, uncollected

log = structlog.get_logger(__name__)


@plainly
def run(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Serve; 0 after SIGTERM or Ctrl+C."""
    status = _served(settings)
    if importing():  # everything is closed; Python itself would wait for torch
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _served(settings: Settings) -> int:
    logs.configure(settings.section(ServerSettings))
    try:
        with begun(settings) as taken:
            with uncollected():
                from app.main import NeedsKey, serve

            try:
                return serve(settings, taken)
            except NeedsKey as error:
                print(error, file=sys.stderr)
                return 1
    except ToldToStop:
        log.info("told to stop before anything was served")
        return 0
    except PortTaken as error:
        print(error, file=sys.stderr)
        return 1
