"""Everything that can be asked about making pictures."""

from collections.abc import Awaitable
from typing import Any

import strawberry

import resolvers.presets
import resolvers.similar
from resolvers.context import Info
from schema.estimates import CostEstimate, estimate_cost
from schema.ids import GlobalId, expect
from schema.presets import Preset
from schema.publish import related
from schema.variants import Variant
from store.database import tables


def similar_variants(info: Info, of: GlobalId, first: int | None = None) -> Awaitable[Any]:
    """Decode the id and look for its neighbours."""
    return resolvers.similar.similar_variants(info, expect(of, tables.Variant, ("id",)), first)


@strawberry.type(description="Presets, and what pictures would cost.")
class ImageQueries:
    """One line a field; a part of `Query`."""

    presets = related(resolvers.presets.presets, list[Preset], "The built-in presets, then your own by name.")
    estimate_cost = related(
        estimate_cost,
        CostEstimate,
        "What `generateImages` would cost with this input, and what your limits leave. What it would refuse is an "
        "error here.",
        asked="As for `generateImages`.",
    )
    similar_variants = related(
        similar_variants,
        list[Variant],
        "Pictures of yours that look like this one, the most alike first; none where no image encoder has seen it.",
        of="The picture.",
        first="How many, 1 to 100; 10 when absent.",
    )
