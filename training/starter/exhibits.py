"""The contact sheets of docs/starter: every picture of a list, none picked over.

Knows which pictures are shown; what they are measured by is the evaluation's affair.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from PIL import Image

from training.starter.captions import caption
from training.starter.characters import elsewhere, person
from training.starter.denoising import drawn
from training.starter.looks import VALUES
from training.starter.reference import USUAL_WEIGHT
from training.starter.runs import draws
from training.starter.sheets import render_sheet, sheet

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

STORIES: Final = (
    "professional woman in her early 30s, shoulder-length dark hair, warm smile, business attire",
    "wizard casting a fire spell in a dark dungeon",
    "making delicious muffins",
    "a beautiful sunset",
)
ROWS, PLACES = 8, 7
SCENE_ONLY: Final = frozenset(VALUES) - {"scene", "expression", "prop"}


def write_exhibits(made: StableDiffusionPipeline, checkpoint: Path, folder: Path, target: Path) -> None:
    """All sheets as WebP; those of the evaluation are taken from the training folder."""
    target.mkdir(parents=True, exist_ok=True)
    _save(render_sheet(32), target / "sheet-drawn.webp")
    for name in ("attributes", "free-prompts"):
        _save(Image.open(folder / f"sheet-{name}.png"), target / f"sheet-{name}.webp")
    _save(sheet(drawn(made, [text for text in STORIES for _ in range(8)])), target / "sheet-stories.webp")
    made.load_ip_adapter(checkpoint, subfolder="ip_adapter", weight_name="ip-adapter.safetensors")
    made.set_ip_adapter_scale(USUAL_WEIGHT)
    _save(sheet(_held(made)), target / "sheet-held.webp")


def _held(made: StableDiffusionPipeline) -> list[Image.Image]:
    """Rows of a character's base image and that character in other places, held by the base image alone."""
    pictures: list[Image.Image] = []
    for row in range(ROWS):
        rng, generator = draws(71, row)
        look = person(rng).but(scene="plain", prop="none", expression="neutral")
        words = caption(look, rng, everything=True, unsaid=frozenset({"scene", "prop", "expression", "wall"}))
        made.set_ip_adapter_scale(0.0)
        blank = Image.new("RGB", (128, 128))
        base = _one(made, words, blank, generator)
        made.set_ip_adapter_scale(USUAL_WEIGHT)
        pictures.append(base)
        for _ in range(PLACES):
            asked = caption(elsewhere(look, rng), rng, everything=True, unsaid=SCENE_ONLY)
            pictures.append(_one(made, asked, base, generator))
    return pictures


def _one(
    made: StableDiffusionPipeline, prompt: str, shown: Image.Image, generator: torch.Generator
) -> Image.Image:
    call = {"num_inference_steps": 15, "guidance_scale": 3.0, "generator": generator}
    picture: Image.Image = made(prompt, ip_adapter_image=shown, **call).images[0]
    return picture


def _save(picture: Image.Image, path: Path) -> None:
    picture.convert("RGB").save(path, format="WEBP", quality=80, method=6)
