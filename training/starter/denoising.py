"""The denoiser's stages as they are run: parts loaded, sheets of samples drawn on the way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from training.starter.captions import caption
from training.starter.denoiser import Denoiser, Material, new_unet, train_denoiser
from training.starter.latents import LatentCache
from training.starter.parts import (
    averaged_into,
    load_autoencoder,
    load_text,
    load_tokenizer,
    pipeline,
    scaled,
)
from training.starter.runs import Plan, Run, draws
from training.starter.sheets import held_out_looks, sheet

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

SAMPLES = 16


def run_denoiser(plan: Plan, folder: Path, *, batch: int, joint: bool) -> Run:
    """Train the UNet (and the text encoder when `joint`) on the folder's latents."""
    from diffusers.models.attention_processor import AttnProcessor

    torch.manual_seed(plan.seed)
    unet = new_unet()  # not channels_last: group norms in that layout cost ten times as much
    unet.set_attn_processor(AttnProcessor())
    model = Denoiser(unet, load_text(folder), joint=joint)
    cache = LatentCache(folder / "latents")
    material = Material(cache, load_tokenizer(folder), batch, half=True)
    autoencoder = scaled(load_autoencoder(folder), cache.deviation())

    def every(run: Run) -> Mapping[str, float]:
        made = pipeline(averaged_into(model, run.average), autoencoder, folder)
        pictures = drawn(made, held_out_captions(SAMPLES), steps=12)
        sheet(pictures).save(plan.folder / f"samples-{run.step:06d}.png")
        return {"sheet": float(run.step)}

    start = folder / "denoiser" / "state.pt" if joint else None
    return train_denoiser(plan, model, material, every=every, start=start)


def held_out_captions(count: int) -> list[str]:
    """Captions that name everything, for looks that training does not draw."""
    rng, _ = draws(17, 3)
    return [caption(look, rng, everything=True) for look in held_out_looks(count)]


def drawn(
    made: StableDiffusionPipeline,
    prompts: list[str],
    *,
    steps: int = 15,
    guidance: float = 3.0,
    batch: int = 8,
) -> list[Image.Image]:
    """Pictures for prompts, each from a seed of its own (its number in the list)."""
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), batch):
        part = prompts[start : start + batch]
        seeds = [torch.Generator().manual_seed(start + index) for index in range(len(part))]
        pictures += made(part, num_inference_steps=steps, guidance_scale=guidance, generator=seeds).images
    return pictures
