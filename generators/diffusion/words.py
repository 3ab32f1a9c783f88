"""Every setting of the engine that is a word, with all the words it may be. Imports no torch, so a start checks them.

A test holds the kernels of ATTENTION against the installed diffusers.
"""

import re
from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, ...]] = {
    "ENGINE": ("thread", "process"),
    "DEVICE": ("auto", "cuda", "cuda:N", "mps", "cpu"),
    "DTYPE": ("auto", "float32", "bfloat16", "float16"),
    "ATTENTION": (
        "auto", "native", "flash", "flash_varlen", "flex", "sage", "sage_varlen", "xformers", "_flash_3",
        "_flash_varlen_3", "_native_cudnn", "_native_efficient", "_native_flash", "_native_math", "_native_npu",
        "_native_xla", "_sage_qk_int8_pv_fp16_cuda", "_sage_qk_int8_pv_fp16_triton", "_sage_qk_int8_pv_fp8_cuda",
        "_sage_qk_int8_pv_fp8_cuda_sm90", "_flash_3_hub", "_flash_3_varlen_hub", "aiter_fa2_hub", "flash_hub",
        "flash_4_hub", "flash_varlen_hub", "sage_hub", "sage_blackwell_hub",
    ),
    "QUANTIZATION": ("none", "fp8", "int8"),
    "OFFLOAD": ("auto", "none", "encoders", "blocks", "layers"),
    "PREVIEWS": ("linear", "autoencoder"),
    "TRAINING_DEVICE": ("auto", "cuda", "cuda:N", "mps", "cpu"),
}  # fmt: skip
NUMBERED = re.compile(r"cuda:\d+")


def check(setting: str, word: str) -> None:
    """Raise ValueError for a word that is none of the setting's, naming it and all that are."""
    words = WORDS[setting]
    numbered = "cuda:N" in words and NUMBERED.fullmatch(word)
    if word == "cuda:N" or (word not in words and not numbered):
        raise ValueError(f"{setting} is {word!r}; use one of {', '.join(words)}.")
