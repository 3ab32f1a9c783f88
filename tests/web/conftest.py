"""The toy application, as for the transports, and the real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import RunningServer
from tests.transport.conftest import web

__all__ = ["web"]


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[RunningServer]:
    """The real server with the scripted generator, slow enough to be watched."""
    given = {
        "DATABASE_URL": database_url,
        "SCRIPTED_GENERATOR": "true",
        "SCRIPTED_STEP_SECONDS": "0.05",
        "STARTER_CHECKPOINT": "false",
    }
    running = RunningServer(tmp_path / "data", given)
    try:
        running.start()
        yield running
    finally:
        running.close()
