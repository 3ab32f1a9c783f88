"""Adapters with random weights for the tiny pipelines, in the formats that people have."""

import io
import json
from pathlib import Path
from typing import Any

from generators.diffusion.asks import Piece
from tests.generators.diffusion.company import gradient


def lora(pipeline: Any, folder: Path, *, rank: int = 4, alpha: int = 2, convolutions: bool = False) -> Piece:
    """A LoRA over the UNet's attention as diffusers saves it, metadata included; weights far from zero."""
    import torch
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    targets = ["to_k", "to_q", "to_v", "to_out.0"] + (["conv1"] if convolutions else [])
    torch.manual_seed(rank)
    network = type(pipeline.unet).from_config(pipeline.unet.config)
    network.add_adapter(
        LoraConfig(r=rank, lora_alpha=alpha, init_lora_weights=False, target_modules=targets),
        adapter_name="made",
    )
    config = network.peft_config["made"].to_dict()
    type(pipeline).save_lora_weights(
        folder,
        unet_lora_layers=get_peft_model_state_dict(network, adapter_name="made"),
        unet_lora_adapter_metadata=config,
    )
    data = (folder / "pytorch_lora_weights.safetensors").read_bytes()
    return Piece(sha256=f"{rank}-{alpha}-{convolutions}", data=data)


def kohya(pipeline: Any, *, text: tuple[str, ...] = (".fc1",), rank: int = 4, alpha: float = 1.0) -> Piece:
    """A LoRA over UNet and text encoder in kohya's naming, with an alpha per layer."""
    import torch
    from safetensors.torch import save

    generator = torch.Generator().manual_seed(rank)
    tensors = {}
    layers = [
        (f"lora_unet_{name.replace('.', '_')}", module)
        for name, module in pipeline.unet.named_modules()
        if name.endswith((".to_q", ".to_v"))
    ] + [
        (f"lora_te_text_model_{name.replace('.', '_')}", module)
        for name, module in pipeline.text_encoder.named_modules()
        if name.endswith(text)
    ]
    for name, module in layers:
        out, into = module.weight.shape
        tensors[f"{name}.lora_down.weight"] = torch.randn(rank, into, generator=generator) * 0.3
        tensors[f"{name}.lora_up.weight"] = torch.randn(out, rank, generator=generator) * 0.3
        tensors[f"{name}.alpha"] = torch.tensor(alpha)
    return Piece(sha256=f"kohya-{rank}-{alpha}", data=save(tensors))


def ip_adapter(pipeline: Any, folder: Path, tokens: int = 4) -> Path:
    """An IP-Adapter with its image encoder, as `LOCAL_EXTRAS` wants its folder."""
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(tokens)
    encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=32,
            patch_size=8,
            projection_dim=32,
        )
    )
    encoder.save_pretrained(folder / "image_encoder")
    cross = pipeline.unet.config.cross_attention_dim
    tensors = {
        "image_proj.proj.weight": torch.randn(tokens * cross, 32) * 0.5,
        "image_proj.proj.bias": torch.randn(tokens * cross) * 0.5,
        "image_proj.norm.weight": torch.ones(cross),
        "image_proj.norm.bias": torch.zeros(cross),
    }
    number = 1
    for name in pipeline.unet.attn_processors:
        if "attn1" in name:
            continue
        size = pipeline.unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape
        for kind in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{number}.{kind}.weight"] = torch.randn(size) * 0.2
        number += 2
    save_file(tensors, folder / "ip-adapter.safetensors")
    return folder


def control_net(pipeline: Any, folder: Path) -> Path:
    """A ControlNet whose outputs are not the zeros that training starts with."""
    import torch
    from diffusers import ControlNetModel

    torch.manual_seed(5)
    network = ControlNetModel.from_unet(pipeline.unet, conditioning_embedding_out_channels=(8, 8, 8, 8))
    with torch.no_grad():
        for block in [*network.controlnet_down_blocks, network.controlnet_mid_block]:
            block.weight.normal_(0, 0.2)
        network.controlnet_cond_embedding.conv_out.weight.normal_(0, 0.2)
    network.save_pretrained(folder)
    return folder


def picture(turn: int = 0) -> bytes:
    """One of four pictures."""
    from PIL import Image

    file = io.BytesIO()
    Image.open(io.BytesIO(gradient())).rotate(90 * turn).save(file, format="PNG")
    return file.getvalue()


def metadata(data: bytes) -> dict[str, Any]:
    """The header of a safetensors file."""
    told: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return told
