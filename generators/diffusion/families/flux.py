"""FLUX.1: CLIP and T5, a transformer over packed latents, guidance as an input. Equal to the stock pipelines."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from generators.diffusion.adapters.attached import Attached
from generators.diffusion.asks import Ask
from generators.diffusion.families import flow
from generators.diffusion.families.family import State
from generators.diffusion.families.rows import guided
from generators.diffusion.families.text import truncated

T5_TOKENS = 512


class Flux:
    """`FluxPipeline` and its image-to-image twin: one row each, guidance per row."""

    def encode(self, pipeline: Any, ask: Ask, attached: Attached) -> State:
        """See `Family`; negative prompts are not offered."""
        prompt, pooled, text_ids = pipeline.encode_prompt(
            prompt=ask.prompt,
            prompt_2=None,
            device=pipeline.transformer.device,
            max_sequence_length=T5_TOKENS,
        )
        height, width = flow.latent_size(pipeline, ask.width, ask.height)
        channels = pipeline.transformer.config.in_channels // 4
        start = flow.Start(
            shape=(1, channels, height, width),
            like=prompt,
            mu=flow.shifted(pipeline.scheduler, (height // 2) * (width // 2)),
            sigmas=None if pipeline.scheduler.config.get("use_flow_sigmas") else flow.even_sigmas(ask.steps),
            encode=lambda pixels, generator: flow.encoded(pipeline.vae, pixels, generator),
            pack=flow.packed,
        )
        ids = pipeline._prepare_latent_image_ids(1, height // 2, width // 2, prompt.device, prompt.dtype)  # noqa: SLF001 - the stock pipeline's own positions
        inputs = {"rows": 1, "prompt": prompt, "pooled": pooled}
        state = flow.begin(pipeline, ask, attached, inputs, start)
        state.fixed = {"image": ids, "text": text_ids}
        state.share = (height, width, tuple(prompt.shape[1:]))
        rest = truncated(pipeline.tokenizer_2, ask.prompt, T5_TOKENS)
        if rest:
            state.notes["truncatedPrompt"] = rest
        return state

    def denoise(self, pipeline: Any, states: Sequence[State]) -> list[torch.Tensor]:
        """See `Family`."""
        return guided(states, flow.predicted(pipeline, states, _forward))

    def step(self, state: State, prediction: torch.Tensor, *, estimate: bool) -> torch.Tensor | None:
        """See `Family`."""
        height, width = state.share[:2]
        return flow.stepped(
            state, prediction, estimate=estimate, unpack=lambda tokens: flow.unpacked(tokens, height, width)
        )

    def decode(self, pipeline: Any, latents: torch.Tensor, size: tuple[int, int]) -> Image.Image:
        """See `Family`."""
        return flow.decoded(pipeline, flow.unpacked(latents, *flow.latent_size(pipeline, *size)))

    def look(self, pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Family`."""
        return flow.look(pipeline)


def _forward(pipeline: Any, states: Sequence[State]) -> torch.Tensor:
    x = flow.latents(states)
    guidance = None
    if pipeline.transformer.config.guidance_embeds:
        guidance = torch.tensor([state.guidance for state in states], device=x.device, dtype=torch.float32)
    out: torch.Tensor = pipeline.transformer(
        hidden_states=x,
        timestep=flow.times(states, x.dtype) / 1000,
        guidance=guidance,
        pooled_projections=flow.texts(states, "pooled"),
        encoder_hidden_states=flow.texts(states, "prompt"),
        txt_ids=states[0].fixed["text"],
        img_ids=states[0].fixed["image"],
        return_dict=False,
    )[0]
    return out


FAMILY = Flux()
