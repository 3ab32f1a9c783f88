"""How a loaded checkpoint is laid into the device: attention, quantisation, offload, compiled blocks.

Called by the loading thread on a pipeline that nobody uses yet. Every setting has one word that changes nothing;
what a checkpoint or a device cannot do is refused in words, never left out in silence.
"""

import dataclasses
import importlib.util
from typing import Any

import torch
from accelerate.hooks import CpuOffload, add_hook_to_module
from diffusers.hooks import apply_group_offloading

from generators.diffusion.compiled import Compiled
from generators.diffusion.devices import Device
from generators.diffusion.settings import DiffusionSettings

BLOCKS_AT_ONCE = 1
PICTURE_RANK = 4  # of the weights that channels_last knows; Qwen-Image's VAE of videos has five dimensions
ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """What is done to each checkpoint; the words are those of the settings."""

    channels_last: bool = False
    attention: str = "auto"
    compiled: bool = False
    quantization: str = "none"
    offload: str = "none"
    sharp_previews: bool = False

    @classmethod
    def of(cls, settings: DiffusionSettings, device: Device) -> "Tuning":
        """As set, "auto" resolved for the device."""
        gpu = device.kind in ("cuda", "rocm")
        return cls(
            channels_last=settings.channels_last if settings.channels_last is not None else gpu,
            attention=settings.attention,
            compiled=settings.compile_blocks,
            quantization=settings.quantization,
            offload=settings.offload,
            sharp_previews=settings.previews == "autoencoder",
        )

    def roomy(self, needed: int, device: Device, *, unet: bool = False) -> "Tuning":
        """With `offload` decided: "auto" keeps all on the device unless the checkpoint is larger than all of it.

        A UNet's blocks are its levels, of which one alone may be half of it: it is offloaded layer by layer.
        """
        if self.offload != "auto":
            return self
        small = bool(device.memory) and needed > device.memory
        return dataclasses.replace(self, offload=("layers" if unet else "blocks") if small else "none")

    @property
    def weight_bytes(self) -> int | None:
        """Bytes of a quantised weight; None = those of the dtype."""
        return None if self.quantization == "none" else 1


def tune(pipeline: Any, device: Device, tuning: Tuning) -> Compiled:
    """Put the pipeline's networks on the device as told; what is returned switches compiled blocks on and off."""
    denoiser = denoiser_of(pipeline)
    _quantize(denoiser, device, tuning)
    _place(pipeline, device, tuning)
    if tuning.channels_last:
        for network in (denoiser if hasattr(pipeline, "unet") else pipeline.vae, pipeline.vae):
            if all(weights.ndim <= PICTURE_RANK for weights in network.parameters()):
                network.to(memory_format=torch.channels_last)
    if tuning.attention != "auto":
        _attend(denoiser, tuning.attention)
    return Compiled(denoiser) if tuning.compiled else Compiled(None)


def denoiser_of(pipeline: Any) -> Any:
    """The network that takes the steps."""
    return pipeline.unet if hasattr(pipeline, "unet") else pipeline.transformer


def _quantize(denoiser: Any, device: Device, tuning: Tuning) -> None:
    """The denoiser only: text encoders and VAEs are small beside it and lose more."""
    if tuning.quantization == "fp8":
        denoiser.enable_layerwise_casting(
            storage_dtype=torch.float8_e4m3fn, compute_dtype=getattr(torch, device.dtype)
        )
    elif tuning.quantization == "int8":
        if importlib.util.find_spec("torchao") is None:
            raise ValueError("QUANTIZATION=int8 needs torchao: install `likeness[quantization]`.")
        from torchao.quantization import Int8WeightOnlyConfig, quantize_

        denoiser.to(device.torch_name)  # weights are packed for the device that they lie on
        quantize_(denoiser, Int8WeightOnlyConfig())


def _place(pipeline: Any, device: Device, tuning: Tuning) -> None:
    for name, part in pipeline.components.items():
        if not isinstance(part, torch.nn.Module):
            continue
        encoder = name in ENCODERS
        if tuning.offload == "encoders" and encoder:
            add_hook_to_module(part, _Visiting(device.torch_name), append=True)
        elif tuning.offload in ("blocks", "layers") and (encoder or part is denoiser_of(pipeline)):
            _offload(part, device, tuning.offload)
        else:
            part.to(device.torch_name)


class _Visiting(CpuOffload):  # type: ignore[misc]  # accelerate is not typed
    """A whole network that is on the device only while it computes."""

    def __init__(self, device: str) -> None:
        super().__init__(execution_device=device)

    def post_forward(self, module: torch.nn.Module, output: Any) -> Any:
        """Give the device's memory back."""
        module.to("cpu")
        return output


def _offload(network: torch.nn.Module, device: Device, kind: str) -> None:
    """Weights wait in main memory and come over block by block or layer by layer."""
    gpu = device.kind in ("cuda", "rocm")
    options: dict[str, Any] = {"num_blocks_per_group": BLOCKS_AT_ONCE} if kind == "blocks" else {}
    apply_group_offloading(
        network,
        onload_device=torch.device(device.torch_name),
        offload_device=torch.device("cpu"),
        offload_type="block_level" if kind == "blocks" else "leaf_level",
        use_stream=gpu,
        low_cpu_mem_usage=gpu,
        **options,
    )


def _attend(denoiser: Any, name: str) -> None:
    """Diffusers checks the name and that its package is there; the choice holds for the whole process.

    Raises:
        ValueError: this denoiser's attention cannot be chosen (UNets), or a package is missing.
    """
    if not any(hasattr(each, "_attention_backend") for each in _processors(denoiser)):
        raise ValueError(
            f"ATTENTION={name} has no effect on a {type(denoiser).__name__}; use auto with this checkpoint."
        )
    try:
        denoiser.set_attention_backend(name)
    except (ImportError, RuntimeError) as error:
        raise ValueError(f"ATTENTION={name} cannot be used here: {error}") from error


def _processors(denoiser: Any) -> list[Any]:
    return [module.processor for module in denoiser.modules() if hasattr(module, "processor")]
