"""What one server, a command or a person brings or removes is seen by every server on the same files and database."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.__main__ import main
from executor.cataloguing import Cataloguing
from executor.lanes import IO_LANE
from generators.catalog import Capability
from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.settings import DiffusionSettings
from generators.spec import DownloadSpec, FileRef
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import Job, JobKind, JobStatus
from store.events import Topic
from store.queue import enqueue
from store.wire import Wire
from tests.executor import workshop
from tests.executor.workshop import Workshop
from tests.generators.diffusion import tiny, worn
from tests.generators.diffusion.hub import served

pytestmark = pytest.mark.asyncio
NEVER = 1e6  # seconds between looks: only news can have done it


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine says: the hub of these tests is on it."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """The address of one that has a tiny Stable Diffusion."""
    tiny.sd().save_pretrained(tmp_path / "source")
    with served(tmp_path / "source") as (_, address):
        yield address


@pytest.fixture
def settings(tmp_path: Path, hub: str) -> DiffusionSettings:
    """A checkpoint of which nothing is known before it is here."""
    return tiny.settings(
        tmp_path, local_checkpoints=("mine=owner/name",), hub_cache=tmp_path / "hub", hub_endpoint=hub
    )


async def nothing(file: FileRef) -> bytes:
    raise FileNotFoundError(file.sha256)


@contextlib.asynccontextmanager
async def watching(shop: Workshop, look_seconds: float = NEVER) -> AsyncIterator[None]:
    """While open, the server's catalog is kept as `app.server` has it kept."""
    wire = Wire(shop.db, shop.broadcast, debounce_seconds=0.01)
    wire.start()
    await wire.connected.wait()
    task = asyncio.create_task(
        Cataloguing(shop.models, shop.broadcast, look_seconds=look_seconds).work(), name="cataloguing"
    )

    async def listening() -> bool:
        return shop.broadcast.subscribers(Topic.CATALOG) == 1

    await workshop.until(listening)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await wire.stop()


@pytest_asyncio.fixture
async def other(database_url: str, tmp_path: Path, settings: DiffusionSettings) -> AsyncIterator[Workshop]:
    """A second server on the same database and files, which takes up no work."""
    database = Database(database_url)
    generator = DiffusionGenerator(settings, nothing)
    yield workshop.build(database, tmp_path / "files", generator)
    await generator.close()
    await database.close()


def best(shop: Workshop) -> str | None:
    model = shop.models.best_local()
    return model.key if model is not None else None


async def usable(shop: Workshop) -> None:
    async def here() -> bool:
        return best(shop) == "mine"

    await workshop.until(here)


async def download(shop: Workshop) -> Job:
    """A DOWNLOAD job of the checkpoint, done by that server."""
    owner_id = await workshop.add_user(shop.db)
    job = Job(id=new_id(), owner_id=owner_id, kind=JobKind.DOWNLOAD, title="test")
    order = workshop.Order(owner_id=owner_id, lane=IO_LANE, model="mine")
    async with shop.db.begin() as session:
        await enqueue(session, job, [], [workshop.task_for(order, job, DownloadSpec(model="mine"), None)])
    return await workshop.ended(shop, job.id)


async def test_what_one_server_downloads_another_can_use_without_a_restart(
    db: Database, tmp_path: Path, settings: DiffusionSettings, other: Workshop
) -> None:
    generator = DiffusionGenerator(settings, nothing)
    shop = workshop.build(db, tmp_path / "files", generator, lease_seconds=10.0)
    assert (best(shop), best(other)) == (None, None)

    async with watching(other), workshop.started(shop):
        job = await download(shop)
        assert job.status is JobStatus.SUCCEEDED
        await usable(other)
    await generator.close()

    row = other.models.get("mine")
    assert row is not None
    assert row.capabilities >= {Capability.TEXT_TO_IMAGE, Capability.LORA, Capability.TRAINING}
    assert (row.native_size.width, row.max_side) == (64, 768)
    shutil.rmtree(tmp_path / "hub")
    assert best(other) is None  # at once: whether it is there is read from the disk


async def test_what_models_pull_brings_a_running_server_sees(
    database_url: str, tmp_path: Path, hub: str, other: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "DATA_DIR": tmp_path, "DATABASE_URL": database_url, "LOCAL_CHECKPOINTS": "mine=owner/name",
        "HUB_CACHE": tmp_path / "hub", "HUB_ENDPOINT": hub,
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(tmp_path)

    async with watching(other):
        assert await asyncio.to_thread(main, ["models", "pull", "mine"]) == 0
        await usable(other)


async def test_pull_beside_a_database_that_is_away_says_when_it_will_be_seen(
    tmp_path: Path, hub: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "DATA_DIR": tmp_path, "DATABASE_URL": "postgresql://user:hidden@127.0.0.1:1/none",
        "LOCAL_CHECKPOINTS": "mine=owner/name", "HUB_CACHE": tmp_path / "hub", "HUB_ENDPOINT": hub,
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(tmp_path)

    assert await asyncio.to_thread(main, ["models", "pull", "mine"]) == 0

    said = capsys.readouterr()
    assert said.out.endswith("mine lies ready.\n")
    assert "A running server sees it within 30 seconds: the database could not be reached (" in said.err
    assert "hidden" not in said.err


async def test_what_is_removed_by_hand_is_no_longer_offered(db: Database, tmp_path: Path) -> None:
    pipeline = tiny.sd()
    pipeline.save_pretrained(tmp_path / "tiny-sd")
    worn.ip_adapter(pipeline, tmp_path / "adapter")
    chosen: dict[str, Any] = {"local_extras": (f"ip-adapter:sd={tmp_path / 'adapter'}",)}
    generator = DiffusionGenerator(tiny.settings(tmp_path, tmp_path / "tiny-sd", **chosen), nothing)
    shop = workshop.build(db, tmp_path / "files", generator)
    assert [one.key for one in shop.models.list(Capability.REFERENCE_IMAGES)] == ["tiny-sd"]

    async with watching(shop, look_seconds=0.02):
        shutil.rmtree(tmp_path / "adapter")

        async def gone() -> bool:
            return shop.models.list(Capability.REFERENCE_IMAGES) == []

        await workshop.until(gone)
        assert best(shop) == "tiny-sd"
        shutil.rmtree(tmp_path / "tiny-sd")
        assert best(shop) is None
    await generator.close()
