"""What reviewers can ask and do."""

import strawberry

import resolvers.review
from resolvers.identity import Scope
from schema.connections import connection
from schema.mutations import mutation
from schema.variants import Variant

VARIANT = (Variant, "The picture as it is now.")


@strawberry.type(description="Asking what waits for a reviewer.")
class ReviewQueries:
    """One line a field; a part of `Query`."""

    review_queue = connection(
        resolvers.review.review_queue,
        Variant,
        "Pictures that wait for a reviewer, of all users, longest waiting first; needs the scope REVIEW. "
        "`heldReason` says why each waits. What else belongs to their owners stays hidden.",
    )


@strawberry.type(description="Deciding on pictures that are held.")
class ReviewMutations:
    """One line a field; a part of `Mutation`."""

    release_variant = mutation(
        resolvers.review.release_variant,
        "Let a held picture through, anybody's: it becomes a DRAFT.",
        scope=Scope.REVIEW,
        variant=VARIANT,
    )
    block_variant = mutation(
        resolvers.review.block_variant,
        "Refuse a held picture for good, anybody's; only reviewers see it from then on.",
        scope=Scope.REVIEW,
        variant=VARIANT,
    )
