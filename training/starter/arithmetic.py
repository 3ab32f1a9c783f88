"""Which floating point training computes with. Knows the processor only."""

from __future__ import annotations

import functools
from typing import Final

import torch

MATRICES: Final = ("avx512_bf16", "amx_bf16")


@functools.cache
def working_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it natively, else float32: emulated it takes fourteen times as long."""
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if any(able.get(name) for name in MATRICES) else torch.float32


def autocast(*, enabled: bool = True) -> torch.autocast:
    """Mixed precision for the block, where that is quick; parameters and sums stay float32."""
    quick = enabled and working_dtype() is torch.bfloat16
    return torch.autocast("cpu", torch.bfloat16, enabled=quick)
