"""From pictures and captions to what a UNet learns from: latents and embeds, encoded once. Knows no optimizer.

SD and SDXL: `encode_prompt` and the VAE of the stock pipeline; size conditions as in Podell et al. 2023, 2.2.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from generators.diffusion.failures import BadAskError
from generators.diffusion.families.rows import sampled
from generators.diffusion.families.unet import to_latents
from generators.diffusion.pictures import fitted, opened
from generators.diffusion.trainer.orders import TEMPLATE, Order
from generators.diffusion.vocabulary import known_part, words_of

FAMILIES = ("sd", "sdxl")
MOST_HELD_OUT = 3
HOLD_OUT_FROM = 5  # of fewer pictures none can be spared


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows of latents [n, channels, h, w] with the UNet's conditions of the same length."""

    latents: torch.Tensor
    conditions: dict[str, torch.Tensor]

    def rows(self, index: Sequence[int]) -> "Batch":
        """Some of them."""
        at = torch.tensor(list(index), device=self.latents.device)
        return Batch(
            latents=self.latents[at], conditions={name: value[at] for name, value in self.conditions.items()}
        )

    def but(self, where: torch.Tensor, other: "Batch") -> "Batch":
        """With the conditions of `other`'s only row where `where` [n] is true."""
        mixed = {
            name: torch.where(where.view(-1, *[1] * (value.dim() - 1)), other.conditions[name], value)
            for name, value in self.conditions.items()
        }
        return Batch(latents=self.latents, conditions=mixed)

    def __len__(self) -> int:
        return len(self.latents)


def joined(batches: Sequence[Batch]) -> Batch:
    """One after another."""
    names = batches[0].conditions
    return Batch(
        latents=torch.cat([batch.latents for batch in batches]),
        conditions={name: torch.cat([batch.conditions[name] for batch in batches]) for name in names},
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class School:
    """Everything that is learned from. `held_out` = row numbers of `own` that are only judged by."""

    own: Batch
    nothing: Batch
    prior: Batch | None
    held_out: tuple[int, ...]

    @property
    def taught(self) -> tuple[int, ...]:
        """Row numbers of `own` that are learned."""
        return tuple(row for row in range(len(self.own)) if row not in self.held_out)

    @property
    def judged(self) -> tuple[int, ...]:
        """Row numbers of `own` to judge by: those held out, or all when none could be spared."""
        return self.held_out or tuple(range(len(self.own)))


@torch.no_grad()
def school(pipeline: Any, order: Order) -> School:
    """Encode everything.

    Raises:
        BadAskError: the family cannot be trained here, or a picture cannot be read.
    """
    if order.family not in FAMILIES:
        raise BadAskError(f"Adapters can be trained for {' and '.join(FAMILIES)} checkpoints only.")
    own = joined([_lesson(pipeline, order, one.file, one.caption) for one in order.lessons])
    empty = Batch(latents=own.latents[:1], conditions=_conditions(pipeline, order, ""))
    return School(
        own=own,
        nothing=empty,
        prior=_prior(pipeline, order) if order.prior else None,
        held_out=held_out(len(order.lessons), order.seed),
    )


def held_out(count: int, seed: int) -> tuple[int, ...]:
    """Which pictures are not learned: about a fifth, three at most, none of fewer than five."""
    if count < HOLD_OUT_FROM:
        return ()
    generator = torch.Generator("cpu").manual_seed(seed)
    order = torch.randperm(count, generator=generator).tolist()
    return tuple(sorted(order[: min(MOST_HELD_OUT, max(1, count // 5))]))


def _lesson(pipeline: Any, order: Order, file: str, caption: str) -> Batch:
    try:
        picture = fitted(opened(order.path(file).read_bytes()), order.side, order.side)
    except ValueError as error:
        raise BadAskError(f"A training picture cannot be read: {file}.") from error
    vae = pipeline.vae
    pixels = pipeline.image_processor.preprocess(picture).to(vae.device, vae.dtype)
    latents = to_latents(vae, sampled(vae, pixels, None)).to(pipeline.unet.dtype)
    return Batch(latents=latents, conditions=_conditions(pipeline, order, caption))


def _prior(pipeline: Any, order: Order) -> Batch:
    """Pictures of the class as the checkpoint draws it untrained (Ruiz et al. 2023, arXiv 2208.12242, 3.2)."""
    prompt = TEMPLATE.format(name=order.class_prompt)
    conditions = _conditions(pipeline, order, prompt)
    made = []
    for number in range(order.prior):
        generator = torch.Generator("cpu").manual_seed((order.seed + 1 + number) % 2**63)
        latents = pipeline(
            prompt=prompt,
            height=order.side,
            width=order.side,
            num_inference_steps=order.sample_steps,
            guidance_scale=order.guidance,
            generator=generator,
            output_type="latent",
        ).images
        made.append(Batch(latents=latents.to(pipeline.unet.dtype), conditions=conditions))
    return joined(made)


def _conditions(pipeline: Any, order: Order, prompt: str) -> dict[str, torch.Tensor]:
    device = pipeline.unet.device
    known = words_of(Path(order.source)) if Path(order.source).is_dir() else None
    if known is not None:
        prompt, _ = known_part(prompt, known, (order.name, order.trigger))
    if order.family == "sd":
        return {"encoder_hidden_states": pipeline.encode_prompt(prompt, device, 1, False)[0]}
    embeds, _, pooled, _ = pipeline.encode_prompt(
        prompt=prompt, device=device, num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    size = (order.side, order.side)
    ids = torch.tensor([[*size, 0, 0, *size]], dtype=embeds.dtype, device=device)
    return {"encoder_hidden_states": embeds, "text_embeds": pooled, "time_ids": ids}
