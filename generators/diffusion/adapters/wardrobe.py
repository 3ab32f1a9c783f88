"""The adapters of one loaded checkpoint: read once, kept while there is room. Used by the loading thread only."""

import collections
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from generators.diffusion.adapters import control, lora
from generators.diffusion.adapters.attached import NOTHING, Attached
from generators.diffusion.adapters.reference import IpAdapter, Reference
from generators.diffusion.asks import Ask, Piece
from generators.diffusion.extras import Extra, ExtraKind
from generators.diffusion.loads import LOADS
from generators.diffusion.pictures import fitted, opened

LORA_BYTES = 2**30  # files kept on the device, least recently worn out first
EMBEDS = 64  # reference pictures whose embeds are kept: a subject's base image is seen again and again

FindExtra = Callable[[ExtraKind], tuple[Extra, Path] | None]


class Wardrobe:
    """What can be worn with one pipeline."""

    def __init__(self, pipeline: Any, find: FindExtra) -> None:
        """`find` gives the installed extra of a kind for this checkpoint."""
        self._pipeline = pipeline
        self._find = find
        self._loras: collections.OrderedDict[str, lora.Lora] = collections.OrderedDict()
        self._embeds: collections.OrderedDict[tuple[str, ...], torch.Tensor] = collections.OrderedDict()
        self._adapter: IpAdapter | None = None
        self._control: tuple[Extra, Any] | None = None

    def attach(self, ask: Ask) -> Attached:
        """Everything the request asks to wear.

        Raises:
            ValueError: an adapter does not fit, a picture cannot be read, or nothing is installed for it.
        """
        if not (ask.loras or ask.references or ask.control):
            return NOTHING
        return Attached(
            loras=tuple(
                lora.Worn(lora=self._lora(item.sha256, item.data), weight=item.weight) for item in ask.loras
            ),
            reference=self._reference(ask) if ask.references and hasattr(self._pipeline, "unet") else None,
            control=self._controlled(ask) if ask.control else None,
        )

    def _lora(self, sha256: str, data: bytes) -> lora.Lora:
        known = self._loras.get(sha256)
        if known is None:
            known = self._loras[sha256] = lora.read(self._pipeline, data)
        self._loras.move_to_end(sha256)
        while len(self._loras) > 1 and sum(one.size for one in self._loras.values()) > LORA_BYTES:
            self._loras.popitem(last=False)
        return known

    def _reference(self, ask: Ask) -> Reference:
        if self._adapter is None:
            extra, folder = self._installed(ExtraKind.IP_ADAPTER)
            with LOADS:
                self._adapter = IpAdapter(self._pipeline.unet, folder, extra.weights, extra.encoder)
        weights = tuple(item.weight for item in ask.references)
        together = len(set(weights)) == 1
        groups = [ask.references] if together else [(item,) for item in ask.references]
        embeds = torch.cat([self._seen(self._adapter, group) for group in groups], dim=1)
        return Reference(adapter=self._adapter, embeds=embeds, weights=weights)

    def _seen(self, adapter: IpAdapter, pieces: Sequence[Piece]) -> torch.Tensor:
        """Embeds of pictures that are encoded together: rounding depends on how many they are."""
        key = tuple(item.sha256 for item in pieces)
        embeds = self._embeds.get(key)
        if embeds is None:
            embeds = self._embeds[key] = adapter.see([opened(item.data) for item in pieces])
        self._embeds.move_to_end(key)
        while len(self._embeds) > EMBEDS:
            self._embeds.popitem(last=False)
        return embeds

    def _controlled(self, ask: Ask) -> control.Control:
        assert ask.control is not None
        if self._control is None:
            extra, folder = self._installed(ExtraKind.CONTROLNET)
            with LOADS:
                self._control = (extra, control.load(folder, self._pipeline.unet))
        extra, network = self._control
        picture = fitted(opened(ask.control.data), ask.width, ask.height)
        like = next(network.parameters())
        return control.Control(
            network=network, picture=control.prepared(picture, extra.prepare, like), weight=ask.control.weight
        )

    def _installed(self, kind: ExtraKind) -> tuple[Extra, Path]:
        found = self._find(kind)
        if found is None:
            raise ValueError(f"No {kind.value} is installed for this checkpoint.")
        return found
