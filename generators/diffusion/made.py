"""The facts of a finished picture, as its owner will read them. Knows no queue."""

import functools
import hashlib
import importlib.metadata
import time

from generators.diffusion.checkpoints import STARTER_KEY
from generators.diffusion.devices import Device
from generators.diffusion.runs import Run
from generators.events import ImageFacts, ImageMade, Json
from generators.spec import Determinism


def image_made(run: Run, data: bytes, size: tuple[int, int], device: Device) -> ImageMade:
    """The event that ends the run.

    `parameters` hold nothing that differs between two equal requests (no time, no neighbours, no crash):
    they are written into the file, and equal pictures are to be equal bytes.
    """
    ask, resident, state = run.ask, run.resident, run.state
    assert resident is not None and state is not None  # noqa: PT018 - a decoded run holds both
    width, height = size
    parameters: dict[str, Json] = {
        "prompt": ask.prompt,
        "negativePrompt": ask.negative_prompt,
        "seed": ask.seed,
        "width": width,
        "height": height,
        "stepsAsked": ask.steps,
        "steps": len(state.timesteps),
        "guidance": ask.guidance,
        "determinism": (Determinism.EXACT if ask.exact else Determinism.FAST).value,
        "device": device.name if device.kind != "cpu" else "cpu",
        "threads": device.threads if device.kind == "cpu" else None,
        "dtype": device.dtype,
        "versions": versions(),
    }
    if ask.init_image is not None:
        parameters["initImageStrength"] = round(ask.strength, 4)
    if ask.mask is not None:
        parameters["mask"] = hashlib.sha256(ask.mask).hexdigest()
    if resident.entry.noise:
        parameters["note"] = "The starter checkpoint has random weights: this picture is noise."
    elif resident.entry.key == STARTER_KEY and resident.entry.note:
        parameters["note"] = resident.entry.note
    parameters |= state.notes
    parameters |= dict(ask.notes)
    facts = ImageFacts(
        model=resident.entry.key,
        model_version=resident.entry.revision,
        width=width,
        height=height,
        seed=ask.seed,
        steps=len(state.timesteps),
        duration_ms=round((time.monotonic() - run.begun) * 1000),
        conditioning=ask.used,
        parameters=parameters,
    )
    return ImageMade(data=data, media_type="image/png", facts=facts)


def versions() -> dict[str, Json]:
    """The libraries that decide the bytes of a picture."""
    return {name: _version(name) for name in ("torch", "diffusers", "transformers", "pillow")}


@functools.cache
def _version(name: str) -> str:
    """Looked up once: it parses a whole file of metadata each time."""
    return importlib.metadata.version(name)
