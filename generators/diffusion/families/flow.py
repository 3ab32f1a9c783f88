"""What all rectified-flow transformers have in common: sigmas, noise at a time, packing. Knows no request queue."""

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from generators.diffusion.adapters.attached import Attached
from generators.diffusion.adapters.lora import worn
from generators.diffusion.asks import Ask
from generators.diffusion.families.family import State
from generators.diffusion.families.inpainting import Kept, mask_of, nearest
from generators.diffusion.families.rows import advance, look_through, noise, sampled, step_options
from generators.diffusion.noise import fresh
from generators.diffusion.pictures import fitted, opened

LOOK_LATENTS = 16
Encode = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """How a family begins.

    `shape` and `like` (dtype, device) of the noise; `mu` shifts the times (None = the scheduler does not ask for
    it); `sigmas` as given to the scheduler (None = its own); `encode` takes pixels [1, 3, h, w] in -1..1 and a
    generator to latents of `shape` (None = no initial picture); `pack` turns latents into what is iterated;
    `mask` does so with a mask [1, 1, h, w] in pixels.
    """

    shape: tuple[int, ...]
    like: torch.Tensor
    mu: float | None
    sigmas: Any
    encode: Encode | None = None
    pack: Callable[[torch.Tensor], torch.Tensor] = lambda latents: latents
    mask: Callable[[torch.Tensor], torch.Tensor] | None = None

    def laid(self, mask: torch.Tensor) -> torch.Tensor:
        """A mask in pixels, as large and in the order of what is iterated."""
        if self.mask is not None:
            return self.mask(mask)
        return self.pack(nearest(mask, *self.shape[-2:]).expand(self.shape).contiguous())


def shifted(scheduler: Any, tokens: int, top: float = 1.15) -> float:
    """The time shift for a picture of that many tokens: a line through two configured points."""
    config = scheduler.config
    low, high = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    small, large = config.get("base_shift", 0.5), config.get("max_shift", top)
    slope = (large - small) / (high - low)
    return float(tokens * slope + (small - slope * low))


def even_sigmas(steps: int) -> Any:
    """1 down to 1/n."""
    return np.linspace(1.0, 1 / steps, steps)


def begin(pipeline: Any, ask: Ask, attached: Attached, inputs: dict[str, Any], start: Start) -> State:
    """The state at the first step; `inputs["rows"]` tells how many rows, and is taken out."""
    device = start.like.device
    generator = torch.Generator("cpu").manual_seed(ask.seed)
    scheduler = copy.deepcopy(pipeline.scheduler)
    options: dict[str, Any] = {} if start.mu is None else {"mu": start.mu}
    if start.sigmas is None:
        scheduler.set_timesteps(ask.steps, device=device, **options)
    else:
        scheduler.set_timesteps(sigmas=start.sigmas, device=device, **options)
    skipped = 0
    if ask.init_image is not None:
        skipped = min(int(max(ask.steps - min(ask.steps * ask.strength, ask.steps), 0)), ask.steps - 1)
    scheduler.set_begin_index(skipped * scheduler.order)
    times = list(scheduler.timesteps[skipped * scheduler.order :])
    state = State(
        scheduler=scheduler,
        timesteps=times,
        latents=start.like,
        inputs=inputs,
        rows=inputs.pop("rows"),
        guidance=ask.guidance,
        width=ask.width,
        height=ask.height,
        generator=generator,
        attached=attached,
        exact=ask.exact,
        step_options=step_options(scheduler, generator),
        notes={"scheduler": type(scheduler).__name__},
    )
    state.latents = start.pack(_noisy(ask, start, state))
    state.fresh = fresh(scheduler)
    return state


def _noisy(ask: Ask, start: Start, state: State) -> torch.Tensor:
    if ask.init_image is None:
        return noise(start.shape, state.generator, start.like)
    if start.encode is None:
        raise ValueError("This checkpoint takes no initial image; give it as a reference instead.")
    picture = fitted(opened(ask.init_image), ask.width, ask.height)
    clean = start.encode(pixels(picture).to(start.like.device, start.like.dtype), state.generator)
    drawn = noise(start.shape, state.generator, start.like)
    state.clean = start.pack(clean)
    if ask.mask is not None:
        mask = start.laid(mask_of(ask.mask, ask.width, ask.height)).to(start.like.device, start.like.dtype)
        state.kept = Kept(clean=state.clean, noise=start.pack(drawn), mask=mask)
    noisy: torch.Tensor = state.scheduler.scale_noise(clean, state.timesteps[0].reshape(1), drawn)
    return noisy


