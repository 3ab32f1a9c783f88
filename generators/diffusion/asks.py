"""What the engine is asked for: plain data that could cross a process border. Knows no torch and no thread."""

import dataclasses
import hashlib
import json
from typing import Any

from generators.spec import Conditioning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ask:
    """One picture, files opened.

    `strength` 0..1 is how much of the initial picture is given up (diffusers' meaning). `exact` = forwards of
    its own. `scheduler` names another noise scheduler class than the checkpoint's own. `latents` is what an
    earlier run saved.
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
    strength: float = 1.0
    latents: bytes | None = dataclasses.field(default=None, repr=False)
    owner: str = ""
    request: str = ""
    used: tuple[Conditioning, ...] = ()
    notes: tuple[tuple[str, Any], ...] = ()

    def fingerprint(self) -> str:
        """SHA-256 of all that decides the picture; saved states of another request are not taken up."""
        parts = dataclasses.asdict(dataclasses.replace(self, latents=None, used=(), notes=()))
        for name in ("owner", "request", "exact", "latents", "used", "notes"):
            del parts[name]
        image = parts["init_image"]
        parts["init_image"] = hashlib.sha256(image).hexdigest() if image else None
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
