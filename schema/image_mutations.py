"""Everything that can be done with pictures and presets."""

import strawberry

import resolvers.decisions
from schema.mutations import mutation
from schema.variants import Variant

VARIANT = (Variant, "The picture as it is now.")


@strawberry.type(description="Making pictures, and deciding on them.")
class ImageMutations:
    """One line a field; a part of `Mutation`."""

    rate_variant = mutation(
        resolvers.decisions.rate_variant, "Rate a picture, or take the rating back.", variant=VARIANT
    )
    favorite_variant = mutation(
        resolvers.decisions.favorite_variant, "Like a picture, or no longer.", variant=VARIANT
    )
    keep_variant = mutation(
        resolvers.decisions.keep_variant, "Exempt a picture from retention, or no longer.", variant=VARIANT
    )
    approve_variant = mutation(
        resolvers.decisions.approve_variant,
        "Choose a draft: retention leaves it alone, and it is not published by that.",
        variant=VARIANT,
    )
    reject_variant = mutation(
        resolvers.decisions.reject_variant, "Decide against a picture; the reason is kept.", variant=VARIANT
    )
