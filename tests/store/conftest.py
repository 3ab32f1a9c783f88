"""Fixtures for the private PostgreSQL; the database that other tests use comes from `tests/conftest.py`."""

import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from store.database.embedded import Embedded, EmbeddedOptions, start_embedded
from tests.store.private_postgres import QUICK, Start


@pytest.fixture
def data_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    """Not made yet. Under a folder that only we may enter, as pytest's are."""
    return tmp_path / "data"


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    """`start_embedded`, stopped after the test whatever happens."""
    started: list[Embedded] = []

    async def run(data_dir: pathlib.Path, options: EmbeddedOptions = QUICK) -> Embedded:
        started.append(await start_embedded(data_dir, options))
        return started[-1]

    yield run
    for one in started:
        await one.stop()
