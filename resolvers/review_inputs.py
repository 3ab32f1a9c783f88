"""What reviewers send to decide on pictures that are held."""

import dataclasses

from resolvers.fields import given
from resolvers.ids import VariantId
from resolvers.inputs import LONG


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReleaseVariantInput:
    """Which held picture to let through."""

    variant_id: VariantId = given("The picture, HELD; anybody's.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockVariantInput:
    """Which held picture to refuse for good."""

    variant_id: VariantId = given("The picture, HELD; anybody's.")
    reason: str | None = given("Why; its owner sees it as `rejectionReason`.", most=LONG, default=None)
