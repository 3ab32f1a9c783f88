"""What callers send to decide on many pictures at once.

Ids are taken as they come: one that is malformed, missing or somebody else's is an outcome of its own and stops none
of the others.
"""

import dataclasses

from resolvers.fields import given
from resolvers.ids import LooseId
from resolvers.inputs import LONG

MOST_AT_ONCE = 100
IDS = f"1 to {MOST_AT_ONCE} pictures; the outcomes come in this order."


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectVariantsInput:
    """Which pictures to decide against."""

    variant_ids: list[LooseId] = given(IDS)
    reason: str | None = given("Why; kept with each picture.", most=LONG, default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FavoriteVariantsInput:
    """Which pictures are liked."""

    variant_ids: list[LooseId] = given(IDS)
    is_favorite: bool = given("False takes it back.", default=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishVariantsInput:
    """Which pictures to publish, without posts."""

    variant_ids: list[LooseId] = given(IDS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteVariantsInput:
    """Which pictures to delete for good."""

    variant_ids: list[LooseId] = given(IDS)
