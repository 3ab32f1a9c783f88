"""One thing that was looked at."""

import dataclasses
import enum


class State(enum.Enum):
    """How it stands. Only MISSING_ESSENTIAL keeps the server from its main job."""

    WORKS = "works"
    NOT_CONFIGURED = "not configured"
    WARNING = "attention"
    MISSING_ESSENTIAL = "MISSING"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """`what` was looked at, how it stands, in words, and what to do about it."""

    what: str
    state: State
    words: str
    remedy: str | None = None
