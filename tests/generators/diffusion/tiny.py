"""Tiny random-weight pipelines of the real classes, built in code; no download, no network."""

import dataclasses
import os
import queue
from pathlib import Path
from typing import Any

from generators.diffusion.asks import Ask
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.engine import Engine
from generators.diffusion.runs import Run
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.starter import clip_tokenizer, text_config
from generators.events import Failed, ImageMade, LatentsSaved, Previewed, Report, Stepped

DEVICE = os.environ.get("TEST_DEVICE", "cpu")  # "cuda": the same tests on an accelerator, in float32
SIDE = 64
WORDS = ("a", "the", "and", "woman", "red", "hair")


def settings(folder: Path, *sources: Path, **more: Any) -> DiffusionSettings:
    """Only what lies in `sources`; one thread; saves only when a test asks for them."""
    plain: dict[str, Any] = {
        "data_dir": folder,
        "local_checkpoints": tuple(str(source) for source in sources),
        "builtin_checkpoints": False,
        "starter_checkpoint": False,
        "device": DEVICE,
        "dtype": "auto" if DEVICE == "cpu" else "float32",
        "channels_last": None if DEVICE == "cpu" else False,  # as the stock pipelines lie
        "warm_up_seconds": None if DEVICE == "cpu" else 0.0,
        "threads": 1,
        "save_every_steps": 0,
        "save_every_seconds": 0.0,
        "switch_interval": 0.0,
    }
    return DiffusionSettings(**(plain | more))


def unet(cross: int, **more: Any) -> Any:
    """A UNet of two levels."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        **(
            {
                "sample_size": SIDE // 8,
                "block_out_channels": (32, 64),
                "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
                "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
                "layers_per_block": 1,
                "cross_attention_dim": cross,
                "attention_head_dim": 8,
                "norm_num_groups": 16,
            }
            | more
        )
    ).eval()


def vae(kind: str = "kl") -> Any:
    """An autoencoder that makes latents an eighth as wide."""
    from diffusers import AutoencoderKL, AutoencoderTiny

    if kind == "tiny":
        sides = (16, 16, 16, 16)
        return AutoencoderTiny(encoder_block_out_channels=sides, decoder_block_out_channels=sides).eval()
    return AutoencoderKL(
        block_out_channels=(16, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=SIDE,
    ).eval()


def scheduler(name: str = "DDIMScheduler", **more: Any) -> Any:
    """A noise scheduler with Stable Diffusion's betas."""
    import diffusers

    common = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    kind = getattr(diffusers, name)
    if name in ("DDIMScheduler", "PNDMScheduler"):
        common |= {"steps_offset": 1}
    if name == "DDIMScheduler":
        common |= {"clip_sample": False}
    if name == "PNDMScheduler":
        common |= {"skip_prk_steps": True}
    return kind(**(common | more))


def sd(autoencoder: str = "kl", seed: int = 1) -> Any:
    """A `StableDiffusionPipeline`."""
    import torch
    from diffusers import StableDiffusionPipeline
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    tokenizer = clip_tokenizer(WORDS)
    pipeline = StableDiffusionPipeline(
        tokenizer=tokenizer,
        text_encoder=CLIPTextModel(CLIPTextConfig(**text_config(len(tokenizer)))).eval(),
        unet=unet(64),
        vae=vae(autoencoder),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def sdxl(seed: int = 2) -> Any:
    """A `StableDiffusionXLPipeline`."""
    import torch
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    tokenizer = clip_tokenizer(WORDS)
    config = CLIPTextConfig(**text_config(len(tokenizer)))
    pipeline = StableDiffusionXLPipeline(
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        text_encoder=CLIPTextModel(config).eval(),
        text_encoder_2=CLIPTextModelWithProjection(config).eval(),
        unet=unet(
            128,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 64,
            transformer_layers_per_block=(1, 2),
        ),
        vae=vae(),
        scheduler=scheduler(),
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def ask(checkpoint: str, **more: Any) -> Ask:
    """A small request."""
    plain: dict[str, Any] = {
        "prompt": "a woman",
        "width": SIDE,
        "height": SIDE,
        "steps": 6,
        "guidance": 5.0,
        "seed": 7,
    }
    return Ask(checkpoint=checkpoint, **(plain | more))


class Watcher:
    """A `Live` that keeps everything; `on_report` runs on the engine's thread, inside the step."""

    def __init__(self, wanted: bool = False, sharp: bool = False) -> None:
        self.wanted = wanted
        self.sharp = sharp
        self.reports: list[Report] = []
        self.on_report: Any = None

    def report(self, event: Report) -> None:
        self.reports.append(event)
        if self.on_report is not None:
            self.on_report(event)

    def preview_wanted(self) -> bool:
        return self.wanted

    def sharp_wanted(self) -> bool:
        return self.sharp

    @property
    def steps(self) -> list[Stepped]:
        return [event for event in self.reports if isinstance(event, Stepped)]

    @property
    def previews(self) -> list[Previewed]:
        return [event for event in self.reports if isinstance(event, Previewed)]


@dataclasses.dataclass
class Sent:
    """One request sent to an engine, and what came back."""

    run: Run
    live: Watcher
    box: "queue.Queue[LatentsSaved | ImageMade | Failed]"
    saved: list[LatentsSaved] = dataclasses.field(default_factory=list)

    def end(self, timeout: float = 60) -> ImageMade | Failed:
        """Wait for the final event."""
        while True:
            event = self.box.get(timeout=timeout)
            if not isinstance(event, LatentsSaved):
                return event
            self.saved.append(event)

    def made(self) -> ImageMade:
        """Wait for the picture."""
        event = self.end()
        assert isinstance(event, ImageMade), event
        return event


def send(engine: Engine, request: Ask, live: Watcher | None = None) -> Sent:
    """Send a request without an event loop."""
    box: queue.Queue[LatentsSaved | ImageMade | Failed] = queue.Queue()
    watcher = live or Watcher()
    return Sent(run=engine.submit(request, watcher, box.put), live=watcher, box=box)


def engine(folder: Path, *sources: Path, **more: Any) -> Engine:
    """An engine over those checkpoints."""
    chosen = settings(folder, *sources, **more)
    return Engine(chosen, Shelf(chosen))