def pixels(picture: Image.Image) -> torch.Tensor:
    """RGB as [1, 3, h, w] in -1..1, as the stock image processors compute it."""
    levels = np.array(picture).astype(np.float32) / 255.0
    return 2.0 * torch.from_numpy(levels[None].transpose(0, 3, 1, 2)) - 1.0


def encoded(vae: Any, pixels: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Through the VAE to the denoiser's scale; without a generator the most likely latents."""
    latents = sampled(vae, pixels.to(vae.dtype), generator)
    return (latents - float(vae.config.shift_factor)) * float(vae.config.scaling_factor)


def decoded(pipeline: Any, latents: torch.Tensor) -> Image.Image:
    """From the denoiser's scale [1, channels, h, w] to a picture."""
    vae = pipeline.vae
    own = latents.to(vae.dtype) / float(vae.config.scaling_factor) + float(vae.config.shift_factor)
    out = vae.decode(own, return_dict=False)[0]
    picture: Image.Image = pipeline.image_processor.postprocess(out, output_type="pil")[0]
    return picture


def look(pipeline: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The preview map in the denoiser's scale."""
    vae = pipeline.vae
    return look_through(
        lambda pictures: encoded(vae, pictures, None),
        LOOK_LATENTS * pipeline.vae_scale_factor,
        next(vae.parameters()),
    )


def packed(latents: torch.Tensor) -> torch.Tensor:
    """[b, c, h, w] -> [b, h/2 * w/2, 4c]: each token is a square of four."""
    batch, channels, height, width = latents.shape
    squares = latents.view(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return squares.reshape(batch, (height // 2) * (width // 2), channels * 4)


def unpacked(tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Back to [b, c, height, width] latents."""
    batch, _, channels = tokens.shape
    squares = tokens.view(batch, height // 2, width // 2, channels // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return squares.reshape(batch, channels // 4, height, width)


def latent_size(pipeline: Any, width: int, height: int) -> tuple[int, int]:
    """(height, width) of the latents: even numbers."""
    scale = pipeline.vae_scale_factor * 2
    return 2 * (height // scale), 2 * (width // scale)


def times(states: Sequence[State], dtype: torch.dtype) -> torch.Tensor:
    """One time per row, as the scheduler counts them (0..1000)."""
    return torch.stack([state.timestep for state in states for _ in range(state.rows)]).to(dtype)


def latents(states: Sequence[State]) -> torch.Tensor:
    """The latents of all rows."""
    rows = [state.latents for state in states for _ in range(state.rows)]
    return torch.cat(rows) if len(rows) > 1 else rows[0]


def texts(states: Sequence[State], name: str) -> torch.Tensor:
    """One input of all rows."""
    return torch.cat([state.inputs[name] for state in states])


def one_by_one(states: Sequence[State]) -> list[State]:
    """The rows of a state as states of one row each, to be run apart as the stock pipeline does."""
    (state,) = states
    return [
        dataclasses.replace(
            state, rows=1, inputs={name: value[row : row + 1] for name, value in state.inputs.items()}
        )
        for row in range(state.rows)
    ]


Forward = Callable[[Any, Sequence[State]], torch.Tensor]


def predicted(pipeline: Any, states: Sequence[State], forward: Forward) -> torch.Tensor:
    """All rows through the transformer with what each wears; an exact state's rows run apart."""
    if len(states) == 1 and states[0].exact and states[0].rows > 1:
        return torch.cat([dressed(pipeline, [row], forward) for row in one_by_one(states)])
    return dressed(pipeline, states, forward)


def dressed(pipeline: Any, states: Sequence[State], forward: Forward) -> torch.Tensor:
    """One forward of all rows with what each wears."""
    loras = [(state.rows, state.attached.loras) for state in states]
    cache = states[0].cache  # such a state is alone
    remembering = cache.open(pipeline.transformer) if cache is not None else contextlib.nullcontext()
    with worn(pipeline.transformer, "transformer", loras), remembering:
        return forward(pipeline, states)


def stepped(
    state: State,
    prediction: torch.Tensor,
    *,
    estimate: bool,
    unpack: Callable[[torch.Tensor], torch.Tensor] = lambda latents: latents,
) -> torch.Tensor | None:
    """One step; the estimate as [1, channels, h, w]."""
    guess = advance(state, prediction, estimate=estimate)
    return unpack(guess) if guess is not None else None
