"""How much of each lane this process takes on, and which models are warm."""

import collections
from collections.abc import Iterable

from executor.models import LOCAL_LANE, Models
from executor.settings import ExecutorSettings
from store.queue import Claim
from store.queue.claiming import LOOK_AHEAD

TEXT_LANE, TRAIN_LANE, IO_LANE = "text", "train", "io"
CAN_KILL = frozenset({LOCAL_LANE, TRAIN_LANE})  # run native code in this process: a suspect there runs alone


class Lanes:
    """Capacities and warmth. A warm model lets tasks overtake, but at most 32 in a row."""

    def __init__(self, models: Models, settings: ExecutorSettings) -> None:
        self._capacities = {
            TEXT_LANE: settings.text_capacity,
            TRAIN_LANE: settings.train_capacity,
            IO_LANE: settings.io_capacity,
        }
        for model in models.list():
            lane = models.lane_for(model.key)
            capacity = settings.local_capacity if lane == LOCAL_LANE else settings.provider_capacity
            self._capacities[lane] = capacity
        self._warm: dict[str, str] = {}
        self._overtaken: collections.Counter[str] = collections.Counter()

    def names(self) -> list[str]:
        """All lanes that this process serves."""
        return list(self._capacities)

    def request(self, lane: str, claims: Iterable[Claim], *, suspects: bool) -> tuple[int, bool | None]:
        """How many tasks to ask for, and of which kind (see queue.Request).

        A suspect (`suspects` = one waits) ends the process for its neighbours too, who would be suspected in turn.
        So the lane is drained first, the suspect runs alone, and nothing else starts until it is over.
        """
        own = [claim for claim in claims if claim.lane == lane]
        room = max(0, self._capacities[lane] - len(own))
        if lane not in CAN_KILL:
            return room, None
        if suspects:
            return (0, True) if own else (1, True)
        return (0, False) if any(claim.deaths for claim in own) else (room, False)

    def warm(self, lane: str) -> list[str]:
        """The model that ran last there; none when enough tasks have overtaken others on its account."""
        if lane not in self._warm or self._overtaken[lane] >= LOOK_AHEAD:
            return []
        return [self._warm[lane]]

    def claimed(self, lane: str, claims: Iterable[Claim]) -> None:
        """Remember what was taken. A claim in which nobody overtook begins the count anew."""
        taken = list(claims)
        if not taken:
            return
        overtakes = sum(claim.overtook for claim in taken)
        self._overtaken[lane] = self._overtaken[lane] + overtakes if overtakes else 0
        keys = [claim.model_key for claim in taken if claim.model_key is not None]
        if keys:
            self._warm[lane] = keys[-1]
