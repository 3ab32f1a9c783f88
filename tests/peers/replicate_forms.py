"""The forms of Replicate's models, as strict as the real ones, and the trainer's weights."""

import io
import json
import tarfile
from typing import Any

SDXL = "39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b"

_RATIOS = {"1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"}
_FLUX = {"prompt", "seed", "aspect_ratio", "output_format", "output_quality", "safety_tolerance"}
INPUTS: dict[str, set[str]] = {
    "black-forest-labs/flux-schnell": _FLUX | {"num_outputs", "num_inference_steps", "megapixels", "go_fast"},
    "black-forest-labs/flux-1.1-pro": _FLUX | {"width", "height", "image_prompt", "prompt_upsampling"},
    "black-forest-labs/flux-kontext-pro": _FLUX | {"input_image"},
    "black-forest-labs/flux-kontext-max": _FLUX | {"input_image"},
    "black-forest-labs/flux-2-pro": _FLUX | {"width", "height", "input_images", "resolution"},
    "black-forest-labs/flux-2-flex": _FLUX
    | {"width", "height", "input_images", "resolution", "steps", "guidance", "prompt_upsampling"},
    "bytedance/seedream-4.5": {
        "prompt",
        "size",
        "aspect_ratio",
        "image_input",
        "sequential_image_generation",
        "max_images",
    },
    "ideogram-ai/ideogram-v2": {"prompt", "aspect_ratio", "magic_prompt_option", "negative_prompt", "seed"},
    "ideogram-ai/ideogram-v3-turbo": {"prompt", "aspect_ratio", "magic_prompt_option", "seed"},
    "ideogram-ai/ideogram-v3-balanced": {"prompt", "aspect_ratio", "magic_prompt_option", "seed"},
    "ideogram-ai/ideogram-v3-quality": {"prompt", "aspect_ratio", "magic_prompt_option", "seed"},
    "recraft-ai/recraft-v3": {"prompt", "size", "aspect_ratio", "style"},
    "recraft-ai/recraft-v4": {"prompt", "size", "aspect_ratio"},
    "stability-ai/stable-diffusion-3.5-large": {
        "prompt",
        "aspect_ratio",
        "cfg",
        "image",
        "prompt_strength",
        "steps",
        "seed",
        "output_format",
        "output_quality",
    },
    "leonardoai/phoenix-1.0": {
        "prompt",
        "aspect_ratio",
        "generation_mode",
        "contrast",
        "prompt_enhance",
        "num_images",
        "style",
    },
    SDXL: {
        "prompt",
        "negative_prompt",
        "image",
        "width",
        "height",
        "num_outputs",
        "num_inference_steps",
        "guidance_scale",
        "prompt_strength",
        "seed",
        "apply_watermark",
    },
    "me/fast": _FLUX,
}


def safetensors(rank: int = 16) -> bytes:
    """A whole little adapter file."""
    head = json.dumps({"a": {"dtype": "F32", "shape": [rank], "data_offsets": [0, rank * 4]}}).encode()
    return len(head).to_bytes(8, "little") + head + bytes(rank * 4)


def archive(files: dict[str, bytes]) -> bytes:
    """A tar as the trainer makes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def fault(given: dict[str, Any], allowed: set[str]) -> tuple[str, str] | None:
    """The first input that this model refuses, with the reason."""
    unknown = [(name, "it is not an input of this model") for name in given if name not in allowed]
    seed = given.get("seed", 0)
    ratios = _RATIOS | ({"custom"} if "width" in allowed else set()) | {"16:10", "10:16", "3:1", "1:3"}
    rules = [
        ("prompt", isinstance(given.get("prompt"), str), "it is required"),
        ("aspect_ratio", given.get("aspect_ratio", "1:1") in ratios, f"it must be one of {sorted(ratios)}"),
        ("output_format", given.get("output_format", "png") in ("png", "jpg", "webp"), "webp, jpg or png"),
        ("seed", isinstance(seed, int) and 0 <= seed < 2**31, "it must be a 32-bit integer"),
    ]
    broken = [(name, words) for name, holds, words in rules if not holds]
    pictures = [(name, "it is no address, or too large a data address") for name in _bad_pictures(given)]
    return next(iter([*unknown, *broken, *pictures]), None)


def _bad_pictures(given: dict[str, Any]) -> list[str]:
    names = {"image", "image_prompt", "input_image", "input_images", "image_input"} & set(given)
    return [name for name in sorted(names) if not all(_is_picture(url) for url in _listed(given[name]))]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_picture(url: Any) -> bool:
    return str(url).startswith(("data:image/", "http")) and len(str(url)) <= 400_000
