"""The checkpoint of last resort: built once from random weights, loaded like any other folder.

Its pictures are noise and it says so. A trained one in the same format takes its place without a change
here (see `Shelf.starter_folder`).
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from generators.diffusion.checkpoints import CARD, INDEX

SEED = 20_000
NATIVE_SIDE = 128
WORDS = (
    "a",
    "an",
    "and",
    "of",
    "the",
    "in",
    "with",
    "portrait",
    "woman",
    "man",
    "face",
    "photo",
    "hair",
    "eyes",
)


def build(folder: Path) -> None:
    """Write it to `folder` unless it lies there; imports torch. A half-written one is never left behind."""
    if (folder / INDEX).is_file():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        random_pipeline().save_pretrained(scratch, safe_serialization=True)
        (scratch / CARD).write_text(json.dumps({"noise": True, "native_side": NATIVE_SIDE, "steps": 20}))
        scratch.chmod(0o755)
        if (folder / INDEX).is_file():
            return  # another process was faster
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def random_pipeline(seed: int = SEED) -> Any:
    """A `StableDiffusionPipeline` of a few megabytes; equal weights for an equal seed and torch version."""
    import torch
    from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = clip_tokenizer(WORDS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: dict[str, torch.nn.Module] = {
            "text_encoder": CLIPTextModel(CLIPTextConfig(**text_config(len(tokenizer)))),
            "unet": UNet2DConditionModel(
                sample_size=NATIVE_SIDE // 8,
                block_out_channels=(32, 64, 64),
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                layers_per_block=1,
                cross_attention_dim=64,
                attention_head_dim=4,
                norm_num_groups=16,
            ),
            "vae": AutoencoderTiny(
                encoder_block_out_channels=(32, 32, 32, 32), decoder_block_out_channels=(32, 32, 32, 32)
            ),
        }
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, clip_sample=False
    )
    return StableDiffusionPipeline(
        tokenizer=tokenizer,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **{name: part.eval() for name, part in parts.items()},
    )


def clip_tokenizer(words: tuple[str, ...], length: int = 77) -> Any:
    """A byte-level BPE that knows `words` whole and every other text letter by letter."""
    from transformers import CLIPTokenizer

    letters = _byte_letters()
    tokens = letters + [letter + "</w>" for letter in letters]
    merges: list[tuple[str, str]] = []
    for word in words:
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            if pair not in merges:
                merges.append(pair)
                tokens.append("".join(pair))
            parts[:2] = ["".join(pair)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=length)


def text_config(vocab: int) -> dict[str, Any]:
    """The configuration of a small CLIP text encoder over that many tokens, 64 wide."""
    return {
        "vocab_size": vocab,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 77,
        "projection_dim": 64,
        "bos_token_id": vocab - 2,
        "eos_token_id": vocab - 1,
        "pad_token_id": vocab - 1,
    }


def _byte_letters() -> list[str]:
    """The 256 printable stand-ins for bytes of GPT-2's byte-level BPE (Radford et al. 2019, section 2.2)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + number) for number in range(len(others))]
