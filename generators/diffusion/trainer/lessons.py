"""From pictures and captions to what a network learns from, encoded once. Knows no optimizer and no architecture."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image

from generators.diffusion.failures import BadAskError
from generators.diffusion.pictures import opened
from generators.diffusion.trainer.orders import TEMPLATE, Order
from generators.diffusion.vocabulary import known_part, words_of

MOST_HELD_OUT = 3
HOLD_OUT_FROM = 5  # of fewer pictures none can be spared


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows of clean latents [n, ...] and, for each, the network's conditions as its pupil keeps them."""

    latents: torch.Tensor
    conditions: tuple[Any, ...]

    def rows(self, index: Sequence[int]) -> "Batch":
        """Some of them."""
        at = torch.tensor(list(index), device=self.latents.device)
        return Batch(latents=self.latents[at], conditions=tuple(self.conditions[row] for row in index))

    def but(self, where: Sequence[bool], other: Any) -> "Batch":
        """With the condition `other` where `where` is true."""
        mixed = (other if gone else own for gone, own in zip(where, self.conditions, strict=True))
        return Batch(latents=self.latents, conditions=tuple(mixed))

    def __len__(self) -> int:
        return len(self.latents)


class Pupil(Protocol):
    """A checkpoint as something that learns: one for each kind of network.

    `network` is what gets the adapter, `name` what it is called in the pipeline and the adapter's file; `targets`
    are the layers that learn, `more_targets` those that do so too where the network is small.
    """

    network: Any
    name: str
    targets: tuple[str, ...]
    more_targets: tuple[str, ...]

    def latents(self, picture: bytes) -> torch.Tensor:
        """A readable picture as one row [1, ...] of clean latents."""
        ...

    def conditions(self, prompt: str) -> Any:
        """What the network is told beside the latents."""
        ...

    def losses(self, batch: Batch, noise: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """The squared error of each row's prediction; `share` 0..1 says how late in the noising it stands."""
        ...

    def drawn(self, prompt: str, seed: int) -> torch.Tensor:
        """A picture of the checkpoint's own as one row of clean latents."""
        ...

    def picture(self, prompt: str, seed: int) -> Image.Image:
        """What it draws now."""
        ...


def joined(batches: Sequence[Batch]) -> Batch:
    """One after another."""
    return Batch(
        latents=torch.cat([batch.latents for batch in batches]),
        conditions=tuple(condition for batch in batches for condition in batch.conditions),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class School:
    """Everything that is learned from. `held_out` = row numbers of `own` that are only judged by."""

    own: Batch
    nothing: Any
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
def school(pupil: Pupil, order: Order) -> School:
    """Encode everything.

    Raises:
        BadAskError: a picture cannot be read.
    """
    own = joined([_lesson(pupil, order, one.file, one.caption) for one in order.lessons])
    return School(
        own=own,
        nothing=pupil.conditions(""),
        prior=_prior(pupil, order) if order.prior else None,
        held_out=held_out(len(order.lessons), order.seed),
    )


def held_out(count: int, seed: int) -> tuple[int, ...]:
    """Which pictures are not learned: about a fifth, three at most, none of fewer than five."""
    if count < HOLD_OUT_FROM:
        return ()
    generator = torch.Generator("cpu").manual_seed(seed)
    order = torch.randperm(count, generator=generator).tolist()
    return tuple(sorted(order[: min(MOST_HELD_OUT, max(1, count // 5))]))


def _lesson(pupil: Pupil, order: Order, file: str, caption: str) -> Batch:
    data = order.path(file).read_bytes()
    try:
        opened(data)
    except ValueError as error:
        raise BadAskError(f"A training picture cannot be read: {file}.") from error
    return Batch(latents=pupil.latents(data), conditions=(pupil.conditions(_understood(order, caption)),))


def _prior(pupil: Pupil, order: Order) -> Batch:
    """Pictures of the class as the checkpoint draws it untrained (Ruiz et al. 2023, arXiv 2208.12242, 3.2)."""
    prompt = TEMPLATE.format(name=order.class_prompt)
    conditions = pupil.conditions(_understood(order, prompt))
    made = [pupil.drawn(prompt, (order.seed + 1 + number) % 2**63) for number in range(order.prior)]
    return Batch(latents=torch.cat(made), conditions=(conditions,) * len(made))


def _understood(order: Order, prompt: str) -> str:
    """In the words that the checkpoint knows, where it knows only some."""
    known = words_of(Path(order.source)) if Path(order.source).is_dir() else None
    return prompt if known is None else known_part(prompt, known, (order.name, order.trigger))[0]
