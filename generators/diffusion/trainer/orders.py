"""What the trainer process is told, and what it says: plain data as JSON, one line each. Knows no torch.

Large things (pictures, saved states, the adapter) lie in the order's folder; lines name them.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

TEMPLATE = "a picture of {name}"
"""The caption of a picture that has none, and the prompt of samples."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lesson:
    """One training picture: a file in the folder, and what it shows in words."""

    file: str
    caption: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """One training.

    `folder` is this run's own; nobody else reads or writes it. `source` is the checkpoint's folder, `variant` the
    name of its reduced files or "". `lock` is held while training: one trainer per device. `side` in pixels.
    `prior` = how many pictures of the class are learned beside (prior preservation; 0 = none). `resume` names
    a saved state in the folder, "" = begin. `judge` is the folder of an image encoder, "" = judge by loss.
    """

    folder: str
    lock: str
    source: str
    family: str
    device: str
    lessons: tuple[Lesson, ...]
    trigger: str
    class_prompt: str
    base_model: str
    side: int
    rank: int
    steps: int
    learning_rate: float
    seed: int
    sample_steps: int
    guidance: float
    variant: str = ""
    starter: bool = False
    dtype: str = "auto"
    threads: int = 1
    prior: int = 0
    resume: str = ""
    judge: str = ""
    save_seconds: float = 30.0

    @property
    def name(self) -> str:
        """How the subject is called: the trigger token and what kind of thing it is."""
        return called(self.trigger, self.class_prompt)

    def path(self, file: str) -> Path:
        """A file of the folder."""
        return Path(self.folder) / file

    def line(self) -> bytes:
        """As one line of JSON."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Order":
        """The order of one line; raises ValueError or TypeError for anything else."""
        told: dict[str, Any] = json.loads(line)
        lessons = tuple(Lesson(**lesson) for lesson in told.pop("lessons"))
        return cls(lessons=lessons, **told)


def called(trigger: str, class_prompt: str) -> str:
    """How a trained subject is called in captions and prompts."""
    return f"{trigger} {class_prompt}".strip()
