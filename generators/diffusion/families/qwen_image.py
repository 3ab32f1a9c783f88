"""Qwen-Image: a Qwen2.5-VL text encoder, a transformer over packed latents, prompts of their own length.

Guidance needs a negative prompt; None stands for a single space, as the model's makers use it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from generators.diffusion.adapters.attached import Attached
from generators.diffusion.asks import Ask
from generators.diffusion.families import flow
from generators.diffusion.families.family import State
from generators.diffusion.families.rows import look_through, sampled
from generators.diffusion.families.text import truncated

TOKENS = 512
NO_NEGATIVE = " "


class QwenImage:
    """`QwenImagePipeline` and its image-to-image twin."""

    def encode(self, pipeline: Any, ask: Ask, attached: Attached) -> State:
        """See `Family`."""
        two = ask.guidance > 1
        negative = NO_NEGATIVE if ask.negative_prompt is None else ask.negative_prompt
        words = [negative, ask.prompt] if two else [ask.prompt]
        prompts = self.prompts(pipeline, words, ask)
        positive = prompts[-1]
        height, width = flow.latent_size(pipeline, ask.width, ask.height)
        tokens = (height // 2) * (width // 2)
        start = flow.Start(
            shape=(1, 1, pipeline.transformer.config.in_channels // 4, height, width),
            like=positive,
            mu=flow.shifted(pipeline.scheduler, tokens),
            sigmas=flow.even_sigmas(ask.steps),
            encode=self.begins_with(pipeline),
            pack=lambda latents: flow.packed(latents[:, 0]),
        )
        state = flow.begin(pipeline, ask, attached, {"rows": len(prompts), "prompt": prompts}, start)
        state.share = (height, width)
        rest = truncated(pipeline.tokenizer, ask.prompt, TOKENS, ends=False)
        if rest:
            state.notes["truncatedPrompt"] = rest
        return state

    def prompts(
        self,
        pipeline: Any,
        words: Sequence[str],
        ask: Ask,  # noqa: ARG002 - of use to those that see pictures
    ) -> list[torch.Tensor]:
        """Each as [1, tokens, width]; `ask` has what else the text encoder sees."""
        return [_prompt(pipeline, text) for text in words]

    def begins_with(self, pipeline: Any) -> "flow.Encode | None":
        """How an initial picture becomes latents; None = none is taken."""
        return lambda pixels, generator: _encoded(pipeline.vae, pixels, generator).transpose(1, 2)

    def denoise(self, pipeline: Any, states: Sequence[State]) -> list[torch.Tensor]:
        """See `Family`; the guided prediction keeps the length of the conditional one, token by token."""
        out = flow.predicted(pipeline, states, _forward)
        predictions, row = [], 0
        for state in states:
            own = out[row : row + state.rows]
            row += state.rows
            if state.rows > 1:
                unconditional, conditional = own.chunk(2)
                mixed = unconditional + state.guidance * (conditional - unconditional)
                length = torch.norm(conditional, dim=-1, keepdim=True)
                own = mixed * (length / torch.norm(mixed, dim=-1, keepdim=True))
            predictions.append(own)
        return predictions

    def step(self, state: State, prediction: torch.Tensor, *, estimate: bool) -> torch.Tensor | None:
        """See `Family`."""
        height, width = state.share[:2]
        return flow.stepped(
            state, prediction, estimate=estimate, unpack=lambda tokens: flow.unpacked(tokens, height, width)
        )

    def decode(self, pipeline: Any, latents: torch.Tensor, size: tuple[int, int]) -> Image.Image:
        """See `Family`."""
        vae = pipeline.vae
        own = flow.unpacked(latents, *flow.latent_size(pipeline, *size)).to(vae.dtype)[:, :, None]
        mean, spread = _scale(vae, own)
        out = vae.decode(own / spread + mean, return_dict=False)[0][:, :, 0]
        picture: Image.Image = pipeline.image_processor.postprocess(out, output_type="pil")[0]
        return picture

    def look(self, pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Family`."""
        vae = pipeline.vae
        return look_through(
            lambda pictures: torch.cat([_encoded(vae, one[None], None)[:, :, 0] for one in pictures]),
            flow.LOOK_LATENTS * pipeline.vae_scale_factor,
            next(vae.parameters()),
        )


def _prompt(pipeline: Any, text: str) -> torch.Tensor:
    """[1, tokens, width]; a single prompt has no padding, so no mask."""
    embeds, _ = pipeline.encode_prompt(
        prompt=text, device=pipeline.transformer.device, max_sequence_length=TOKENS
    )
    own: torch.Tensor = embeds
    return own


def _forward(pipeline: Any, states: Sequence[State]) -> torch.Tensor:
    x = flow.latents(states)
    tokens = x.shape[1]
    if "seen" in states[0].inputs:
        x = torch.cat([x, flow.texts(states, "seen")], dim=1)
    prompts = [prompt for state in states for prompt in state.inputs["prompt"]]
    longest = max(prompt.shape[1] for prompt in prompts)
    lengths = torch.tensor([prompt.shape[1] for prompt in prompts], device=x.device)
    mask = torch.arange(longest, device=x.device)[None] < lengths[:, None]
    padded = [torch.nn.functional.pad(prompt, (0, 0, 0, longest - prompt.shape[1])) for prompt in prompts]
    height, width, *seen = states[0].share
    out: torch.Tensor = pipeline.transformer(
        hidden_states=x,
        timestep=flow.times(states, x.dtype) / 1000,
        encoder_hidden_states=torch.cat(padded),
        encoder_hidden_states_mask=None if bool((lengths == longest).all()) else mask.long(),
        img_shapes=[[(1, height // 2, width // 2), *seen]] * len(prompts),
        return_dict=False,
    )[0]
    return out[:, :tokens]


def _scale(vae: Any, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(like.device, like.dtype)
    return mean, 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(like.device, like.dtype)


def _encoded(vae: Any, pixels: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    drawn = sampled(vae, pixels.to(vae.dtype)[:, :, None], generator)
    mean, spread = _scale(vae, drawn)
    return (drawn - mean) * spread


FAMILY = QwenImage()
