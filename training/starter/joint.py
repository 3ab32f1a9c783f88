"""The joint stage: UNet, text encoder and reference conditioning trained together while the rate falls.

Steps alternate: captions alone, then captions that leave the character to a reference picture. So one UNet
learns both, and no later stage has to bend around it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from typing_extensions import override

from training.starter.arithmetic import autocast
from training.starter.autoencoder import batch_of
from training.starter.characters import elsewhere, said_about
from training.starter.denoiser import Denoiser, Material, captions_for, velocity_losses_of
from training.starter.lexicon import FIRST, Lexicon
from training.starter.optimizers import optimizers_for
from training.starter.reference import install_adapter, is_adapters, weigh_reference
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.text import HIDDEN, token_ids
from training.starter.vision import Vision, as_encoder_sees

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPVisionModelWithProjection

UNCONDITIONAL_SHARE: Final = 0.1
DROPPED_SHARE: Final = 0.05


class Together(nn.Module):
    """UNet with adapter, text encoder and image encoder, as they are trained."""

    def __init__(self, denoiser: Denoiser, vision: Vision) -> None:
        super().__init__()
        self.unet: UNet2DConditionModel = denoiser.unet
        self.text: CLIPTextModel = denoiser.text.requires_grad_(requires_grad=True)
        self.encoder: CLIPVisionModelWithProjection = vision.encoder
        install_adapter(self.unet, vision.projection)

    @override
    def forward(self, noisy: Tensor, times: Tensor, ids: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Predicted velocity, shaped like `noisy`; without an embedding the adapter is out of the way."""
        weigh_reference(self.unet, 0.0 if embedding is None else 1.0)
        shown = torch.zeros(len(ids), HIDDEN) if embedding is None else embedding
        made: Tensor = self.unet(
            noisy,
            times,
            encoder_hidden_states=self.text(ids).last_hidden_state,
            added_cond_kwargs={"image_embeds": [shown[:, None]]},
            return_dict=False,
        )[0]
        return made


def denoiser_part(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What of a joint state is UNet and text encoder, under a `Denoiser`'s names."""
    return {
        name: value
        for name, value in state.items()
        if name.startswith(("unet.", "text.")) and not is_adapters(name)
    }


class Said:
    """Draws training rows that captions alone describe."""

    def __init__(self, material: Material) -> None:
        self._material = material

    def rows(self, rng: random.Random) -> tuple[list[int], list[str]]:
        """Numbers of cached pictures and their captions."""
        indices = [rng.randrange(len(self._material.cache)) for _ in range(self._material.batch)]
        return indices, captions_for(self._material.cache, indices, rng)


class Held:
    """Draws training rows in which a reference picture shows who it is."""

    def __init__(
        self, material: Material, lexicon: Lexicon = FIRST, unconditional: float = UNCONDITIONAL_SHARE
    ) -> None:
        cache = material.cache
        self._material = material
        self._lexicon = lexicon
        self._unconditional = unconditional
        self._persons = [index for index in range(len(cache)) if cache.look(index).kind == "person"]

    def rows(self, rng: random.Random) -> tuple[list[int], list[str], Tensor, Tensor]:
        """Numbers of cached pictures, their captions, references, and 0 where a reference is dropped."""
        cache = self._material.cache
        indices = rng.choices(self._persons, k=self._material.batch)
        looks = [cache.look(index) for index in indices]
        texts, kept = [], []
        for look in looks:
            draw = rng.random()
            texts.append("" if draw < self._unconditional else said_about(look, rng, self._lexicon))
            kept.append(float(draw >= self._unconditional + DROPPED_SHARE))
        pictures = batch_of([elsewhere(look, rng) for look in looks], 128)
        return indices, texts, pictures, torch.tensor(kept)[:, None]


def said_losses(
    model: Together, material: Material, said: Said, draw: tuple[random.Random, torch.Generator]
) -> StepLosses:
    """Velocity error of one step by captions alone."""
    rng, generator = draw
    indices, texts = said.rows(rng)
    ids = token_ids(material.tokenizer, texts)
    losses = velocity_losses_of(lambda noisy, times: model(noisy, times, ids), material, indices, generator)
    return {**losses, "said": losses["loss"].detach()}


def held_losses(
    model: Together, material: Material, held: Held, draw: tuple[random.Random, torch.Generator]
) -> StepLosses:
    """Velocity error of one step by references."""
    rng, generator = draw
    indices, texts, pictures, kept = held.rows(rng)
    with autocast(enabled=material.half):
        embedding = model.encoder(as_encoder_sees(pictures)).image_embeds * kept
    ids = token_ids(material.tokenizer, texts)
    losses = velocity_losses_of(
        lambda noisy, times: model(noisy, times, ids, embedding), material, indices, generator
    )
    return {**losses, "held": losses["loss"].detach()}


def train_joint(plan: Plan, model: Together, material: Material, *, every: Any = None) -> Run:
    """Train all parts, resuming what the folder holds."""
    outer = ("conv_in", "conv_out", "time_embedding", "encoder_hid_proj")
    optimizers = optimizers_for(model.unet, rate=plan.rate, decay=0.01, adam_names=outer)
    for part in (model.text, model.encoder):
        optimizers += optimizers_for(part, rate=plan.rate / 3, decay=0.01, adam_names=("embedding",))
    run = Run(plan, model, optimizers)
    run.resume()
    said, held = Said(material), Held(material)

    def losses_of(step: int) -> StepLosses:
        draw = draws(plan.seed + 6, step)
        if step % 2:
            return held_losses(model, material, held, draw)
        return said_losses(model, material, said, draw)

    run.train(losses_of, every=every)
    return run
