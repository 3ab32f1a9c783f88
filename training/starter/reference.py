"""Reference conditioning: a small IP-Adapter, so that an approved picture holds a likeness.

Knows the adapter's layers in a UNet, and its file. It is trained together with the UNet in the joint stage.
(Ye et al., "IP-Adapter: Text compatible image prompt adapter", 2023.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from torch import Tensor, nn

from training.starter.text import HIDDEN
from training.starter.vision import TOKENS

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from diffusers.models.embeddings import ImageProjection


USUAL_WEIGHT: Final = 0.7
"""The weight that the server gives a reference unless it is told otherwise."""


def install_adapter(unet: UNet2DConditionModel, projection: ImageProjection) -> None:
    """Give the UNet an adapter's layers, begun as copies of its text attention."""
    from diffusers.models.attention_processor import AttnProcessor, IPAdapterAttnProcessor
    from diffusers.models.embeddings import MultiIPAdapterImageProjection

    processors: dict[str, Any] = {}
    for name in unet.attn_processors:
        if name.endswith("attn1.processor"):
            processors[name] = AttnProcessor()
            continue
        attention = unet.get_submodule(name.removesuffix(".processor"))
        made = IPAdapterAttnProcessor(attention.to_k.out_features, HIDDEN, num_tokens=(TOKENS,), scale=1.0)
        made.to_k_ip[0].load_state_dict(attention.to_k.state_dict())
        made.to_v_ip[0].load_state_dict(attention.to_v.state_dict())
        processors[name] = made
    unet.set_attn_processor(processors)
    unet.encoder_hid_proj = MultiIPAdapterImageProjection([projection])
    unet.register_to_config(encoder_hid_dim_type="ip_image_proj")


def adapter_layers(unet: UNet2DConditionModel) -> list[nn.Module]:
    """The adapter's attention layers in the order of the UNet's attention."""
    return [value for value in unet.attn_processors.values() if isinstance(value, nn.Module)]


def weigh_reference(unet: UNet2DConditionModel, scale: float) -> None:
    """How much references count; at 0 the UNet computes what it computes without an adapter."""
    for layer in adapter_layers(unet):
        layer.scale = [scale]  # type: ignore[assignment]


def is_adapters(name: str) -> bool:
    """Whether a UNet's weight of this name belongs to the adapter."""
    return ".processor." in name or "encoder_hid_proj." in name


def adapter_tensors(unet: UNet2DConditionModel) -> dict[str, Tensor]:
    """The adapter in the format that `load_ip_adapter` reads; attention keys count 1, 3, 5, ...

    Its values are scaled so that `USUAL_WEIGHT` gives what was trained.
    """
    projection = unet.encoder_hid_proj.image_projection_layers[0].state_dict()
    tensors = {
        f"image_proj.{key.replace('image_embeds', 'proj')}": value for key, value in projection.items()
    }
    for index, layer in enumerate(adapter_layers(unet)):
        for kind in ("k", "v"):
            weight = layer.get_parameter(f"to_{kind}_ip.0.weight")
            scale = 1.0 if kind == "k" else 1.0 / USUAL_WEIGHT
            tensors[f"ip_adapter.{2 * index + 1}.to_{kind}_ip.weight"] = weight.detach() * scale
    return {name: value.contiguous() for name, value in tensors.items()}


def load_adapter_tensors(unet: UNet2DConditionModel, tensors: dict[str, Tensor]) -> None:
    """Give an installed adapter the weights of a file that `adapter_tensors` filled."""
    projection = unet.encoder_hid_proj.image_projection_layers[0]
    projection.load_state_dict(
        {
            key.removeprefix("image_proj.").replace("proj", "image_embeds", 1): value
            for key, value in tensors.items()
            if key.startswith("image_proj.")
        }
    )
    for index, layer in enumerate(adapter_layers(unet)):
        for kind in ("k", "v"):
            scale = 1.0 if kind == "k" else USUAL_WEIGHT
            kept = tensors[f"ip_adapter.{2 * index + 1}.to_{kind}_ip.weight"].float() * scale
            layer.get_parameter(f"to_{kind}_ip.0.weight").data.copy_(kept)
