"""Tiny random-weight transformers of the real classes: SD3, FLUX.1, FLUX.2 klein, Z-Image, Qwen-Image."""

import json
from pathlib import Path
from typing import Any

from generators.diffusion.starter import _byte_letters, clip_tokenizer, text_config
from tests.generators.diffusion.tiny import SIDE, WORDS

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def seeded(seed: int) -> None:
    import torch

    torch.manual_seed(seed)


def t5_tokenizer() -> Any:
    """One token per letter."""
    from transformers import T5Tokenizer

    letters = "abcdefghijklmnopqrstuvwxyz ,."
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)] + [
        (one, -3.0) for one in letters
    ]
    return T5Tokenizer(vocab=vocab, extra_ids=0)


def t5(width: int = 32) -> Any:
    """A T5 encoder."""
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(
        T5Config(
            vocab_size=64,
            d_model=width,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            tie_word_embeddings=False,
        )
    ).eval()


def qwen_tokenizer() -> Any:
    """A byte-level BPE without merges, with a chat template."""
    from transformers import Qwen2Tokenizer

    letters = _byte_letters()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocab = {token: number for number, token in enumerate([*letters, *special])}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[], pad_token="<|endoftext|>")
    tokenizer.chat_template = CHAT
    return tokenizer


def kl(channels: int = 16) -> Any:
    """An autoencoder with a shift, an eighth as wide."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(16, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=channels,
        sample_size=SIDE,
        scaling_factor=0.36,
        shift_factor=0.11,
        use_quant_conv=False,
        use_post_quant_conv=False,
    ).eval()


def flow_scheduler(**more: Any) -> Any:
    """The scheduler of all of them."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**({"shift": 3.0} | more))


def sd3() -> Any:
    """A `StableDiffusion3Pipeline`."""
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    seeded(11)
    clip = clip_tokenizer(WORDS)
    config = CLIPTextConfig(**text_config(len(clip)))
    return StableDiffusion3Pipeline(
        tokenizer=clip,
        tokenizer_2=clip,
        tokenizer_3=t5_tokenizer(),
        text_encoder=CLIPTextModelWithProjection(config).eval(),
        text_encoder_2=CLIPTextModelWithProjection(config).eval(),
        text_encoder_3=t5(128),
        transformer=SD3Transformer2DModel(
            sample_size=SIDE // 8,
            patch_size=2,
            in_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=128,
            pooled_projection_dim=128,
            out_channels=16,
            pos_embed_max_size=32,
        ).eval(),
        vae=kl(),
        scheduler=flow_scheduler(),
    )


def flux(**more: Any) -> Any:
    """A `FluxPipeline` with guidance embeds; `more` for its transformer."""
    from diffusers import FluxPipeline, FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel

    seeded(12)
    plain: dict[str, Any] = {
        "patch_size": 1,
        "in_channels": 64,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 32,
        "pooled_projection_dim": 64,
        "axes_dims_rope": (4, 4, 8),
        "guidance_embeds": True,
    }
    clip = clip_tokenizer(WORDS)
    return FluxPipeline(
        tokenizer=clip,
        tokenizer_2=t5_tokenizer(),
        text_encoder=CLIPTextModel(CLIPTextConfig(**text_config(len(clip)))).eval(),
        text_encoder_2=t5(),
        transformer=FluxTransformer2DModel(**(plain | more)).eval(),
        vae=kl(),
        scheduler=flow_scheduler(use_dynamic_shifting=True),
    )


def qwen3(layers: int = 4) -> Any:
    """A Qwen3 language model, 32 wide."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=300,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            max_position_embeddings=1024,
        )
    ).eval()


def z_image() -> Any:
    """A `ZImagePipeline`."""
    from diffusers import ZImagePipeline, ZImageTransformer2DModel

    seeded(13)
    return ZImagePipeline(
        tokenizer=qwen_tokenizer(),
        text_encoder=qwen3().model,
        transformer=ZImageTransformer2DModel(
            in_channels=16,
            dim=32,
            n_layers=2,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=32,
            axes_dims=[4, 6, 6],
            axes_lens=[1024, 64, 64],
        ).eval(),
        vae=kl(),
        scheduler=flow_scheduler(),
    )


def flux2_klein(distilled: bool = False) -> Any:
    """A `Flux2KleinPipeline`; `distilled` = without guidance, as the published weights."""
    import torch
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel

    seeded(14)
    vae = AutoencoderKLFlux2(
        block_out_channels=(16, 16, 16, 16),
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=8,
        sample_size=SIDE,
    ).eval()
    with torch.no_grad():
        vae.bn.running_mean.normal_(0, 0.3)
        vae.bn.running_var.uniform_(0.5, 1.5)
    return Flux2KleinPipeline(
        tokenizer=qwen_tokenizer(),
        text_encoder=qwen3(28),  # it reads layers 9, 18 and 27
        transformer=Flux2Transformer2DModel(
            in_channels=32,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=96,
            timestep_guidance_channels=32,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ).eval(),
        vae=vae,
        scheduler=flow_scheduler(use_dynamic_shifting=True, time_shift_type="exponential"),
        is_distilled=distilled,
    )


def qwen_image() -> Any:
    """A `QwenImagePipeline`."""
    from diffusers import AutoencoderKLQwenImage, QwenImagePipeline, QwenImageTransformer2DModel
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    seeded(15)
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": 300,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
            "max_position_embeddings": 2048,
        },
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_heads": 2,
            "out_hidden_size": 32,
        },
    )
    return QwenImagePipeline(
        tokenizer=qwen_tokenizer(),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config).eval(),
        transformer=QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 6, 6),
        ).eval(),
        vae=AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=4,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            latents_mean=[0.1] * 4,
            latents_std=[1.5] * 4,
        ).eval(),
        scheduler=flow_scheduler(use_dynamic_shifting=True),
    )


def qwen_edit() -> Any:
    """A `QwenImageEditPlusPipeline`: Qwen-Image that reads pictures."""
    from diffusers import QwenImageEditPlusPipeline
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from generators.diffusion.families.qwen_reading import PictureReader

    plain = qwen_image()
    tokenizer = qwen_tokenizer()
    special = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    plain.text_encoder.config.image_token_id = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    plain.text_encoder.model.config.image_token_id = plain.text_encoder.config.image_token_id
    parts = plain.components | {"tokenizer": tokenizer}
    return QwenImageEditPlusPipeline(**parts, processor=PictureReader(Qwen2VLImageProcessorPil(), tokenizer))


def saved(pipeline: Any, folder: Path) -> Path:
    """In a folder as its publisher lays it out: whoever reads it brings a processor of their own."""
    pipeline.save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    index["processor"] = ["transformers", "Qwen2VLProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


MAKERS = {
    "sd3": sd3,
    "flux": flux,
    "z-image": z_image,
    "flux2-klein": flux2_klein,
    "qwen-image": qwen_image,
}
