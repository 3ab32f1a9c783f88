"""What to make: frozen, plain, and able to cross a process border.

A spec names everything a generator needs and nothing else. It never holds a path or an address: files
enter as `FileRef` and are opened through the `OpenFile` that the application injects.
"""

import dataclasses
import enum
from collections.abc import Awaitable, Callable


class Determinism(enum.Enum):
    """How exactly a local picture can be made again.

    FAST shares forwards with other requests (within 1 of 255 per channel of EXACT on fp32 models);
    EXACT runs in forwards of its own: equal bytes for an equal request, versions, device and threads.
    """

    FAST = "FAST"
    EXACT = "EXACT"


class ConditioningKind(enum.Enum):
    """By what a subject is held in a picture."""

    PROMPT = "PROMPT"
    SEED = "SEED"
    INIT_IMAGE = "INIT_IMAGE"
    IP_ADAPTER = "IP_ADAPTER"
    CONTROLNET = "CONTROLNET"
    REFERENCE_IMAGE = "REFERENCE_IMAGE"
    LORA = "LORA"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileRef:
    """One file of the private store, by content."""

    sha256: str
    size: int
    media_type: str


OpenFile = Callable[[FileRef], Awaitable[bytes]]
"""Reads a stored file; raises FileNotFoundError when its bytes are gone."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditioning:
    """One thing that holds the likeness.

    `weight` is 0..2, 1 = as trained; for INIT_IMAGE it is how much of the picture is kept, 0..1.
    `file` is None for PROMPT and SEED. `source_id` is the id of the variant, upload or adapter it came from.
    """

    kind: ConditioningKind
    weight: float = 1.0
    file: FileRef | None = None
    source_id: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """One picture.

    `width` and `height` in pixels; `steps` 1..1000; `seed` 0..2**53-1; `guidance` None = the checkpoint's own.
    `negative_prompt` None and "" differ (SDXL zeroes the first and encodes the second).
    `mask` belongs to the initial image: what is white there is painted anew, what is black stays. It has any size
    and is scaled and cropped at the centre as the initial image is.
    `quality` is one of the model's `qualities`; None = the model's own default.
    `owner_id` serves fairness between users; `request_id` ties logs together.
    """

    variant_id: str
    model: str
    prompt: str
    width: int
    height: int
    steps: int
    seed: int
    negative_prompt: str | None = None
    guidance: float | None = None
    determinism: Determinism = Determinism.FAST
    conditioning: tuple[Conditioning, ...] = ()
    fallback_models: tuple[str, ...] = ()
    quality: str | None = None
    mask: FileRef | None = None
    owner_id: str = ""
    request_id: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextSpec:
    """One text: instructions, what to answer, pictures to read, and the JSON schema of a structured answer."""

    model: str
    instructions: str
    prompt: str
    images: tuple[FileRef, ...] = ()
    json_schema: str | None = None
    max_output_tokens: int = 4096
    owner_id: str = ""
    request_id: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingImage:
    """One training picture with its caption (None = write one)."""

    file: FileRef
    caption: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """One LoRA: 3..50 pictures of one subject. `alpha` always equals `rank`, so adapters can be swapped hot.

    `resolution`: pixels of a side of the squares that are learned; None = the model's own.
    """

    model: str
    images: tuple[TrainingImage, ...]
    trigger: str
    class_prompt: str
    rank: int = 16
    steps: int = 500
    learning_rate: float = 1e-4
    resolution: int | None = None
    prior_preservation: bool = False
    seed: int = 0
    owner_id: str = ""
    request_id: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DownloadSpec:
    """Bring one catalog entry's weights onto this machine."""

    model: str
    owner_id: str = ""
    request_id: str = ""


Spec = ImageSpec | TextSpec | TrainingSpec | DownloadSpec
