"""The quality of a picture by a CLIP model: agreement with the prompt, sharpness, exactly one subject.

Agreement is the cosine of the picture's and the prompt's embeddings, 0 at 0.15 and 1 at 0.35: unrelated pairs lie
below that range and captions of photographs at its upper end (Radford et al. 2021; CLIPScore, Hessel et al. 2021,
scales the same cosine). Exactly one subject is CLIP's zero-shot choice among three sentences. Sharpness is the
variance v of the Laplacian of the luminance at 512 pixels (Pech-Pacheco et al. 2000), as v / (v + 100).

The model is a folder that `transformers` can read, or nothing: then nothing is measured. Loaded on first use.
"""

import asyncio
import dataclasses
import io
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from generators.diffusion.loads import LOADS
from generators.judge import Verdict

log = structlog.get_logger(__name__)
LOWEST, HIGHEST = 0.15, 0.35
SIDE, HALF = 512, 100.0
CHOICES = ("a photo of one person", "a photo of several people", "a place without anybody")


@dataclasses.dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """By what pictures are judged.

    Attributes:
        quality_model: folder of a CLIP model (transformers' format, safetensors) that measures `quality`;
            not set = `quality` stays null, and `autoApprove` with `minQuality` approves nothing.
    """

    quality_model: str | None = None


class ClipJudge:
    """See the module. One picture at a time, on the CPU: a verdict takes a fraction of a second."""

    def __init__(self, settings: JudgeSettings) -> None:
        self._folder = settings.quality_model
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._broken = False

    async def judge(self, picture: bytes, prompt: str) -> Verdict | None:
        """See Judge. A model that cannot be loaded is told once in the log and measures nothing."""
        if self._folder is None or self._broken:
            return None
        return await asyncio.to_thread(self._judge, picture, prompt)

    async def close(self) -> None:
        """See Judge."""
        self._loaded = None

    def _judge(self, picture: bytes, prompt: str) -> Verdict | None:
        from PIL import Image

        with self._lock:
            parts = self._parts()
            if parts is None:
                return None
            image = Image.open(io.BytesIO(picture)).convert("RGB")
            cosines, scale = _cosines(parts, image, (prompt, *CHOICES))
        return Verdict(
            agreement=(cosines[0] - LOWEST) / (HIGHEST - LOWEST),
            sharpness=sharpness(image),
            one_subject=_first_of([scale * cosine for cosine in cosines[1:]]),
        )

    def _parts(self) -> tuple[Any, Any] | None:
        if self._loaded is None and not self._broken:
            try:
                self._loaded = _load(Path(self._folder or ""))
            except (OSError, ValueError) as error:
                self._broken = True
                log.warning("QUALITY_MODEL cannot be loaded; quality is not measured", error=str(error))
        return self._loaded


def sharpness(image: Any) -> float:
    """0..1 of a picture (PIL); a plain ground is 0, fine detail comes near 1."""
    import numpy
    from PIL import Image

    grey = image.convert("L")
    grey.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    light = numpy.asarray(grey, dtype=numpy.float64)
    if min(light.shape) < 3:  # noqa: PLR2004 -- the Laplacian looks at three pixels a side
        return 0.0
    around = light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:]
    variance = float((around - 4 * light[1:-1, 1:-1]).var())
    return variance / (variance + HALF)


def _load(folder: Path) -> tuple[Any, Any]:
    from transformers import CLIPModel, CLIPProcessor

    with LOADS:
        model = CLIPModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    return model, CLIPProcessor.from_pretrained(folder, local_files_only=True)


def _cosines(parts: tuple[Any, Any], image: Any, texts: Sequence[str]) -> tuple[list[float], float]:
    """Of the picture with each text, and the model's scale."""
    import torch

    model, processor = parts
    inputs = processor(text=list(texts), images=image, return_tensors="pt", padding=True, truncation=True)
    with torch.inference_mode():
        found = model(**inputs)
    scale = float(model.logit_scale.detach().exp())
    return [float(logit) / scale for logit in found.logits_per_image[0]], scale


def _first_of(logits: Sequence[float]) -> float:
    """The softmax of the first."""
    highest = max(logits)
    powers = [math.exp(logit - highest) for logit in logits]
    return powers[0] / sum(powers)
