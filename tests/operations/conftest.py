"""`api`: a client of the whole application, as the local owner."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from store.database.sessions import Database
from tests import client
from tests.client import Api


@pytest_asyncio.fixture
async def api(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """The application on a fresh database."""
    async with client.serving(db, tmp_path) as found:
        yield found
