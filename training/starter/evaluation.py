"""Figures for a checkpoint: attributes, free prompts, autoencoder, time per picture.

Knows how to measure; every figure stands beside its ceiling and beside chance.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from generators.diffusion.vocabulary import known_part
from training.starter.autoencoder import batch_of, psnr
from training.starter.captions import caption
from training.starter.classifier import Reader, read, wanted_of
from training.starter.denoising import drawn
from training.starter.looks import VALUES, Look
from training.starter.runs import draws
from training.starter.sheets import held_out_looks, sheet

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

FREE_PROMPTS = Path(__file__).with_name("free_prompts.tsv")
MEASURED = tuple(name for name in VALUES if name not in {"kind", "object"})


@dataclass(frozen=True, slots=True)
class FreePrompt:
    """A prompt written before training ended, the kind of subject it asks for, and plain wishes."""

    kind: str
    text: str
    wishes: tuple[tuple[str, str], ...]


def free_prompts() -> list[FreePrompt]:
    """The held-out list of 100 prompts."""
    rows = [line.split("\t") for line in FREE_PROMPTS.read_text().splitlines()]
    return [FreePrompt(kind, text, _wishes(wishes)) for kind, text, wishes in rows]


def _wishes(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [pair.partition("=") for pair in text.split()]
    return tuple((name, value) for name, _, value in pairs)


def tensor_of(pictures: Sequence[Image.Image]) -> Tensor:
    """Pictures as (count, 3, height, width) in -1..1."""
    import numpy as np

    stacked = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def persons(count: int) -> list[Look]:
    """Held-out looks of persons."""
    return [look for look in held_out_looks(3 * count) if look.kind == "person"][:count]


def attributes(
    made: StableDiffusionPipeline, reader: Reader, *, count: int, steps: int, sheet_path: Path | None = None
) -> dict[str, Any]:
    """Agreement of generated persons with captions that name every attribute."""
    looks = persons(count)
    rng, _ = draws(19, 4)
    prompts = [caption(look, rng, everything=True) for look in looks]
    began = time.process_time()
    pictures = drawn(made, prompts, steps=steps)
    seconds = (time.process_time() - began) / count
    if sheet_path is not None:
        sheet(pictures[:64]).save(sheet_path)
    rendered = batch_of(looks, 128)
    with torch.no_grad():
        there_and_back = torch.cat(
            [made.vae.decoder(made.vae.encoder(part)) for part in torch.split(rendered, 16)]
        )
    wanted = wanted_of(looks)
    return {
        "pictures": count,
        "cpu_seconds_per_picture": round(seconds, 3),
        "generated": _table(read(reader, tensor_of(pictures)), wanted),
        "ceiling": _table(read(reader, there_and_back.clamp(-1, 1)), wanted),
        "chance": _chance(wanted),
    }


def _hits(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, list[tuple[int, bool]]]:
    rows = {}
    for name in MEASURED:
        shown = (wanted[name] >= 0).nonzero()[:, 0].tolist()
        rows[name] = [(index, bool(found[name][index] == wanted[name][index])) for index in shown]
    return rows


def _table(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Any]:
    rows = _hits(found, wanted)
    shares = {name: sum(hit for _, hit in hits) / len(hits) for name, hits in rows.items() if hits}
    mean = sum(shares.values()) / len(shares)
    low, high = _interval(rows, len(wanted["kind"]))
    rounded = {name: round(share, 3) for name, share in shares.items()}
    return {"mean": round(mean, 4), "interval95": [round(low, 4), round(high, 4)], **rounded}


def _interval(rows: dict[str, list[tuple[int, bool]]], count: int, rounds: int = 1000) -> tuple[float, float]:
    """Percentile bootstrap over pictures of the mean over attributes (Efron, 1979)."""
    rng, by_name = random.Random(5), {name: dict(hits) for name, hits in rows.items() if hits}
    means = []
    for _ in range(rounds):
        times = Counter(rng.choices(range(count), k=count))
        shares = []
        for hits in by_name.values():
            total = sum(times[index] for index in hits)
            if total:
                shares.append(sum(times[index] for index, hit in hits.items() if hit) / total)
        means.append(sum(shares) / len(shares))
    means.sort()
    return means[int(0.025 * rounds)], means[int(0.975 * rounds)]


def _chance(wanted: dict[str, Tensor]) -> dict[str, float]:
    """Share of the most frequent value: what always guessing it would reach."""
    shares = {}
    for name in MEASURED:
        values = [value for value in wanted[name].tolist() if value >= 0]
        shares[name] = max(Counter(values).values()) / len(values)
    mean = sum(shares.values()) / len(shares)
    return {"mean": round(mean, 4), **{name: round(share, 3) for name, share in shares.items()}}


def free_prompt_figures(
    made: StableDiffusionPipeline,
    reader: Reader,
    *,
    steps: int,
    known: AbstractSet[str] | None = None,
    sheet_path: Path | None = None,
) -> dict[str, Any]:
    """Kind of subject and plain wishes over the 100 prompts, with the ones that failed.

    With `known`, unknown words are taken out first, as the engine does it.
    """
    prompts = free_prompts()
    texts = [known_part(prompt.text, known)[0] if known else prompt.text for prompt in prompts]
    pictures = drawn(made, texts, steps=steps)
    if sheet_path is not None:
        sheet(pictures, columns=10).save(sheet_path)
    found = read(reader, tensor_of(pictures))
    wrong_kind, wrong_wishes, wishes = [], [], 0
    for index, prompt in enumerate(prompts):
        kind = VALUES["kind"][int(found["kind"][index])]
        if kind != prompt.kind:
            wrong_kind.append(f"{prompt.text} -> {kind}")
        for name, value in prompt.wishes:
            wishes += 1
            shown = VALUES[name][int(found[name][index])]
            if shown != value:
                wrong_wishes.append(f"{prompt.text}: {name} {value} -> {shown}")
    return {
        "right_kind": len(prompts) - len(wrong_kind),
        "of": len(prompts),
        "wrong_kind": wrong_kind,
        "right_wishes": wishes - len(wrong_wishes),
        "wishes": wishes,
        "wrong_wishes": wrong_wishes,
    }


def autoencoder_figures(made: StableDiffusionPipeline, count: int = 96) -> dict[str, float]:
    """Mean PSNR of held-out pictures, all and persons only, in dB."""
    looks = held_out_looks(count)
    some = [look for look in looks if look.kind == "person"]
    return {
        "psnr": round(psnr(made.vae, batch_of(looks, 128)), 2),
        "psnr_persons": round(psnr(made.vae, batch_of(some, 128)), 2),
    }
