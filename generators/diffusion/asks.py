"""What the engine is asked for: plain data that could cross a process border. Knows no torch and no thread."""

import dataclasses
import functools
import hashlib
import json
from typing import Any

from generators.spec import Conditioning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Piece:
    """A file that takes part in a picture, opened: `weight` is 0..2, 1 = as trained."""

    sha256: str
    data: bytes = dataclasses.field(repr=False, compare=False)
    weight: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ask:
    """One picture, files opened.

    `strength` 0..1 is how much of the initial picture is given up (diffusers' meaning). `exact` = forwards of
    its own. `scheduler` names another noise scheduler class than the checkpoint's own. `latents` is what an
    earlier run saved. `loras` add up; `references` are pictures to look like; `control` a picture whose shape
    is held. `mask` = of the initial picture only what is white there is painted anew.
    """

    checkpoint: str
    prompt: str
    width: int
    height: int
    steps: int
    guidance: float
    seed: int
    negative_prompt: str | None = None
    exact: bool = False
    scheduler: str | None = None
    init_image: bytes | None = dataclasses.field(default=None, repr=False)
    mask: bytes | None = dataclasses.field(default=None, repr=False)
    strength: float = 1.0
    loras: tuple[Piece, ...] = ()
    references: tuple[Piece, ...] = ()
    control: Piece | None = None
    latents: bytes | None = dataclasses.field(default=None, repr=False)
    owner: str = ""
    request: str = ""
    used: tuple[Conditioning, ...] = ()
    notes: tuple[tuple[str, Any], ...] = ()

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the picture; saved states of another request are not taken up."""
        pieces = [(piece.sha256, piece.weight) for piece in (*self.loras, *self.references)]
        parts = [
            self.checkpoint,
            (self.prompt, self.negative_prompt),
            (self.width, self.height, self.steps, self.guidance, self.seed, self.scheduler),
            hashlib.sha256(self.init_image).hexdigest() if self.init_image else None,
            hashlib.sha256(self.mask).hexdigest() if self.mask else None,
            self.strength,
            (len(self.loras), pieces),
            (self.control.sha256, self.control.weight) if self.control else None,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
