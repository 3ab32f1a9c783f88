"""The random-weight checkpoints that benches and GPU tests run: "tiny" (1.7 million weights), "mid" (20.8), and for a GPU "sdxl"
(a UNet of SDXL's widths and depths, 2.2 billion, with its autoencoder) and "dit" (a FLUX-like transformer). Measures nothing.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generators.diffusion.starter import clip_tokenizer, random_pipeline, text_config


def on_device() -> contextlib.AbstractContextManager[object]:
    """Billions of random numbers are drawn on the GPU, where there is one."""
    import torch

    return torch.device("cuda") if torch.cuda.is_available() else contextlib.nullcontext()


def autoencoder(channels: int, **more: Any) -> Any:
    """Random weights of the size that SDXL, SD3 and FLUX.1 decode with."""
    from diffusers import AutoencoderKL

    with on_device():
        return AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=channels,
            **more,
        )


def dit(layers: int = 8, single: int = 16, heads: int = 16) -> Any:
    """A FLUX.1 pipeline with random weights, heads of 128, and small text encoders."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel, T5Tokenizer

    tokenizer = clip_tokenizer(("woman", "hair"))
    letters = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    letters += [(letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz"]
    with on_device():
        transformer = FluxTransformer2DModel(
            patch_size=1,
            in_channels=64,
            num_layers=layers,
            num_single_layers=single,
            attention_head_dim=128,
            num_attention_heads=heads,
            joint_attention_dim=128,
            pooled_projection_dim=64,
            axes_dims_rope=(16, 56, 56),
            guidance_embeds=True,
        )
    return FluxPipeline(
        tokenizer=tokenizer,
        tokenizer_2=T5Tokenizer(vocab=letters, extra_ids=0),
        text_encoder=CLIPTextModel(CLIPTextConfig(**text_config(len(tokenizer)))),
        text_encoder_2=T5EncoderModel(
            T5Config(
                vocab_size=64,
                d_model=128,
                d_kv=32,
                d_ff=256,
                num_layers=2,
                num_heads=4,
                tie_word_embeddings=False,
            )
        ),
        transformer=transformer,
        vae=autoencoder(
            16, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def xl(channels: tuple[int, ...], depth: tuple[int, ...], side: int, vae: Any = None) -> Any:
    """An SDXL pipeline with random weights and a UNet of that width and depth."""
    import torch
    from diffusers import (
        AutoencoderTiny,
        EulerDiscreteScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    tokenizer = clip_tokenizer(("woman", "hair"))
    config = CLIPTextConfig(**text_config(len(tokenizer)))
    plain = ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (len(channels) - 1)
    with on_device():
        unet = UNet2DConditionModel(
            sample_size=side // 8,
            block_out_channels=channels,
            down_block_types=plain,
            up_block_types=tuple(name.replace("Down", "Up") for name in reversed(plain)),
            layers_per_block=2,
            cross_attention_dim=128,
            attention_head_dim=tuple(width // 64 for width in channels),
            transformer_layers_per_block=depth,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=6 * 256 + 64,
        )
    return StableDiffusionXLPipeline(
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        text_encoder=CLIPTextModel(config),
        text_encoder_2=CLIPTextModelWithProjection(config),
        unet=unet,
        vae=vae or AutoencoderTiny(),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
    )


def sdxl() -> Any:
    """SDXL's UNet and autoencoder, small text encoders."""
    return xl((320, 640, 1280), (1, 2, 10), 1024, autoencoder(4, scaling_factor=0.13025))


MODELS: dict[str, tuple[Callable[[], Any], int]] = {
    "tiny": (random_pipeline, 128),
    "mid": (lambda: xl((64, 128, 192), (1, 1, 2), 128), 128),
    "sdxl": (sdxl, 1024),
    "dit": (dit, 1024),
}


def saved(name: str, folder: Path) -> Any:
    """Build that model and write it to `folder`, in half precision when a GPU will load it so anyway."""
    import torch

    built = MODELS[name][0]()
    if torch.cuda.is_available() and name in ("sdxl", "dit"):
        built.to(torch.bfloat16)
    built.save_pretrained(folder)
    return built
