"""Whose turn it is: which requests share the next forward. Pure; knows no torch and no clock.

Between owners: the least served goes first (start-time fair queueing: served rows per owner, and who comes
back after a pause starts at the least of those present, so that idling saves up nothing). Within an owner:
the fewest remaining steps, less one for every forward waited, so a long run does not hold back a short one
and a stream of short ones does not starve a long one.
"""

import dataclasses
from collections.abc import Callable, Hashable, Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Turn:
    """One request that is ready for its next step. `share`: equal ones can share a forward."""

    number: int
    owner: str
    share: Hashable
    rows: int
    remaining: int
    waited: int


class Turns:
    """Fair choice, one forward at a time. Used by one thread."""

    def __init__(self) -> None:
        self._served: dict[str, float] = {}

    def choose(self, ready: Sequence[Turn], cap: Callable[[Hashable], int]) -> list[Turn]:
        """Those of the next forward, at most `cap(share)` rows (a single larger request still goes); [] for none.

        Their owners are charged for it.
        """
        self._welcome({turn.owner for turn in ready})
        left = sorted(ready, key=lambda turn: (turn.remaining - turn.waited, turn.number))
        chosen: list[Turn] = []
        rows = 0
        while left:
            owner = min((turn.owner for turn in left), key=lambda name: (self._served[name], name))
            turn = next(turn for turn in left if turn.owner == owner)
            left.remove(turn)
            if chosen and rows + turn.rows > cap(turn.share):
                continue
            if not chosen:
                left = [other for other in left if other.share == turn.share]
            chosen.append(turn)
            rows += turn.rows
            self._served[owner] += turn.rows
        return chosen

    def _welcome(self, present: set[str]) -> None:
        staying = {owner: served for owner, served in self._served.items() if owner in present}
        least = min(staying.values(), default=0.0)
        self._served = {owner: staying.get(owner, least) for owner in present}
