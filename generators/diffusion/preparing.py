"""What an image encoder is shown: the picture scaled, cropped and normalised as its folder says. Knows no torch."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

PREPARED = "preprocessor_config.json"
SIDE = 224
CLIP_MEAN, CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Radford et al. 2021; for a folder that says nothing of its own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preparation:
    """Scale so that the shorter side is `shortest` (or to `side` squared when None), crop the middle `side` squared,
    then (value / 255 - mean) / deviation for each channel.
    """

    side: int
    shortest: int | None
    mean: tuple[float, ...] = CLIP_MEAN
    deviation: tuple[float, ...] = CLIP_DEVIATION

    def __call__(self, picture: bytes) -> Any:
        """An encoded picture as float32 of shape (1, 3, side, side); raises OSError for bytes that are none."""
        import numpy
        from PIL import Image

        image = Image.open(io.BytesIO(picture)).convert("RGB")
        scaled = image.resize(self._scaled(image.size), Image.Resampling.BICUBIC)
        left, top = (scaled.width - self.side) // 2, (scaled.height - self.side) // 2
        cropped = scaled.crop((left, top, left + self.side, top + self.side))
        mean, deviation = numpy.array(self.mean), numpy.array(self.deviation)
        normal = (numpy.asarray(cropped, dtype=numpy.float64) / 255.0 - mean) / deviation
        return numpy.ascontiguousarray(normal.transpose(2, 0, 1)[None], dtype=numpy.float32)

    def _scaled(self, size: tuple[int, int]) -> tuple[int, int]:
        if self.shortest is None:
            return self.side, self.side
        ratio = self.shortest / min(size)
        width, height = (max(self.shortest, round(each * ratio)) for each in size)
        return width, height


def preparation(folder: Path) -> Preparation:
    """As the encoder's folder says (`preprocessor_config.json`), or a checkpoint's `feature_extractor/` beside it."""
    said: dict[str, Any] = {}
    for path in (folder / PREPARED, folder.parent / "feature_extractor" / PREPARED):
        if path.is_file():
            said = json.loads(path.read_text())
            break
    side, shortest = _sides(said, _native(folder))
    return Preparation(
        side=side,
        shortest=shortest,
        mean=tuple(said.get("image_mean", CLIP_MEAN)),
        deviation=tuple(said.get("image_std", CLIP_DEVIATION)),
    )


def _native(folder: Path) -> int:
    config = json.loads((folder / "config.json").read_text())
    inner = config.get("vision_config") or {}
    return int(config.get("image_size") or inner.get("image_size") or SIDE)


def _sides(said: dict[str, Any], native: int) -> tuple[int, int | None]:
    """(side of the crop, shorter side before it); None = both sides become the crop's."""
    size, crop = said.get("size", native), said.get("crop_size")
    shortest = size if isinstance(size, int) else size.get("shortest_edge")
    if isinstance(crop, dict):
        crop = crop.get("height")
    if not said.get("do_center_crop", shortest is not None):
        crop = None
    if shortest is None:
        return int(crop or size["height"]), None
    return int(crop or shortest), int(shortest)
