"""`python -m app doctor`: what is configured, what works, what is missing and how to get it."""

import argparse
import asyncio
from collections.abc import AsyncIterator

from sqlalchemy import text

from app.checkup.finding import Finding, State
from app.checkup.machine import machine
from app.checkup.models import pictures
from app.checkup.publishing import publishing
from app.commands.failures import expected
from app.database import open_database
from app.server import generators
from app.settings import Settings
from executor.models import Models
from generators.hosted.settings import HostedSettings
from store.database import migrate
from store.files.vault import Vault
from store.settings import StoreSettings

SIGNS = {State.WORKS: "+", State.NOT_CONFIGURED: "-", State.WARNING: "!", State.MISSING_ESSENTIAL: "X"}


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print every finding; 1 when the server could not do its main job, else 0."""
    return asyncio.run(_run(settings, live=arguments.live))


async def _run(settings: Settings, *, live: bool) -> int:
    missing = 0
    async for finding in _findings(settings, live=live):
        print(f"{SIGNS[finding.state]} {finding.what}: {finding.words}")
        if finding.remedy:
            print(f"    {finding.remedy}")
        missing += finding.state is State.MISSING_ESSENTIAL
    print("The server can do its main job." if not missing else "The server cannot do its main job yet.")
    return 1 if missing else 0


async def _findings(settings: Settings, *, live: bool) -> AsyncIterator[Finding]:
    yield await _database(settings)
    async for finding in machine(settings):
        yield finding
    for finding in publishing(settings):
        yield finding
    made = generators(settings, Vault(settings.section(StoreSettings).data_dir / "files"))
    for finding in pictures(Models(made), settings.section(HostedSettings)):
        yield finding
    if live:
        from app.checkup.live import calls

        async for finding in calls(settings):
            yield finding


async def _database(settings: Settings) -> Finding:
    private = settings.section(StoreSettings).database_url is None
    try:
        async with open_database(settings, beside=True) as opened, opened.database.session() as session:
            version = await session.scalar(text("SHOW server_version"))
    except expected() as error:
        return Finding(what="Database", state=State.MISSING_ESSENTIAL, words=str(error))
    kind = "the private one under DATA_DIR" if private else "the one DATABASE_URL names"
    return Finding(
        what="Database",
        state=State.WORKS,
        words=f"PostgreSQL {str(version).split(' ', maxsplit=1)[0]}, {kind}, at revision {migrate.newest()}.",
    )
