"""Deciding on many pictures in one call, and what became of each."""

import strawberry

import resolvers.bulk
from resolvers.bulk import Outcome
from resolvers.context import Parent
from resolvers.identity import Scope
from resolvers.ids import GlobalId
from schema.mutations import UserError, mutation, told
from schema.publish import publishes, related, shown


def errors_of(outcome: Parent[Outcome]) -> list[UserError]:
    """Why this one was refused."""
    return [] if outcome.refused is None else [told(outcome.refused)]


@publishes(Outcome)
class VariantResult:
    """What became of one picture of many."""

    id: GlobalId = shown("The id as it was given.")
    user_errors = related(
        errors_of, list[UserError], "Why nothing was done with this one; empty when it was done."
    )


RESULTS = (list[VariantResult], "What became of each, in the order of the ids.")


@strawberry.type(
    description="Deciding on many pictures at once; one that is refused stops none of the others."
)
class BulkMutations:
    """One line a field; a part of `Mutation`."""

    reject_variants = mutation(
        resolvers.bulk.reject_variants, "Decide against many pictures.", results=RESULTS
    )
    favorite_variants = mutation(
        resolvers.bulk.favorite_variants, "Like many pictures, or no longer.", results=RESULTS
    )
    publish_variants = mutation(
        resolvers.bulk.publish_variants,
        "Publish many pictures without posts. Returns at once; each has a job of its own.",
        scope=Scope.PUBLISH,
        results=RESULTS,
    )
    delete_variants = mutation(
        resolvers.bulk.delete_variants,
        "Delete many pictures for good. Published ones, current base images, those attached to a post and those in "
        "the making are refused.",
        results=RESULTS,
    )
