"""What the command line says when it cannot do its work: one sentence, no traceback."""

import argparse
import functools
import sys
from collections.abc import Callable

from app.settings import Settings, SettingsError
from store.database.embedded import EmbeddedUnavailable

Command = Callable[[Settings, argparse.Namespace], int]


def expected() -> tuple[type[Exception], ...]:
    """What a person can mend. An `except` asks for them only once something has failed, so that the database's
    clients are loaded no sooner: `serve` starts the private database before them.
    """
    from app.database import DatabaseUnreachable
    from store.database.sessions import ServerTooOld

    return (DatabaseUnreachable, EmbeddedUnavailable, ServerTooOld, SettingsError)


def plainly(command: Command) -> Command:
    """Turn failures that a person can mend into their sentence and exit status 1."""

    @functools.wraps(command)
    def spoken(settings: Settings, arguments: argparse.Namespace) -> int:
        try:
            return command(settings, arguments)
        except expected() as error:
            print(error, file=sys.stderr)
            return 1

    return spoken
