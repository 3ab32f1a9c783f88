"""From a folder to a pipeline on the device. Called by one thread only; knows no request."""

import warnings
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from generators.diffusion.catalog_entries import Checkpoint
from generators.diffusion.checkpoints import INDEX, read_json
from generators.diffusion.devices import Device
from generators.diffusion.loads import LOADS


def quiet() -> None:
    """Keep both libraries from writing to the terminal; what matters is raised or recorded."""
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def load(entry: Checkpoint, folder: Path, device: Device) -> Any:
    """The stock pipeline object in main memory, its networks in eval mode, in the device's dtype.

    Only safetensors are read, never pickles; nothing is fetched. The safety checker is left out.
    """
    options: dict[str, Any] = {}
    index = read_json(folder / INDEX)
    if index.get("safety_checker", [None])[0] is not None:
        options = {"safety_checker": None, "requires_safety_checker": False}
    if index.get("processor", [None])[-1] == "Qwen2VLProcessor":
        from generators.diffusion.families.qwen_reading import reader

        options["processor"] = reader(folder)
    variant = _variant(entry, folder)
    if variant:
        options["variant"] = variant
    with LOADS, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # loaders warn about keys and deprecations that no caller of ours can mend
        pipeline = diffusers.DiffusionPipeline.from_pretrained(
            folder,
            dtype=getattr(torch, device.dtype),
            use_safetensors=True,
            local_files_only=True,
            **options,
        )
    networks = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    for network in networks:
        network.eval().requires_grad_(requires_grad=False)
    vae = pipeline.vae
    if vae.dtype == torch.float16 and getattr(vae.config, "force_upcast", False):
        vae.to(torch.float32)  # this VAE overflows in half precision
    return pipeline


def tile(pipeline: Any, side: int) -> None:
    """Let the VAE work in tiles on pictures with a side beyond that many pixels (0 = never); others stay whole."""
    vae = pipeline.vae
    # AutoencoderTiny tiles pictures of any size once told to, and only latents of four channels (diffusers 0.42).
    if not hasattr(vae, "tile_latent_min_size") or type(vae).__name__ == "AutoencoderTiny":
        return
    vae.disable_tiling()
    if side:
        vae.tile_sample_min_size = side
        vae.tile_latent_min_size = max(1, side // pipeline.vae_scale_factor)
        vae.enable_tiling()


def _variant(entry: Checkpoint, folder: Path) -> str | None:
    """The name of the reduced files, where the folder holds nothing else or the entry asks for them."""
    for part in ("unet", "transformer"):
        names = [path.name for path in (folder / part).glob("*.safetensors")]
        if names and all(".fp16" in name for name in names):
            return "fp16"
    return None if entry.is_folder or not entry.variant else _present(folder, entry.variant)


def _present(folder: Path, variant: str) -> str | None:
    return variant if any(folder.glob(f"*/*.{variant}*.safetensors")) else None
