"""Everything that can be asked about making pictures."""

import strawberry

import resolvers.presets
from schema.estimates import CostEstimate, estimate_cost
from schema.presets import Preset
from schema.publish import related


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
