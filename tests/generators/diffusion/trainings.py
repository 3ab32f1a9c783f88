"""What tests of trainings are made of: pictures, files, a listener, and a look at the processes."""

import asyncio
import contextlib
import hashlib
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from generators.diffusion.generator import DiffusionGenerator
from generators.events import Event, ImageMade, Phase, Report, Stepped
from generators.generator import Known
from generators.spec import Determinism, FileRef, ImageSpec, TrainingImage, TrainingSpec
from tests.patience import PATIENCE


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

    def sharp_wanted(self) -> bool:
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
    async with asyncio.timeout(PATIENCE):
        while trainers(folder):  # noqa: ASYNC110 - another process's end has no event here
            await asyncio.sleep(0.02)


def image(model: str, **more: Any) -> ImageSpec:
    plain: dict[str, Any] = {
        "variant_id": "v",
        "model": model,
        "prompt": "a woman",
        "width": 64,
        "height": 64,
        "steps": 4,
        "seed": 5,
        "guidance": 3.0,
        "determinism": Determinism.EXACT,
    }
    return ImageSpec(**(plain | more))


async def made(generator: DiffusionGenerator, spec: ImageSpec) -> bytes:
    events = [event async for event in generator.run(spec, Known(), Heard())]
    last = events[-1]
    assert isinstance(last, ImageMade), last
    return last.data
