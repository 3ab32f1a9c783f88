"""trainAdapter on flow transformers, the whole way: mutation, trainer process, progress, adapter, and a picture with it."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import select

from generators.diffusion.generator import DiffusionGenerator
from generators.spec import FileRef
from store.database.sessions import Database
from store.database.tables import Adapter, File, Variant
from store.files.vault import Vault
from tests.client import Api, key, serving
from tests.executor import workshop
from tests.generators.diffusion import tiny
from tests.generators.diffusion.flow_kit import Kit, built
from tests.generators.diffusion.trainings import face
from tests.operations import steps
from tests.operations.test_adapters import ACTIVATE, GENERATE, PROGRESS, TRAIN

# A trainer is gentle to others, and slow beside them.
pytestmark = [pytest.mark.asyncio, pytest.mark.long, pytest.mark.timeout(600)]
SEED = 7
ADAPTERS = "{ personas { nodes { adapters { id } } } }"
ASKED: dict[str, Any] = {
    "prompt": "by the sea",
    "seed": SEED,
    "steps": 3,
    "guidance": 3.0,
    "determinism": "EXACT",
}


@pytest_asyncio.fixture(params=["flux", "sd3", "z-image"])
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    return await asyncio.to_thread(built, request.param, tmp_path)


@pytest_asyncio.fixture
async def studio(db: Database, tmp_path: Path, kit: Kit) -> AsyncIterator[Api]:
    """The real local generator on that checkpoint."""

    async def open_file(file: FileRef) -> bytes:
        return await Vault(tmp_path / "files").read_async(file.sha256)

    generator = DiffusionGenerator(tiny.settings(tmp_path, kit.folder), open_file)
    async with serving(db, tmp_path / "files", generator, lease_seconds=10.0) as api:
        yield api
    await generator.close()


async def drawn(api: Api, subject: str) -> tuple[Image.Image, Variant]:
    """The picture that `ASKED` makes of the subject, and its row."""
    payload = await api.do(GENERATE, subjectId=subject, **ASKED)
    assert payload["userErrors"] == []
    job_id = key(payload["job"]["id"])
    await workshop.ended(api.shop, job_id)
    [variant] = await workshop.variants_of(api.shop.db, job_id)
    assert variant.file_id is not None, variant.status
    async with api.shop.db.session() as session:
        file = await session.get_one(File, variant.file_id)
    return opened(await api.shop.vault.read_async(file.sha256)), variant


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def by_stock(kit: Kit, adapter: bytes, prompt: str) -> Image.Image:
    """What the stock pipeline draws with the adapter loaded."""
    import torch
    from safetensors.torch import load

    kit.pipeline.load_lora_weights(load(adapter), adapter_name="learned")
    made: Image.Image = kit.pipeline(
        prompt=prompt,
        width=tiny.SIDE,
        height=tiny.SIDE,
        num_inference_steps=ASKED["steps"],
        guidance_scale=ASKED["guidance"],
        generator=torch.Generator("cpu").manual_seed(SEED),
    ).images[0]
    return made


def apart(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of a channel, of 255."""
    return max(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True))


async def trained(api: Api, subject: str) -> Adapter:
    """An adapter trained through the API, with its progress seen on the way."""
    pictures = [await api.upload(f"{number}.png", face(number)) for number in range(3)]
    given = {
        "uploadIds": pictures,
        "trigger": "zwx",
        "classPrompt": "woman",
        "steps": 8,
        "learningRate": 0.02,
    }
    job = (await api.do(TRAIN, subjectId=subject, **given))["job"]
    seen = await workshop.seen(
        api.shop, key(job["id"]), lambda state: state.phase == "TRAINING" and state.loss is not None
    )
    assert seen.steps == 8
    await workshop.ended(api.shop, key(job["id"]))
    progress = (await api.run(PROGRESS, id=job["id"])).data["node"]["progress"]
    assert (progress["phase"], progress["fraction"]) == ("SUCCEEDED", 1.0)
    assert [one["parameters"]["trainingStep"] for one in progress["samples"]] == [2, 4, 6, 8]
    async with api.shop.db.session() as session:
        return (await session.scalars(select(Adapter))).one()


async def test_flow_adapter_is_trained_and_worn_as_by_the_stock_pipeline(studio: Api, kit: Kit) -> None:
    subject = await steps.persona(studio)
    async with studio.working():
        bare, _ = await drawn(studio, subject)
        adapter = await trained(studio, subject)
        [person] = (await studio.run(ADAPTERS)).data["personas"]["nodes"]
        await studio.do(ACTIVATE, subjectId=subject, adapterId=person["adapters"][0]["id"])
        dressed, variant = await drawn(studio, subject)

    assert (adapter.base_model_key, adapter.rank) == (kit.family, 8)
    assert adapter.parameters["resolution"] == tiny.SIDE  # the checkpoint's own, not its family's 1024
    assert variant.parameters["calledBy"] == "zwx woman"
    assert adapter.sha256 is not None
    weights = await studio.shop.vault.read_async(adapter.sha256)
    wanted = by_stock(kit, weights, f"zwx woman, {variant.composed_prompt}")
    assert apart(dressed, wanted) == 0
    assert apart(dressed, bare) > 8
