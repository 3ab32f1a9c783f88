"""Compiled transformer blocks of one denoiser, switched on for the forwards that may use them. Knows no request.

Only the blocks that repeat are compiled, once for all of a class (regional compilation), with symbolic sizes, so
that rows, sizes and prompts of any length share two graphs: one for a single row, one for more. Nothing is
padded. Compiled code does not see hooks that come later (torch's guards leave them out), so forwards that wear a
LoRA or an IP-Adapter run as they are written, and so do exact ones, which are to equal the stock pipeline's bytes.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


class Compiled:
    """Blocks with their compiled calls. Used by the denoising thread, or by the loading one before that has it."""

    def __init__(self, denoiser: Any | None) -> None:
        """None = nothing is compiled. Compilation itself happens at the first forward of each graph."""
        self._calls: list[tuple[torch.nn.Module, Any]] = []
        if denoiser is None:
            return
        names = getattr(denoiser, "_repeated_blocks", None) or denoiser._no_split_modules or ()  # noqa: SLF001 - diffusers' own declaration, SD3 has the second only
        for module in denoiser.modules():
            if type(module).__name__ in names:
                module.compile(dynamic=True, fullgraph=True)
                self._calls.append((module, module._compiled_call_impl))  # noqa: SLF001 - see `running`
        self._switch(on=False)

    def __bool__(self) -> bool:
        return bool(self._calls)

    def give_up(self) -> None:
        """Forwards run as they are written from now on."""
        self._switch(on=False)
        self._calls = []

    @contextlib.contextmanager
    def running(self, *, allowed: bool) -> Iterator[None]:
        """While open, forwards use the compiled blocks if that is allowed."""
        if not (allowed and self._calls):
            yield
            return
        self._switch(on=True)
        try:
            yield
        finally:
            self._switch(on=False)

    def _switch(self, *, on: bool) -> None:
        """What `Module.compile` sets and `Module.__call__` reads; torch has no public switch for one module."""
        for module, call in self._calls:
            module._compiled_call_impl = call if on else None  # noqa: SLF001 - see above
