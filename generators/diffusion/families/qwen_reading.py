"""Pictures and words for Qwen2.5-VL, prepared without torchvision, which the library's own processor asks for.

What it does is the library's: the image processor on Pillow, and as many picture tokens as the encoder will see.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from transformers import AutoTokenizer, BatchFeature, Qwen2VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from typing_extensions import override

PICTURE = "<|image_pad|>"
LATER = "<|later_pad|>"  # stands for a picture token that is already counted


class PictureReader(Qwen2VLProcessor):  # type: ignore[misc]  # the library has no types here
    """Stands in where a pipeline wants a `Qwen2VLProcessor`; reads no videos."""

    def __init__(self, image_processor: Any, tokenizer: Any) -> None:  # its own checks want torchvision
        self.image_processor = image_processor
        self.tokenizer = tokenizer

    @override
    def __call__(
        self, *, text: Sequence[str], images: Sequence[Image.Image] | None = None, **options: Any
    ) -> BatchFeature:
        """Token ids with their mask; of pictures, which all texts show, the patches and their grids."""
        seen = self.image_processor(images=list(images), return_tensors="pt") if images else {}
        counts = [
            int(grid.prod()) // self.image_processor.merge_size**2 for grid in seen.get("image_grid_thw", ())
        ]
        tokens = self.tokenizer([_counted(one, counts) for one in text], **options)
        return BatchFeature({**tokens, **seen})

    @override
    def save_pretrained(self, save_directory: str | Path, **options: Any) -> None:
        """Both parts, as the library lays them out."""
        self.image_processor.save_pretrained(save_directory)
        self.tokenizer.save_pretrained(save_directory)


def _counted(text: str, counts: Sequence[int]) -> str:
    for count in counts:
        text = text.replace(PICTURE, LATER * count, 1)
    return text.replace(LATER, PICTURE)


def reader(folder: Path) -> PictureReader:
    """The one of a checkpoint."""
    return PictureReader(
        Qwen2VLImageProcessorPil.from_pretrained(folder / "processor", local_files_only=True),
        AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
    )
