"""Does somebody keep looking like themselves? Attribute agreement with an approved base image on new scenes.

Random characters; for each an approved base image (the best of four by the classifier, as a person would choose)
and ten scene prompts that never repeat the look. A classifier trained on rendered pictures reads the identity off
base image and scene pictures; agreement is the share of attributes that are read alike. Ways to hold a likeness:

    nothing      the scene prompt alone                  description  the look's description before the prompt
    seed         the base image's seed                   reference    the base image through the IP-Adapter

Beside each: how well the scene that was asked for was kept (scene, expression, thing in hand). The ceiling is the
classifier's own agreement on drawn pictures of the same characters, the lower bound is "nothing".

    python -m bench.likeness --folder data/training [--checkpoint FOLDER] [--characters 100]

The folder is a training folder (`training/starter/README.md`); only its classifier is used.
"""

import argparse
import json
import pathlib
import random
from dataclasses import dataclass, field

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from training.starter.captions import caption
from training.starter.characters import IDENTITY, elsewhere, person
from training.starter.classifier import Reader, read
from training.starter.denoising import drawn
from training.starter.evaluation import tensor_of
from training.starter.looks import VALUES, Look
from training.starter.render import render

ASKED = ("scene", "expression", "prop")
SCENES = 10
CANDIDATES = 4
STEPS = 15
WAYS = ("nothing", "description", "seed", "reference")


@dataclass
class Character:
    """A look in front of a plain wall, its ten other pictures, its approved image and that image's seed."""

    look: Look
    scenes: list[Look]
    prompts: list[str]
    description: str
    base: Image.Image | None = None
    seed: int = 0
    found: dict[str, int] = field(default_factory=dict)


def characters(count: int, seed: int = 4_711) -> list[Character]:
    """Characters that training never drew."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        look = person(rng).but(scene="plain", prop="none", expression="neutral")
        scenes = [elsewhere(look, rng) for _ in range(SCENES)]
        unsaid = frozenset(name for name in VALUES if name not in {*ASKED, "wall"})
        prompts = [caption(scene, rng, everything=True, unsaid=unsaid) for scene in scenes]
        unseen = frozenset({*ASKED, "wall"})
        description = caption(look, rng, everything=True, unsaid=unseen)
        made.append(Character(look, scenes, prompts, description))
    return made


def readings(reader: Reader, pictures: list[Image.Image]) -> list[dict[str, int]]:
    """What the classifier sees in each picture."""
    found = read(reader, tensor_of(pictures))
    return [{name: int(found[name][index]) for name in VALUES} for index in range(len(pictures))]


def approve(pipeline: StableDiffusionPipeline, reader: Reader, character: Character) -> None:
    """Choose the candidate that shows most of the description."""
    wanted = {name: VALUES[name].index(getattr(character.look, name)) for name in IDENTITY}
    best = -1
    for seed in range(CANDIDATES):
        generator = torch.Generator().manual_seed(seed)
        picture = pipeline(
            character.description, num_inference_steps=STEPS, guidance_scale=3.0, generator=generator
        )
        found = readings(reader, picture.images)[0]
        score = sum(found[name] == wanted[name] for name in IDENTITY)
        if score > best:
            best, character.base, character.seed, character.found = score, picture.images[0], seed, found


def pictures_of(pipeline: StableDiffusionPipeline, character: Character, way: str) -> list[Image.Image]:
    """The ten scenes, held in one way."""
    prompts = character.prompts
    if way == "description":
        prompts = [f"{character.description}, {prompt}" for prompt in prompts]
    if way in {"nothing", "description"}:
        return drawn(pipeline, prompts, steps=STEPS)
    extra = {"ip_adapter_image": character.base} if way == "reference" else {}
    made = []
    for index, prompt in enumerate(prompts):
        seed = character.seed if way == "seed" else index
        generator = torch.Generator().manual_seed(seed)
        call = {"num_inference_steps": STEPS, "guidance_scale": 3.0, "generator": generator}
        made += pipeline(prompt, **call, **extra).images
    return made


def agreement(character: Character, found: list[dict[str, int]]) -> tuple[float, float]:
    """Share of identity attributes read as in the base image, and of scene attributes as asked."""
    shown = [name for name in IDENTITY if name in character.look.shown()]
    same = [row[name] == character.found[name] for row in found for name in shown]
    pairs = zip(found, character.scenes, strict=True)
    kept = [row[name] == VALUES[name].index(getattr(look, name)) for row, look in pairs for name in ASKED]
    return sum(same) / len(same), sum(kept) / len(kept)


def interval(values: list[float], rounds: int = 2000) -> tuple[float, float, float]:
    """Mean and its 95 % percentile bootstrap interval over characters."""
    rng = random.Random(3)
    means = sorted(sum(rng.choices(values, k=len(values))) / len(values) for _ in range(rounds))
    return sum(values) / len(values), means[int(0.025 * rounds)], means[int(0.975 * rounds)]


def measure(
    pipeline: StableDiffusionPipeline, reader: Reader, cast: list[Character], way: str
) -> dict[str, float]:
    """One row of the table."""
    if way == "drawn":
        for character in cast:
            character.found = readings(reader, [render(character.look)])[0]
        rows = [agreement(one, readings(reader, [render(look) for look in one.scenes])) for one in cast]
    else:
        rows = [agreement(one, readings(reader, pictures_of(pipeline, one, way))) for one in cast]
    same, low, high = interval([row[0] for row in rows])
    kept, kept_low, kept_high = interval([row[1] for row in rows])
    return {
        "identity": same,
        "identity_low": low,
        "identity_high": high,
        "scene": kept,
        "scene_low": kept_low,
        "scene_high": kept_high,
    }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("data/training"))
    parser.add_argument(
        "--checkpoint", type=pathlib.Path, default=pathlib.Path("training/starter/checkpoint")
    )
    parser.add_argument("--characters", type=int, default=100)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = StableDiffusionPipeline.from_pretrained(args.checkpoint, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    reader = Reader()
    state = torch.load(args.folder / "classifier" / "state.pt", weights_only=True)
    reader.load_state_dict(state["average"])
    cast = characters(args.characters)
    for character in cast:
        approve(pipeline, reader, character)
    table = {}
    for way in args.ways.split(","):
        if way == "reference":
            pipeline.load_ip_adapter(
                args.checkpoint, subfolder="ip_adapter", weight_name="ip-adapter.safetensors"
            )
        table[way] = measure(pipeline, reader, cast, way)
    table["drawn"] = measure(pipeline, reader, cast, "drawn")
    print(f"| held by | identity ({args.characters} characters) | scene |\n|---|---|---|")
    for way, row in table.items():
        low, high = row["identity_low"], row["identity_high"]
        print(f"| {way} | {row['identity']:.3f} ({low:.3f}-{high:.3f}) | {row['scene']:.3f} |")
    if args.out is not None:
        args.out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
