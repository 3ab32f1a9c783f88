"""The same with the real engine: torch on one thread, a starter checkpoint of random weights, saved latents."""

from pathlib import Path

import pytest

from generators.diffusion import starter
from store.database.sessions import Database
from tests.kills.campaign import Campaign

pytestmark = pytest.mark.asyncio


@pytest.mark.timeout(600)
async def test_3_kills_of_the_local_engine_lose_nothing(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    checkpoints = tmp_path / "engine"
    starter.build(checkpoints / "starter")
    campaign = Campaign(
        db=db,
        url=database_url,
        folder=tmp_path / "files",
        kills=3,
        worker={"diffusion": str(checkpoints)},
        model="starter",
        every=(4.0, 8.0),
        linger=1.5,
    )
    await campaign.check(await campaign.run())
