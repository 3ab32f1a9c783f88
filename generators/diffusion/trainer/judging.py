"""How good a checkpoint of a training is, as a number; higher is better. Used to keep the best one.

With an image encoder at hand (encoders.py says which): the mean cosine between the embeddings of a few samples and
those of the pictures held out (CLIP-I, Ruiz et al. 2023, arXiv 2208.12242, section 4). Without one: minus the denoising
loss on the pictures held out, at fixed noise and fixed timesteps, so that checkpoints can be compared.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from generators.diffusion.encoders import FolderEncoder
from generators.diffusion.trainer.lessons import School
from generators.diffusion.trainer.orders import Order

MOMENTS = 4  # timesteps at which a held-out picture is judged


class Judge:
    """Looks at pictures through an image encoder."""

    def __init__(self, order: Order, school: School) -> None:
        self._encoder = FolderEncoder(Path(order.judge))
        files = (order.path(order.lessons[row].file) for row in school.judged)
        looks = (self._encoder.look(file.read_bytes()) for file in files)
        self._wanted = [look for look in looks if look is not None]

    @property
    def able(self) -> bool:
        """Whether the encoder could be loaded and saw anything."""
        return bool(self._wanted)

    def likeness(self, pictures: Iterable[bytes]) -> float:
        """Mean cosine of one picture or more with those held out, -1..1; -1 for one that the encoder cannot see."""
        scores = [self._likeness(picture) for picture in pictures]
        return sum(scores) / len(scores)

    def _likeness(self, picture: bytes) -> float:
        look = self._encoder.look(picture)
        if look is None:
            return -1.0
        products = [sum(x * y for x, y in zip(look, wanted, strict=True)) for wanted in self._wanted]
        return sum(products) / len(products)


@torch.no_grad()
def held_out_loss(losses: Any, school: School, seed: int) -> float:
    """The mean loss on what is judged by; `losses(batch, noise, timesteps)` gives one per row."""
    generator = torch.Generator("cpu").manual_seed((seed + 7) % 2**63)
    batch = school.own.rows(school.judged)
    found = []
    for moment in range(MOMENTS):
        noise = torch.randn(batch.latents.shape, generator=generator)
        share = (moment + 0.5) / MOMENTS
        found.append(losses(batch, noise, torch.full((len(batch),), share)).mean())
    return float(torch.stack(found).mean())
