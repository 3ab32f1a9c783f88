"""What the command line says when it cannot do its work: one sentence, no traceback."""

import argparse
import functools
import sys
from collections.abc import Callable

from app.database import DatabaseUnreachable
from app.settings import Settings, SettingsError
from store.database.embedded import EmbeddedUnavailable
from store.database.sessions import ServerTooOld

Command = Callable[[Settings, argparse.Namespace], int]
EXPECTED = (DatabaseUnreachable, EmbeddedUnavailable, ServerTooOld, SettingsError)


def plainly(command: Command) -> Command:
    """Turn failures that a person can mend into their sentence and exit status 1."""

    @functools.wraps(command)
    def spoken(settings: Settings, arguments: argparse.Namespace) -> int:
        try:
            return command(settings, arguments)
        except EXPECTED as error:
            print(error, file=sys.stderr)
            return 1

    return spoken
