"""First-block caching for one request in forwards of its own. Knows transformers that diffusers can cache only.

While the first block's residual barely changes from one step to the next, the blocks after it are skipped and
their last residual is used again. The residual is that of the rows it was taken from: a neighbour that joins would
be given somebody else's picture, silently (measured: 10 % off). So the hooks are there for the forwards of the
request that owns the memory, and for no other.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from diffusers.hooks import FirstBlockCacheConfig
from diffusers.models.cache_utils import CacheMixin

CONTEXT = "request"
LEAST_BLOCKS = 2  # one to compare, one to skip


class StepCache:
    """What one request's forwards remember."""

    def __init__(self, threshold: float) -> None:
        """`threshold` = the share by which the first block's residual may change."""
        self._threshold = threshold
        self._memory: Any = None

    def forget(self) -> None:
        """After a forward that failed half-way: the next one computes everything."""
        self._memory = None

    @contextlib.contextmanager
    def open(self, transformer: Any) -> Iterator[None]:
        """While open, forwards of the transformer use and fill this memory."""
        transformer.enable_cache(FirstBlockCacheConfig(threshold=self._threshold))
        try:
            hooks = [
                hook
                for module in transformer.modules()
                if hasattr(module, "_diffusers_hook")
                for hook in module._diffusers_hook.hooks.values()  # noqa: SLF001 - where diffusers keeps them
                if hasattr(hook, "state_manager")
            ]
            if self._memory is None:
                self._memory = hooks[0].state_manager
            for hook in hooks:
                hook.state_manager = self._memory
            with transformer.cache_context(CONTEXT):
                yield
        finally:
            transformer.disable_cache()


def cacheable(denoiser: Any) -> bool:
    """Whether its blocks can be skipped."""
    blocks = sum(
        len(getattr(denoiser, name, ())) for name in ("transformer_blocks", "single_transformer_blocks")
    )
    return isinstance(denoiser, CacheMixin) and blocks >= LEAST_BLOCKS
