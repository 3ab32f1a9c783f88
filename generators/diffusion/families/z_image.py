"""Z-Image: a Qwen3 text encoder, a transformer that takes lists, so every size shares one forward.

Guidance here adds to the conditional prediction: c + g (c - u), and 0 means none (as for the Turbo weights).
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.models.transformers.transformer_z_image import SEQ_MULTI_OF
from PIL import Image

from generators.diffusion.adapters.attached import Attached
from generators.diffusion.adapters.lora import worn
from generators.diffusion.asks import Ask
from generators.diffusion.families import flow
from generators.diffusion.families.family import State
from generators.diffusion.families.text import truncated_in_chat

TOKENS = 512
PATCH = 2


class ZImage:
    """`ZImagePipeline` and its image-to-image twin; the conditional row comes first."""

    def encode(self, pipeline: Any, ask: Ask, attached: Attached) -> State:
        """See `Family`."""
        two = ask.guidance > 0
        device = pipeline.transformer.device
        positive, negative = pipeline.encode_prompt(
            ask.prompt,
            device=device,
            do_classifier_free_guidance=two,
            negative_prompt=ask.negative_prompt,
            max_sequence_length=TOKENS,
        )
        height, width = flow.latent_size(pipeline, ask.width, ask.height)
        start = flow.Start(
            shape=(1, pipeline.transformer.in_channels, height, width),
            like=torch.empty(0, dtype=torch.float32, device=device),
            mu=flow.shifted(pipeline.scheduler, (height // 2) * (width // 2)),
            sigmas=torch.linspace(1.0, 1 / ask.steps, ask.steps).tolist(),
            encode=lambda pixels, generator: flow.encoded(pipeline.vae, pixels, generator).float(),
        )
        state = flow.begin(
            pipeline, ask, attached, {"rows": 2 if two else 1, "prompt": [*positive, *negative]}, start
        )
        rest = truncated_in_chat(pipeline.tokenizer, ask.prompt, TOKENS)
        if rest:
            state.notes["truncatedPrompt"] = rest
        return state

    def denoise(self, pipeline: Any, states: Sequence[State]) -> list[torch.Tensor]:
        """See `Family`; rows of any size, aspect and prompt length."""
        dtype = pipeline.transformer.dtype
        pictures = [state.latents.to(dtype)[0].unsqueeze(1) for state in states for _ in range(state.rows)]
        prompts = [prompt for state in states for prompt in state.inputs["prompt"]]
        loras = [(state.rows, state.attached.loras) for state in states]
        with worn(pipeline.transformer, "transformer", loras, _joined(pictures, prompts)):
            out = pipeline.transformer(
                pictures, (1000 - flow.times(states, torch.float32)) / 1000, prompts, return_dict=False
            )[0]
        predictions, row = [], 0
        for state in states:
            own = [one.float().squeeze(1)[None] for one in out[row : row + state.rows]]
            row += state.rows
            velocity = own[0] if state.rows == 1 else own[0] + state.guidance * (own[0] - own[1])
            predictions.append(-velocity)
        return predictions

    def step(self, state: State, prediction: torch.Tensor, *, estimate: bool) -> torch.Tensor | None:
        """See `Family`."""
        return flow.stepped(state, prediction, estimate=estimate)

    def decode(self, pipeline: Any, latents: torch.Tensor, size: tuple[int, int]) -> Image.Image:
        """See `Family`; the latents already have the size."""
        del size
        return flow.decoded(pipeline, latents)

    def look(self, pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Family`."""
        return flow.look(pipeline)


def _joined(pictures: Sequence[torch.Tensor], prompts: Sequence[torch.Tensor]) -> dict[str, list[int]]:
    """The two layers that embed all rows as one, and how many tokens each row has there."""
    squares = [picture.shape[-2] // PATCH * (picture.shape[-1] // PATCH) for picture in pictures]
    return {
        f"all_x_embedder.{PATCH}-1": [_padded(count) for count in squares],
        "cap_embedder.1": [_padded(len(prompt)) for prompt in prompts],
    }


def _padded(tokens: int) -> int:
    padded: int = tokens + -tokens % SEQ_MULTI_OF
    return padded


FAMILY = ZImage()
