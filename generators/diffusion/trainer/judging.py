"""How good a checkpoint of a training is, as a number; higher is better. Used to keep the best one.

With an image encoder at hand (the IP-Adapter's): the mean cosine between the embedding of the sample and those of
the pictures held out (CLIP-I, Ruiz et al. 2023, arXiv 2208.12242, section 4). Without one: minus the denoising
loss on the pictures held out, at fixed noise and fixed timesteps, so that checkpoints can be compared.
"""

from typing import Any

import torch
from PIL import Image

from generators.diffusion.pictures import fitted, opened
from generators.diffusion.trainer.lessons import School
from generators.diffusion.trainer.orders import Order

MOMENTS = 4  # timesteps at which a held-out picture is judged


class Encoder:
    """Looks at pictures through a CLIP image encoder."""

    def __init__(self, order: Order, school: School) -> None:
        from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

        self._network = CLIPVisionModelWithProjection.from_pretrained(
            order.judge, use_safetensors=True, local_files_only=True
        ).eval()
        self._prepare = CLIPImageProcessor()
        pictures = [opened(order.path(order.lessons[row].file).read_bytes()) for row in school.judged]
        self._wanted = self._seen([fitted(one, order.side, order.side) for one in pictures])

    def likeness(self, picture: Image.Image) -> float:
        """Mean cosine with the pictures held out, -1..1."""
        return float((self._wanted @ self._seen([picture])[0]).mean())

    @torch.no_grad()
    def _seen(self, pictures: list[Image.Image]) -> torch.Tensor:
        side = self._network.config.image_size
        pixels = self._prepare(
            images=[fitted(one, side, side) for one in pictures],
            return_tensors="pt",
            do_resize=False,
            do_center_crop=False,
        ).pixel_values
        embeds: torch.Tensor = self._network(pixels.float()).image_embeds
        return torch.nn.functional.normalize(embeds, dim=-1)


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
