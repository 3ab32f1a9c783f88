"""Rectified-flow transformers as something that learns, through their family's own `encode` and `denoise`.

So the trainer knows no transformer's inputs: a condition is an encoded request, and a row of a lesson is that request
with noised latents at a time of its own. The network predicts the velocity noise - data (Liu et al. 2022,
arXiv 2209.03003); times are drawn logit-normally (Esser et al. 2024, arXiv 2403.03206, 3.1) and laid on the family's
own schedule at this size, shift included.
"""

import dataclasses
import io
from typing import Any

import torch
from PIL import Image

from generators.diffusion.adapters.attached import NOTHING
from generators.diffusion.asks import Ask
from generators.diffusion.families.cards import BY_NAME
from generators.diffusion.families.family import State
from generators.diffusion.trainer.lessons import Batch
from generators.diffusion.trainer.orders import Order

EDGE = 1e-4  # shares nearer than this to 0 or 1 would be infinitely far out on the normal curve
CLOCK = 1000.0  # a scheduler's time of noise alone


class FlowPupil:
    """See Pupil; a condition is a `State` of one row without guidance."""

    name: str = "transformer"
    targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out",
               "to_qkv_mlp_proj")  # fmt: skip
    more_targets: tuple[str, ...] = (
        "net.0.proj",
        "net.2",
        "proj_mlp",
        "linear_in",
        "linear_out",
        "w1",
        "w2",
        "w3",
    )

    def __init__(self, pipeline: Any, order: Order, *, autocast: bool) -> None:
        self._pipeline = pipeline
        self._order = order
        self._autocast = autocast
        card = BY_NAME[order.family]
        self._family = card.load()
        self._unguided = card.no_guidance
        self.network = pipeline.transformer
        self._sigmas = self._schedule()

    def latents(self, picture: bytes) -> torch.Tensor:
        """See Pupil."""
        state = self._family.encode(self._pipeline, self._ask("", init_image=picture), NOTHING)
        assert state.clean is not None
        return state.clean

    def conditions(self, prompt: str) -> State:
        """See Pupil."""
        return self._family.encode(self._pipeline, self._ask(prompt), NOTHING)

    def losses(self, batch: Batch, noise: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """See Pupil."""
        clean = batch.latents
        noise = noise.to(clean.device, clean.dtype)
        sigmas = self._sigma(share).to(clean.device, torch.float32)
        wide = sigmas.view(-1, *[1] * (clean.dim() - 1))
        noisy = ((1 - wide) * clean + wide * noise).to(clean.dtype)
        states = [
            dataclasses.replace(state, latents=noisy[row : row + 1], timesteps=[sigmas[row] * CLOCK], index=0)
            for row, state in enumerate(batch.conditions)
        ]
        with torch.autocast(clean.device.type, torch.bfloat16, enabled=self._autocast):
            predicted = torch.cat(self._family.denoise(self._pipeline, states))
        errors = (predicted.float() - (noise - clean).float()).square()
        return errors.flatten(1).mean(dim=1)

    def drawn(self, prompt: str, seed: int) -> torch.Tensor:
        """See Pupil; through the VAE, as any other picture comes."""
        data = io.BytesIO()
        self.picture(prompt, seed).save(data, format="PNG")
        return self.latents(data.getvalue())

    @torch.no_grad()
    def picture(self, prompt: str, seed: int) -> Image.Image:
        """See Pupil."""
        order = self._order
        ask = dataclasses.replace(self._ask(prompt, seed=seed), guidance=order.guidance)
        state = self._family.encode(self._pipeline, ask, NOTHING)
        while not state.done:
            (prediction,) = self._family.denoise(self._pipeline, [state])
            self._family.step(state, prediction, estimate=False)
        return self._family.decode(self._pipeline, state.latents, (order.side, order.side))

    def _ask(self, prompt: str, **more: Any) -> Ask:
        """One row: guidance is for sampling. A network that is told its guidance learns at 1."""
        order = self._order
        plain: dict[str, Any] = {
            "seed": order.seed % 2**63,
            "guidance": self._unguided,
            "steps": order.sample_steps,
        }
        return Ask(
            checkpoint=order.base_model, prompt=prompt, width=order.side, height=order.side, **(plain | more)
        )

    @torch.no_grad()
    def _schedule(self) -> torch.Tensor:
        """The noise levels that a picture of this size goes through, rising from 0 to 1."""
        state = self._family.encode(self._pipeline, self._ask(""), NOTHING)
        falling = torch.stack([time.float().cpu() for time in state.timesteps]) / CLOCK
        return torch.cat([torch.zeros(1), falling.flip(0)])

    def _sigma(self, share: torch.Tensor) -> torch.Tensor:
        """Noise levels [n] for shares [n] of the draws."""
        middling = torch.sigmoid(torch.special.ndtri(share.double().clamp(EDGE, 1 - EDGE))).float()
        place = middling * (len(self._sigmas) - 1)
        low = place.long().clamp(max=len(self._sigmas) - 2)
        return torch.lerp(self._sigmas[low], self._sigmas[low + 1], place - low)
