"""What callers send to decide on one picture."""

import dataclasses

from resolvers.fields import given
from resolvers.ids import VariantId
from resolvers.inputs import LONG


@dataclasses.dataclass(frozen=True, kw_only=True)
class RateVariantInput:
    """How good a picture is."""

    variant_id: VariantId = given("The picture.")
    rating: int | None = given("1 to 5; absent or null takes the rating back.", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FavoriteVariantInput:
    """Whether a picture is liked."""

    variant_id: VariantId = given("The picture.")
    is_favorite: bool = given("False takes it back.", default=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeepVariantInput:
    """Whether a picture is exempt from retention."""

    variant_id: VariantId = given("The picture.")
    keep: bool = given("False leaves it to retention again.", default=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApproveVariantInput:
    """Which draft to choose; base images have `approveBaseImage`."""

    variant_id: VariantId = given("The picture, a DRAFT.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectVariantInput:
    """Which picture to decide against; base images have `rejectBaseImage`."""

    variant_id: VariantId = given("The picture, DRAFT or APPROVED.")
    reason: str | None = given("Why; kept with the picture.", most=LONG, default=None)
