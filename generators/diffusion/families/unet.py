"""What all families with a UNet and a CLIP text encoder have in common. Knows no request queue."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from generators.diffusion.adapters.attached import Attached
from generators.diffusion.adapters.control import residuals
from generators.diffusion.adapters.lora import worn
from generators.diffusion.adapters.reference import seen
from generators.diffusion.asks import Ask
from generators.diffusion.families.family import State
from generators.diffusion.families.inpainting import Kept, mask_of, masked_pixels, nearest
from generators.diffusion.families.rows import (
    LOOK_SIDE,
    guided,
    look_through,
    noise,
    own_scheduler,
    sampled,
    stacked,
    step_options,
)
from generators.diffusion.noise import fresh
from generators.diffusion.pictures import fitted, opened


def timesteps(scheduler: Any, ask: Ask, device: torch.device) -> list[torch.Tensor]:
    """The timesteps to run: all, or for an initial picture the last `strength` of them, at least one step."""
    steps = ask.steps
    scheduler.set_timesteps(steps, device=device)
    if steps > 1 and int(scheduler.timesteps.max()) >= scheduler.config.num_train_timesteps:
        steps -= 1  # with an offset the 1000th step would lie beyond the table of noise levels
        scheduler.set_timesteps(steps, device=device)
    start = 0
    if ask.init_image is not None:
        kept = max(1, min(int(steps * ask.strength), steps))
        start = (steps - kept) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start)
    return list(scheduler.timesteps[start:])


def first_latents(pipeline: Any, state: State, ask: Ask, like: torch.Tensor) -> torch.Tensor:
    """Pure noise, or the initial picture with noise at the first timestep."""
    if ask.init_image is None:
        return _pure(pipeline, state, like)[0]
    picture = fitted(opened(ask.init_image), ask.width, ask.height)
    pixels = pipeline.image_processor.preprocess(picture).to(like.device, pipeline.vae.dtype)
    if ask.mask is not None:
        return _repainted(pipeline, state, pixels, mask_of(ask.mask, ask.width, ask.height).to(pixels))
    clean = _clean(pipeline, state, pixels, like)
    drawn = noise(tuple(clean.shape), state.generator, like)
    return _noisy(state, clean, drawn)


def _pure(pipeline: Any, state: State, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(noise in the scheduler's scale, noise)."""
    scale, channels = pipeline.vae_scale_factor, pipeline.vae.config.latent_channels
    drawn = noise((1, channels, state.height // scale, state.width // scale), state.generator, like)
    return drawn * state.scheduler.init_noise_sigma, drawn


def _clean(pipeline: Any, state: State, pixels: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return to_latents(pipeline.vae, sampled(pipeline.vae, pixels, state.generator)).to(like.dtype)


def _noisy(state: State, clean: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    noisy: torch.Tensor = state.scheduler.add_noise(clean, drawn, state.timesteps[0].reshape(1))
    return noisy


def _repainted(pipeline: Any, state: State, pixels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The first latents of a picture repainted in part; random numbers in the stock pipelines' order."""
    like, whole = state.latents, state.timesteps[0] == state.scheduler.timesteps[0]
    made_for_it = pipeline.unet.config.in_channels != pipeline.vae.config.latent_channels
    clean = None if made_for_it and whole else _clean(pipeline, state, pixels, like).contiguous()
    first, drawn = _pure(pipeline, state, like)
    if clean is not None and not whole:
        first = _noisy(state, clean, drawn)
    small = nearest(mask, *first.shape[-2:]).to(like)
    hidden = _clean(
        pipeline, state, masked_pixels(pixels, mask), like
    ).contiguous()  # drawn even where it is not used
    if clean is None or made_for_it:
        state.channels = torch.cat([small, hidden], dim=1)
    else:
        state.kept = Kept(clean=clean, noise=drawn, mask=small)
    return first


def _spread(vae: Any, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    mean, std = getattr(vae.config, "latents_mean", None), getattr(vae.config, "latents_std", None)
    if mean is None or std is None:
        return None
    shape = (1, -1, 1, 1)
    return (
        torch.tensor(mean).view(shape).to(like.device, like.dtype),
        torch.tensor(std).view(shape).to(like.device, like.dtype),
    )


def to_latents(vae: Any, encoded: torch.Tensor) -> torch.Tensor:
    """From the VAE's own scale to the denoiser's."""
    spread, factor = _spread(vae, encoded), float(vae.config.scaling_factor)
    if spread is None:
        return factor * encoded
    return (encoded - spread[0]) * factor / spread[1]


def from_latents(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """From the denoiser's scale to the VAE's own."""
    spread, factor = _spread(vae, latents), float(vae.config.scaling_factor)
    if spread is None:
        return latents / factor
    return latents * spread[1] / factor + spread[0]


def begin(pipeline: Any, ask: Ask, inputs: dict[str, torch.Tensor], attached: Attached) -> State:
    """The state at the first step, `inputs` encoded: as many rows as they have."""
    like = inputs["encoder_hidden_states"]
    generator = torch.Generator("cpu").manual_seed(ask.seed)
    scheduler = own_scheduler(pipeline, ask)
    state = State(
        scheduler=scheduler,
        timesteps=timesteps(scheduler, ask, like.device),
        latents=like,
        inputs=inputs,
        rows=like.shape[0],
        attached=attached,
        exact=ask.exact,
        guidance=ask.guidance,
        width=ask.width,
        height=ask.height,
        generator=generator,
        step_options=step_options(scheduler, generator),
        notes={"scheduler": type(scheduler).__name__},
    )
    state.latents = first_latents(pipeline, state, ask, like)
    if pipeline.unet.config.in_channels != state.latents.shape[1] and state.channels is None:
        raise ValueError(
            "This checkpoint only repaints a part of a picture: give an initial image and a mask."
        )
    state.fresh = fresh(scheduler)
    seen = attached.reference
    pictures = seen.embeds.shape[1] if seen else 0
    state.share = (
        tuple(state.latents.shape[1:]),
        tuple((name, tuple(value.shape[1:])) for name, value in inputs.items()),
        (pictures, seen.parts)
        if seen and pictures > 1
        else 0,  # rows without one go with those that have one
    )
    return state


def guidance_embedding(pipeline: Any, guidance: float, like: torch.Tensor) -> torch.Tensor:
    """For checkpoints distilled with guidance as an input (latent consistency models)."""
    embedded: torch.Tensor = pipeline.get_guidance_scale_embedding(
        torch.tensor([guidance - 1.0]), embedding_dim=pipeline.unet.config.time_cond_proj_dim
    )
    return embedded.to(like.device, like.dtype)


def latent_rows(states: Sequence[State]) -> tuple[torch.Tensor, torch.Tensor]:
    """The scaled latents and timesteps of one forward, one row or two per state."""
    xs, ts = [], []
    for state in states:
        x = torch.cat([state.latents] * state.rows) if state.rows > 1 else state.latents
        if hasattr(state.scheduler, "scale_model_input"):
            x = state.scheduler.scale_model_input(x, state.timestep)
        if state.channels is not None:
            x = torch.cat([x, state.channels.expand(state.rows, -1, -1, -1)], dim=1)
        xs.append(x)
        ts += [state.timestep] * state.rows
    if len({t.dtype for t in ts}) > 1:
        ts = [t.float() for t in ts]
    return torch.cat(xs), torch.stack(ts)


def predicted(pipeline: Any, states: Sequence[State], added: Sequence[str]) -> list[torch.Tensor]:
    """One forward with everything that each row wears; `added` names SDXL's extra inputs."""
    x, t = latent_rows(states)
    condition = stacked(states, "timestep_cond") if "timestep_cond" in states[0].inputs else None
    conditions: dict[str, Any] = {name: stacked(states, name) for name in added}
    inputs = {"sample": x, "timestep": t, "encoder_hidden_states": stacked(states, "encoder_hidden_states")}
    extra = residuals([(state.rows, state.attached.control) for state in states], inputs, conditions)
    loras = [(state.rows, state.attached.loras) for state in states]
    references = [(state.rows, state.attached.reference) for state in states]
    with worn(pipeline.unet, "unet", loras), seen(pipeline.unet, references) as embeds:
        if embeds is not None:
            conditions["image_embeds"] = embeds
        output = pipeline.unet(
            **inputs,
            **extra,
            timestep_cond=condition,
            added_cond_kwargs=conditions or None,
            return_dict=False,
        )[0]
    return guided(states, output)


def decoded(pipeline: Any, latents: torch.Tensor) -> Image.Image:
    """Through the VAE, in the VAE's own dtype."""
    vae = pipeline.vae
    pixels = vae.decode(from_latents(vae, latents.to(vae.dtype)), return_dict=False)[0]
    picture: Image.Image = pipeline.image_processor.postprocess(pixels, output_type="pil")[0]
    return picture


def look(pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The preview map in the denoiser's scale."""
    vae = pipeline.vae

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        return to_latents(vae, sampled(vae, pixels, None))

    return look_through(encode, LOOK_SIDE * pipeline.vae_scale_factor, next(vae.parameters()))
