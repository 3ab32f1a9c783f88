"""The trained parts of a run's folder, put together as the pipeline that is shipped.

Knows which file holds what; averaged weights are used throughout.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from training.starter.autoencoder import new_autoencoder
from training.starter.denoiser import Denoiser, new_scheduler, new_unet
from training.starter.joint import Together, denoiser_part
from training.starter.text import AttributeReader, new_text_encoder
from training.starter.vision import Vision

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny, StableDiffusionPipeline
    from transformers import CLIPTextModel, CLIPTokenizer

    from training.starter.latents import LatentCache

DEVIATION = Path("autoencoder") / "deviation.txt"


def _state(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run that stage first")
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer that the text stage wrote."""
    from transformers import CLIPTokenizer

    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    return tokenizer


def load_autoencoder(folder: Path) -> AutoencoderTiny:
    """The autoencoder with averaged weights, ready to encode and decode."""
    model = new_autoencoder().to(memory_format=torch.channels_last)
    model.load_state_dict(_state(folder / "autoencoder" / "state.pt")["average"])
    decoder = folder / "decoder" / "state.pt"
    if decoder.exists():
        model.load_state_dict(_state(decoder)["average"])
    return model.requires_grad_(False).eval()


def load_reader(folder: Path) -> AttributeReader:
    """Text encoder and the reader of captions after the text stage."""
    reader = AttributeReader(new_text_encoder(load_tokenizer(folder)))
    reader.load_state_dict(_state(folder / "text" / "state.pt")["average"])
    return reader


def load_text(folder: Path) -> CLIPTextModel:
    """The text encoder after its own stage."""
    return load_reader(folder).encoder


def denoiser_with(folder: Path, weights: dict[str, Tensor]) -> Denoiser:
    """UNet and text encoder with these weights, of the denoiser's or the joint stage."""
    model = Denoiser(new_unet(), new_text_encoder(load_tokenizer(folder)))
    model.load_state_dict(denoiser_part(weights))
    return model.eval()


def load_denoiser(folder: Path, stage: str) -> Denoiser:
    """UNet and text encoder after a stage ("denoiser" or "joint"), averaged weights."""
    return denoiser_with(folder, _state(folder / stage / "state.pt")["average"])


def load_vision(folder: Path) -> Vision:
    """The image encoder after its own stage."""
    vision = Vision(load_reader(folder))
    vision.load_state_dict(_state(folder / "vision" / "state.pt")["average"])
    return vision


def empty_together(folder: Path) -> Together:
    """All that the joint stage trains, untrained; the tokenizer gives the shapes."""
    text = new_text_encoder(load_tokenizer(folder))
    return Together(Denoiser(new_unet(), text), Vision(AttributeReader(text)))


def load_together(folder: Path, stage: str = "joint") -> Together:
    """All that the joint stage, or a later one, trained, averaged weights."""
    model = empty_together(folder)
    weights = _state(folder / stage / "state.pt")["average"]
    model.load_state_dict({name: value for name, value in weights.items() if not name.startswith("reading.")})
    return model.eval()


def deviation_of(folder: Path, cache: LatentCache) -> float:
    """By what latents are divided: as an unpacked checkpoint has it, else as the cached ones deviate."""
    kept = folder / DEVIATION
    return float(kept.read_text()) if kept.exists() else cache.deviation()


def scaled(model: AutoencoderTiny, deviation: float) -> AutoencoderTiny:
    """The autoencoder with the factor that gives its latents a deviation of 1."""
    model.register_to_config(scaling_factor=1.0 / deviation)
    return model


def pipeline(model: Denoiser, autoencoder: AutoencoderTiny, folder: Path) -> StableDiffusionPipeline:
    """The parts as a standard pipeline in float32."""
    from diffusers import StableDiffusionPipeline

    made = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=model.text,
        tokenizer=load_tokenizer(folder),
        unet=model.unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    made.set_progress_bar_config(disable=True)
    return made
