"""The denoiser's stages as they are run: parts loaded, sheets of samples drawn on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from training.starter.captions import caption
from training.starter.denoiser import Denoiser, Material, new_unet, train_denoiser
from training.starter.joint import Together, train_joint
from training.starter.latents import LatentCache
from training.starter.parts import (
    denoiser_with,
    deviation_of,
    load_autoencoder,
    load_denoiser,
    load_text,
    load_together,
    load_tokenizer,
    load_vision,
    pipeline,
    scaled,
)
from training.starter.runs import Plan, Run, draws
from training.starter.sheets import held_out_looks, sheet
from training.starter.usual import train_usual
from training.starter.wording import train_wording

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

SAMPLES = 16


def run_denoiser(plan: Plan, folder: Path, *, batch: int) -> Run:
    """Train the UNet on the folder's latents."""
    from diffusers.models.attention_processor import AttnProcessor

    torch.manual_seed(plan.seed)
    unet = new_unet()  # not channels_last: group norms in that layout cost ten times as much
    unet.set_attn_processor(AttnProcessor())
    model = Denoiser(unet, load_text(folder))
    material = material_of(folder, batch)
    return train_denoiser(plan, model, material, every=sampler(folder, plan, material))


def run_joint(plan: Plan, folder: Path, *, batch: int) -> Run:
    """Train UNet, text encoder and reference conditioning, from the denoiser's averaged weights."""
    torch.manual_seed(plan.seed)
    model = Together(load_denoiser(folder, "denoiser").train(), load_vision(folder))
    material = material_of(folder, batch)
    return train_joint(plan, model, material, every=sampler(folder, plan, material))


def run_wording(plan: Plan, folder: Path, *, batch: int) -> Run:
    """Teach more words, from the joint stage's averaged weights."""
    torch.manual_seed(plan.seed)
    model = load_together(folder).train()
    material = material_of(folder, batch)
    return train_wording(plan, model, material, every=sampler(folder, plan, material))


def run_usual(plan: Plan, folder: Path, *, batch: int) -> Run:
    """Teach what to draw where nothing is said, from the averaged weights of the wording stage or an unpacked checkpoint."""
    torch.manual_seed(plan.seed)
    worded = (folder / "wording" / "state.pt").exists()
    model = load_together(folder, "wording" if worded else "joint").train()
    material = material_of(folder, batch)
    return train_usual(plan, model, material, every=sampler(folder, plan, material))


def material_of(folder: Path, batch: int) -> Material:
    """The folder's latents and tokenizer."""
    cache = LatentCache(folder / "latents")
    return Material(cache, load_tokenizer(folder), batch, deviation_of(folder, cache), half=True)


def sampler(folder: Path, plan: Plan, material: Material) -> Callable[[Run], Mapping[str, float]]:
    """Draws a sheet of held-out captions with the averaged weights."""
    autoencoder = scaled(load_autoencoder(folder), material.deviation)

    def every(run: Run) -> Mapping[str, float]:
        made = pipeline(denoiser_with(folder, run.average), autoencoder, folder)
        pictures = drawn(made, held_out_captions(SAMPLES), steps=12)
        sheet(pictures).save(plan.folder / f"samples-{run.step:06d}.png")
        return {"sheet": float(run.step)}

    return every


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
