"""`python -m app migrate`: brings the database to the newest revision and says which that is."""

import argparse
import asyncio

from app.commands.failures import plainly
from app.database import open_database
from app.settings import Settings
from store.database import migrate


@plainly
def run(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Migrate; a server may be running beside it."""
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    async with open_database(settings, beside=True) as opened, opened.database.engine.connect() as connection:
        print(f"The database stands at revision {await migrate.current(connection)}.")
