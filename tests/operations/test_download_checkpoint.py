"""downloadCheckpoint"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from generators.diffusion.generator import DiffusionGenerator
from generators.spec import FileRef
from resolvers.identity import Scope
from store.database.sessions import Database
from store.database.tables import Role, Task
from tests.client import Api, key, refused, serving
from tests.executor import workshop
from tests.generators.diffusion import tiny, worn
from tests.generators.diffusion.hub import Hub, served
from tests.operations import steps

pytestmark = pytest.mark.asyncio

DOWNLOAD = """
mutation ($input: DownloadCheckpointInput!) {
  downloadCheckpoint(input: $input) { job { id kind title } userErrors { code message field } }
}
"""
PROGRESS = """
query ($id: ID!) { node(id: $id) { ... on Job { status failure { code } progress { phase step steps fraction } } } }
"""
MODELS = "{ models { key available } }"


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine says: the hub of these tests is on it."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[Hub, str]]:
    source = tmp_path / "source"
    tiny.sd().save_pretrained(source)
    with served(source) as running:
        yield running


@pytest_asyncio.fixture
async def operator(db: Database, tmp_path: Path, hub: tuple[Hub, str]) -> AsyncIterator[Api]:
    """Two checkpoints: one on the hub, one in a folder."""

    async def open_file(file: FileRef) -> bytes:
        raise FileNotFoundError(file.sha256)

    settings = tiny.settings(
        tmp_path,
        local_checkpoints=("mine=owner/name", f"here={tmp_path / 'source'}"),
        hub_cache=tmp_path / "hub",
        hub_endpoint=hub[1],
    )
    generator = DiffusionGenerator(settings, open_file)
    async with serving(db, tmp_path / "files", generator) as api:
        yield api
    await generator.close()


async def tasks(api: Api) -> int:
    async with api.shop.db.session() as session:
        return int(await session.scalar(select(func.count()).select_from(Task)) or 0)


async def available(api: Api) -> dict[str, bool]:
    return {one["key"]: one["available"] for one in (await api.run(MODELS)).data["models"]}


async def test_checkpoint_is_brought_and_can_be_used(operator: Api) -> None:
    assert await available(operator) == {"mine": False, "here": True}

    payload = await operator.do(DOWNLOAD, model="mine")

    assert payload["userErrors"] == []
    job = payload["job"]
    assert (job["kind"], job["title"]) == ("DOWNLOAD", "Download of mine")
    async with operator.working():
        await operator.ended(job["id"])
    node = (await operator.run(PROGRESS, id=job["id"])).data["node"]
    assert (node["status"], node["failure"], node["progress"]["fraction"]) == ("SUCCEEDED", None, 1.0)
    assert await available(operator) == {"mine": True, "here": True}
    assert await steps.actions(operator) == ["checkpoint.downloaded"]


async def test_download_says_how_far_it_is(operator: Api, hub: tuple[Hub, str]) -> None:
    hub[0].hold.clear()
    job = (await operator.do(DOWNLOAD, model="mine"))["job"]

    async with operator.working():
        await asyncio.to_thread(hub[0].held.wait)
        state = await workshop.seen(operator.shop, key(job["id"]), lambda one: one.phase == "DOWNLOADING")
        hub[0].hold.set()
        await operator.ended(job["id"])

    assert state.steps == sum(map(len, hub[0].files.values())) >> 20


async def test_download_under_way_is_answered_again(operator: Api) -> None:
    first = await operator.do(DOWNLOAD, model="mine")
    second = await operator.do(DOWNLOAD, model="mine")
    other = await operator.another("bob", Role.OWNER)
    foreign = await other.do(DOWNLOAD, model="mine")

    assert first["job"]["id"] == second["job"]["id"]
    assert refused(foreign) == ("CONFLICT", "Somebody else is downloading mine just now.", ["model"])
    assert await tasks(operator) == 1


@pytest.mark.parametrize(
    ("model", "code", "message"),
    [
        ("nobody", "UNKNOWN_MODEL", "There is no model 'nobody'. `models` lists them all."),
        ("here", "NOT_SUPPORTED", "source is a folder of this server; there is nothing to download."),
    ],
)
async def test_what_cannot_be_brought_is_refused(operator: Api, model: str, code: str, message: str) -> None:
    payload = await operator.do(DOWNLOAD, model=model)

    assert refused(payload) == (code, message, ["model"])
    assert await tasks(operator) == 0


@contextlib.asynccontextmanager
async def beside(db: Database, folder: Path, kind: str) -> AsyncIterator[tuple[Api, Hub]]:
    """A checkpoint in a folder, and one network for its family on the hub."""

    async def open_file(file: FileRef) -> bytes:
        raise FileNotFoundError(file.sha256)

    pipeline, source = tiny.sd(), folder / "network"
    pipeline.save_pretrained(folder / "tiny-sd")
    if kind == "ip-adapter":
        worn.ip_adapter(pipeline, source)
    elif kind == "preview":
        pipeline.vae.save_pretrained(source)
    else:
        worn.control_net(pipeline, source)
    with served(source) as (hub, address):
        settings = tiny.settings(
            folder,
            folder / "tiny-sd",
            local_extras=(f"{kind}:sd=owner/name",),
            hub_cache=folder / "hub",
            hub_endpoint=address,
        )
        generator = DiffusionGenerator(settings, open_file)
        async with serving(db, folder / "files", generator, lease_seconds=30.0) as api:
            yield api, hub
        await generator.close()


async def listed(api: Api) -> dict[str, tuple[bool, set[str]]]:
    rows = (await api.run("{ models { key available capabilities } }")).data["models"]
    return {row["key"]: (row["available"], set(row["capabilities"])) for row in rows}


@pytest.mark.parametrize(
    ("kind", "more"),
    [("ip-adapter", {"REFERENCE_IMAGES"}), ("controlnet-canny", {"CONTROLNET"}), ("preview", set())],
)
async def test_network_is_brought_and_the_checkpoints_of_its_family_can_more(
    db: Database, tmp_path: Path, kind: str, more: set[str]
) -> None:
    async with beside(db, tmp_path, kind) as (api, hub):
        key = f"{kind}:sd"
        before = await listed(api)
        assert before[key] == (False, set())

        job = (await api.do(DOWNLOAD, model=key))["job"]
        async with api.working():
            await api.ended(job["id"])

        node = (await api.run(PROGRESS, id=job["id"])).data["node"]
        assert (node["status"], node["failure"], node["progress"]["fraction"]) == ("SUCCEEDED", None, 1.0)
        after = await listed(api)
        assert after[key] == (True, set())
        assert after["tiny-sd"][1] - before["tiny-sd"][1] == more
        fetched = [path for path in hub.asked if path.startswith("/owner/name/resolve/")]
        assert fetched
        again = await api.do(DOWNLOAD, model=key)
        assert refused(again)[::2] == ("NOT_SUPPORTED", ["model"])
        assert refused(again)[1].endswith("is here already.")


async def test_network_that_arrives_damaged_is_fetched_again(db: Database, tmp_path: Path) -> None:
    async with beside(db, tmp_path, "controlnet") as (api, hub):
        hub.damage.add("diffusion_pytorch_model.safetensors")
        hub.heals = True

        job = (await api.do(DOWNLOAD, model="controlnet:sd"))["job"]
        async with api.working():
            await api.ended(job["id"])

        assert (await api.run(PROGRESS, id=job["id"])).data["node"]["status"] == "SUCCEEDED"
        async with db.session() as session:
            assert await session.scalar(select(Task.tries)) == 1
        rows = await listed(api)
        assert rows["controlnet:sd"][0]
        assert "CONTROLNET" in rows["tiny-sd"][1]


async def test_only_operators_bring_checkpoints(operator: Api) -> None:
    editor = await operator.another("eve", Role.EDITOR, frozenset({Scope.READ, Scope.WRITE}))

    answer = await editor.run(DOWNLOAD, input={"model": "mine"})

    assert answer.code == "FORBIDDEN"
    assert await tasks(operator) == 0
