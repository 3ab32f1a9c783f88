"""FLUX.2 klein: a Qwen3 text encoder, a transformer that reads reference pictures beside the one it makes.

The distilled weights take no guidance. References are tokens of their own, so requests share a forward when
their references have the same sizes. A reference's weight means nothing to the model.
"""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from generators.diffusion.adapters.attached import Attached
from generators.diffusion.asks import Ask
from generators.diffusion.families import flow
from generators.diffusion.families.family import State
from generators.diffusion.families.rows import guided, look_through, sampled
from generators.diffusion.families.text import truncated_in_chat
from generators.diffusion.pictures import fitted, opened

TOKENS = 512
MOST_PIXELS = 1024 * 1024


class Flux2Klein:
    """`Flux2KleinPipeline`: text to image, with or without references."""

    def encode(self, pipeline: Any, ask: Ask, attached: Attached) -> State:
        """See `Family`."""
        two = ask.guidance > 1 and not pipeline.config.is_distilled
        device = pipeline.transformer.device
        prompt, text_ids = pipeline.encode_prompt(
            prompt=ask.prompt, device=device, max_sequence_length=TOKENS
        )
        if two:
            negative, _ = pipeline.encode_prompt(
                prompt=ask.negative_prompt or "", device=device, max_sequence_length=TOKENS
            )
            prompt = torch.cat([negative, prompt])
        height, width = flow.latent_size(pipeline, ask.width, ask.height)
        channels = pipeline.transformer.config.in_channels
        start = flow.Start(
            shape=(1, channels, height // 2, width // 2),
            like=prompt,
            mu=_empirical_mu((height // 2) * (width // 2), ask.steps),
            sigmas=None if pipeline.scheduler.config.get("use_flow_sigmas") else flow.even_sigmas(ask.steps),
            encode=lambda pixels, _: _clean(pipeline.vae, pixels),
            pack=_tokens,
            mask=lambda mask: _tokens(
                torch.nn.functional.interpolate(mask, size=(height // 2, width // 2), mode="bilinear")
            ),
        )
        state = flow.begin(pipeline, ask, attached, {"rows": prompt.shape[0], "prompt": prompt}, start)
        blank = torch.empty((1, channels, height // 2, width // 2))
        ids = pipeline._prepare_latent_ids(blank).to(device)  # noqa: SLF001 - the stock pipeline's own positions
        shown = _shown(ask)
        if shown:
            seen, seen_ids = _references(pipeline, shown, state.generator)
            state.inputs["seen"] = torch.cat([seen] * state.rows)
            ids = torch.cat([ids, seen_ids], dim=1)
        state.fixed = {"image": ids, "text": text_ids, "norm": _norm(pipeline.vae, prompt)}
        sizes = tuple(state.inputs["seen"].shape[1:]) if shown else ()
        state.share = (height, width, *((sizes, _digest(ids)) if shown else ()))
        rest = truncated_in_chat(pipeline.tokenizer, ask.prompt, TOKENS, enable_thinking=False)
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
            state, prediction, estimate=estimate, unpack=lambda tokens: _plain(tokens, state, height, width)
        )

    def decode(self, pipeline: Any, latents: torch.Tensor, size: tuple[int, int]) -> Image.Image:
        """See `Family`."""
        vae = pipeline.vae
        own = _squares(latents, *flow.latent_size(pipeline, *size))
        mean, spread = _norm(vae, own)
        out = vae.decode(_opened(own * spread + mean).to(vae.dtype), return_dict=False)[0]
        picture: Image.Image = pipeline.image_processor.postprocess(out, output_type="pil")[0]
        return picture

    def look(self, pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Family`."""
        return look_through(
            lambda pictures: sampled(pipeline.vae, pictures, None),
            flow.LOOK_LATENTS * pipeline.vae_scale_factor,
            next(pipeline.vae.parameters()),
        )


def _forward(pipeline: Any, states: Sequence[State]) -> torch.Tensor:
    x = flow.latents(states)
    tokens, rows = x.shape[1], x.shape[0]
    if "seen" in states[0].inputs:
        x = torch.cat([x, flow.texts(states, "seen")], dim=1)
    out: torch.Tensor = pipeline.transformer(
        hidden_states=x.to(pipeline.transformer.dtype),
        timestep=flow.times(states, x.dtype) / 1000,
        guidance=None,
        encoder_hidden_states=flow.texts(states, "prompt"),
        txt_ids=states[0].fixed["text"].expand(rows, -1, -1),
        img_ids=states[0].fixed["image"].expand(rows, -1, -1),
        return_dict=False,
    )[0]
    return out[:, :tokens]


def _empirical_mu(tokens: int, steps: int) -> float:
    """The model's own time shift, fitted by its makers at 10 and 200 steps."""
    many = 0.00016927 * tokens + 0.45666666
    if tokens > 4300:  # noqa: PLR2004 - beyond this one line holds
        return many
    few = 8.73809524e-05 * tokens + 1.89833333
    slope = (many - few) / 190.0
    return slope * steps + (many - 200.0 * slope)


def _shown(ask: Ask) -> list[Image.Image]:
    """What the model looks at: a picture that is repainted in part, then the references."""
    repainted = []
    if ask.init_image is not None and ask.mask is not None:
        repainted = [fitted(opened(ask.init_image), ask.width, ask.height)]
    return repainted + [opened(piece.data) for piece in ask.references]


def _references(
    pipeline: Any, shown: Sequence[Image.Image], generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    processor, multiple = pipeline.image_processor, pipeline.vae_scale_factor * 2
    pictures = []
    for picture in shown:
        if picture.width * picture.height > MOST_PIXELS:
            picture = processor._resize_to_target_area(picture, MOST_PIXELS)  # noqa: PLW2901, SLF001 - the stock pipeline's own
        width, height = (side // multiple * multiple for side in picture.size)
        pictures.append(processor.preprocess(picture, height=height, width=width, resize_mode="crop"))
    seen, ids = pipeline.prepare_image_latents(
        images=pictures,
        batch_size=1,
        generator=generator,
        device=pipeline.transformer.device,
        dtype=pipeline.vae.dtype,
    )
    return seen, ids


def _digest(ids: torch.Tensor) -> int:
    return hash(tuple(ids.flatten().tolist()))


def _tokens(latents: torch.Tensor) -> torch.Tensor:
    """[b, c, h, w] -> [b, h * w, c]."""
    return latents.reshape(latents.shape[0], latents.shape[1], -1).permute(0, 2, 1)


def _squares(tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """[b, h/2 * w/2, 4c] -> [b, 4c, h/2, w/2]."""
    return tokens.permute(0, 2, 1).reshape(tokens.shape[0], tokens.shape[2], height // 2, width // 2)


def _opened(latents: torch.Tensor) -> torch.Tensor:
    """[b, 4c, h/2, w/2] -> [b, c, h, w]."""
    batch, channels, height, width = latents.shape
    apart = latents.reshape(batch, channels // 4, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
    return apart.reshape(batch, channels // 4, height * 2, width * 2)


def _clean(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    """An initial picture in the denoiser's scale, [1, 4c, h/2, w/2]; the likeliest latents, as the stock pipeline."""
    latents = sampled(vae, pixels.to(vae.dtype), None)
    batch, channels, height, width = latents.shape
    squares = latents.view(batch, channels, height // 2, 2, width // 2, 2).permute(0, 1, 3, 5, 2, 4)
    closed = squares.reshape(batch, channels * 4, height // 2, width // 2)
    mean, spread = _norm(vae, closed)
    return (closed - mean) / spread


def _norm(vae: Any, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean = vae.bn.running_mean.view(1, -1, 1, 1).to(like.device, like.dtype)
    spread = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
    return mean, spread.to(like.device, like.dtype)


def _plain(tokens: torch.Tensor, state: State, height: int, width: int) -> torch.Tensor:
    """Tokens to the VAE's own scale, [1, c, height, width]."""
    mean, spread = state.fixed["norm"]
    return _opened(_squares(tokens, height, width) * spread + mean)


FAMILY = Flux2Klein()
