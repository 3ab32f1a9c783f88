"""How good a finished picture is: the one protocol of whatever can tell."""

import dataclasses
from typing import Protocol


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """`agreement` with the prompt, `sharpness`, `one_subject` = exactly one is seen; 0..1, what is beyond counts as that."""

    agreement: float
    sharpness: float
    one_subject: float

    def quality(self, *, of_subject: bool) -> float:
        """0..1, the geometric mean: one part near 0 cannot be made good by the others.

        `of_subject` = somebody shall be seen, and nobody else.
        """
        parts = (self.agreement, self.sharpness, *((self.one_subject,) if of_subject else ()))
        product = 1.0
        for part in parts:
            product *= min(1.0, max(0.0, part))
        return float(product ** (1 / len(parts)))


class Judge(Protocol):
    """Looks at finished pictures; may be slow, never blocks the event loop."""

    async def judge(self, picture: bytes, prompt: str) -> Verdict | None:
        """The verdict on an encoded picture; None when it cannot be measured."""
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...
