"""IP-Adapter: reference pictures as extra attention, row by row. Knows UNets only.

The adapter's attention processors are put in for one forward that has a reference in it, and taken out
again, so that all other forwards are the stock network's and the loading thread never touches a network that
is computing. Rows without a reference get zero embeds and weight 0 (Ye et al. 2023, arXiv 2308.06721).

Pictures with one weight share one attention over all their tokens, as the stock pipeline does for several pictures.
Pictures with weights of their own are attended to one by one and add up, as the stock pipeline does for the same
adapter loaded once for each.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection
from typing_extensions import override


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """What one request sees: embeds [2 (unconditional, conditional), pictures, ...] and a weight for each picture."""

    adapter: "IpAdapter"
    embeds: torch.Tensor
    weights: tuple[float, ...]

    @property
    def parts(self) -> int:
        """How often it is attended to: once, or for each picture where their weights differ."""
        return len(self.weights) if len(set(self.weights)) > 1 else 1

    def rows(self, count: int) -> torch.Tensor:
        """The embeds of its rows: both with guidance, else the conditional one."""
        return self.embeds if count > 1 else self.embeds[1:]


class RowScale:
    """A weight per row where the stock processor expects a number: never equal to 0, multiplies rows."""

    __hash__ = None  # type: ignore[assignment]  # it compares unequal to everything, itself included

    def __init__(self, weights: torch.Tensor) -> None:
        self._weights = weights

    @override
    def __eq__(self, other: object) -> bool:
        return False

    def __mul__(self, hidden: torch.Tensor) -> torch.Tensor:
        return self._weights.to(hidden.dtype).view(-1, *[1] * (hidden.ndim - 1)) * hidden


class IpAdapter:
    """One loaded IP-Adapter with its image encoder, beside the UNet that it was loaded for."""

    def __init__(self, unet: Any, folder: Path, weights: str, encoder: str) -> None:
        """Reads `<folder>/<weights>` and the encoder in `<folder>/<encoder>`; changes nothing in the UNet."""
        tensors = load_file(folder / weights)
        state: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            state[part][rest] = tensor
        place = {"device": unet.device, "dtype": unet.dtype}
        processors = unet._convert_ip_adapter_attn_to_diffusers([state], low_cpu_mem_usage=False)  # noqa: SLF001 - the public loader would change a network that may be computing
        layer = unet._convert_ip_adapter_image_proj_to_diffusers(state["image_proj"], low_cpu_mem_usage=False)  # noqa: SLF001 - see above
        self.projection = MultiIPAdapterImageProjection([layer]).to(**place).eval()
        self._layer = layer
        self._last_hidden = isinstance(layer, ImageProjection)
        self.processors = {
            name.removesuffix(".processor"): processor.to(**place)
            for name, processor in processors.items()
            if isinstance(processor, torch.nn.Module)
        }
        self.encoder = CLIPVisionModelWithProjection.from_pretrained(
            folder / encoder, dtype=unet.dtype, local_files_only=True, use_safetensors=True
        )
        self.encoder.to(unet.device).eval().requires_grad_(requires_grad=False)
        side = self.encoder.config.image_size
        self._pixels = CLIPImageProcessor(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        )

    def projections(self, parts: int) -> MultiIPAdapterImageProjection:
        """Embeds to tokens, for that many lists of embeds, all by the same weights."""
        return self.projection if parts == 1 else MultiIPAdapterImageProjection([self._layer] * parts).eval()

    def see(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        """Embeds of the pictures: [2, pictures, ...], the unconditional ones first."""
        pixels = self._pixels(list(pictures), return_tensors="pt").pixel_values
        pixels = pixels.to(self.encoder.device, self.encoder.dtype)
        if self._last_hidden:
            seen = self.encoder(pixels).image_embeds
            blind = torch.zeros_like(seen)
        else:
            seen = self.encoder(pixels, output_hidden_states=True).hidden_states[-2]
            blind = self.encoder(torch.zeros_like(pixels), output_hidden_states=True).hidden_states[-2]
        return torch.stack([blind, seen])


@contextlib.contextmanager
def seen(unet: Any, wearers: Sequence[tuple[int, Reference | None]]) -> Iterator[list[torch.Tensor] | None]:
    """While open, forwards of `unet` attend to the references; yields the `image_embeds` to give them."""
    references = [reference for _, reference in wearers if reference is not None]
    if not references:
        yield None
        return
    adapter = references[0].adapter
    blank = torch.zeros_like(references[0].embeds[:1])
    embeds = torch.cat(
        [
            reference.rows(rows) if reference is not None else blank.expand(rows, *blank.shape[1:])
            for rows, reference in wearers
        ]
    )
    parts = references[0].parts  # equal for all that share a forward
    scales = [_scale(wearers, part, embeds) for part in range(parts)]
    plain = {}
    try:
        for name, processor in adapter.processors.items():
            attention = unet.get_submodule(name)
            plain[name] = attention.processor
            _repeat(processor, parts, scales)
            attention.set_processor(processor)
        unet.encoder_hid_proj = adapter.projections(parts)
        unet.config.encoder_hid_dim_type = "ip_image_proj"
        yield [embeds] if parts == 1 else [embeds[:, part : part + 1].contiguous() for part in range(parts)]
    finally:
        unet.encoder_hid_proj = None
        for name, processor in plain.items():
            unet.get_submodule(name).set_processor(processor)


def _repeat(processor: Any, parts: int, scales: Sequence[float | RowScale]) -> None:
    """Let a stock processor attend that many times by its own keys and values."""
    processor.scale = list(scales)
    for name in ("to_k_ip", "to_v_ip"):
        layers = getattr(processor, name)
        if len(layers) != parts:
            setattr(processor, name, torch.nn.ModuleList([layers[0]] * parts))


def _scale(
    wearers: Sequence[tuple[int, Reference | None]], part: int, embeds: torch.Tensor
) -> float | RowScale:
    weights = [
        reference.weights[part] if reference else 0.0 for rows, reference in wearers for _ in range(rows)
    ]
    if len(set(weights)) == 1:
        return weights[0]  # as the stock pipeline computes it, bit for bit
    return RowScale(torch.tensor(weights, device=embeds.device))
