"""Trainings in their process: what comes out, how they go on after a kill, how they end with their server."""

import asyncio
import contextlib
import hashlib
import io
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from generators.diffusion.generator import DiffusionGenerator
from generators.events import AdapterMade, Event, Failed, FailureKind, LatentsSaved, Phase, Report, SampleMade, Stepped
from generators.generator import Known, KnownLatents
from generators.spec import (
    Conditioning,
    ConditioningKind,
    Determinism,
    FileRef,
    ImageSpec,
    TrainingImage,
    TrainingSpec,
)
from tests.generators.diffusion import tiny

pytestmark = pytest.mark.asyncio


class Files:
    """Stored files by content."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}

    def add(self, data: bytes, media_type: str = "image/png") -> FileRef:
        name = hashlib.sha256(data).hexdigest()
        self.data[name] = data
        return FileRef(sha256=name, size=len(data), media_type=media_type)

    async def open(self, file: FileRef) -> bytes:
        try:
            return self.data[file.sha256]
        except KeyError as error:
            raise FileNotFoundError(file.sha256) from error


class Heard:
    """A `Live` that remembers."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.step = asyncio.Event()

    def report(self, event: Report) -> None:
        self.reports.append(event)
        if isinstance(event, Stepped) and event.phase is Phase.TRAINING:
            self.step.set()

    def preview_wanted(self) -> bool:
        return False

    @property
    def losses(self) -> list[tuple[int, float | None]]:
        return [
            (one.step, one.loss)
            for one in self.reports
            if isinstance(one, Stepped) and one.phase is Phase.TRAINING
        ]


def face(number: int) -> bytes:
    """A green face on a ground of its own."""
    picture = Image.new("RGB", (64, 64), (40 * number % 256, 90, 200))
    picture.paste((30, 200, 60), (16, 12, 48, 52))
    picture.paste((0, 0, 0), (22 + number % 3, 22, 28, 28))
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return data.getvalue()


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def spec(files: Files, sd_folder: Path) -> TrainingSpec:
    return training(files, sd_folder.name)


def training(files: Files, model: str, **more: Any) -> TrainingSpec:
    images = tuple(TrainingImage(file=files.add(face(number))) for number in range(5))
    plain: dict[str, Any] = {
        "model": model,
        "images": images,
        "trigger": "zwx",
        "class_prompt": "woman",
        "rank": 4,
        "steps": 12,
        "learning_rate": 2e-3,
        "seed": 3,
    }
    return TrainingSpec(**(plain | more))


@pytest_asyncio.fixture
async def generator(
    tmp_path: Path, files: Files, sd_folder: Path, sdxl_folder: Path
) -> AsyncIterator[DiffusionGenerator]:
    settings = tiny.settings(tmp_path, sd_folder, sdxl_folder, training_save_seconds=0.0)
    made = DiffusionGenerator(settings, files.open)
    yield made
    await made.close()


async def run(
    generator: DiffusionGenerator, spec: TrainingSpec, known: Known | None = None, live: Heard | None = None
) -> list[Event]:
    return [event async for event in generator.run(spec, known or Known(), live or Heard())]


def metadata(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    found: dict[str, Any] = json.loads(data[8 : 8 + length])["__metadata__"]
    return found


def trainers(folder: Path) -> list[int]:
    """Process ids of trainers whose work lies in that folder."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
    return found


async def gone(folder: Path) -> None:
    async with asyncio.timeout(10):
        while trainers(folder):  # noqa: ASYNC110 - another process's end has no event here
            await asyncio.sleep(0.02)


async def test_training_ends_with_an_adapter_that_tells_alpha_rank_and_name(
    generator: DiffusionGenerator, spec: TrainingSpec, tmp_path: Path
) -> None:
    live = Heard()

    events = await run(generator, spec, live=live)

    assert [event.step for event in events if isinstance(event, SampleMade)] == [3, 6, 9, 12]
    made = events[-1]
    assert isinstance(made, AdapterMade)
    assert (made.rank, made.model) == (4, spec.model)
    assert made.parameters["judgedBy"] == "held-out loss"
    scores = made.parameters["scores"]
    assert isinstance(scores, list)
    assert [score["step"] for score in scores if isinstance(score, dict)] == [3, 6, 9, 12]
    told = metadata(made.data)
    lora = json.loads(told["lora_adapter_metadata"])
    assert (lora["unet.r"], lora["unet.lora_alpha"]) == (4, 4)
    named = json.loads(told["likeness"])
    assert (named["trigger"], named["class_prompt"], named["step"]) == (
        "zwx",
        "woman",
        made.parameters["chosenStep"],
    )
    assert live.losses[-1][0] == 12
    assert all(loss is not None and 0 < loss < 10 for _, loss in live.losses)
    assert list((tmp_path / "training").glob("run-*")) == []
    assert trainers(tmp_path) == []
