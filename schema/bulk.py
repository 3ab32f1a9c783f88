"""Deciding on many pictures in one call, and what became of each."""

from collections.abc import Awaitable
from typing import Any

import strawberry

import resolvers.bulk
from resolvers.bulk import Many, Outcome
from resolvers.bulk_inputs import (
    BulkInput,
    DeleteVariantsInput,
    FavoriteVariantsInput,
    PublishVariantsInput,
    RejectVariantsInput,
)
from resolvers.context import Info, Parent
from resolvers.identity import Scope
from resolvers.ids import GlobalId
from schema.ids import decode
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


def many(asked: BulkInput) -> Many:
    """The ids, each decoded by itself."""
    return Many(given=asked.variant_ids, refs=[decode(each) for each in asked.variant_ids])


def reject_variants(info: Info, asked: RejectVariantsInput) -> Awaitable[Any]:
    """Decode the ids and decide."""
    return resolvers.bulk.reject_variants(info, asked, many(asked))


def favorite_variants(info: Info, asked: FavoriteVariantsInput) -> Awaitable[Any]:
    """Decode the ids and decide."""
    return resolvers.bulk.favorite_variants(info, asked, many(asked))


def publish_variants(info: Info, asked: PublishVariantsInput) -> Awaitable[Any]:
    """Decode the ids and publish."""
    return resolvers.bulk.publish_variants(info, asked, many(asked))


def delete_variants(info: Info, asked: DeleteVariantsInput) -> Awaitable[Any]:
    """Decode the ids and delete."""
    return resolvers.bulk.delete_variants(info, asked, many(asked))


RESULTS = (list[VariantResult], "What became of each, in the order of the ids.")


@strawberry.type(
    description="Deciding on many pictures at once; one that is refused stops none of the others."
)
class BulkMutations:
    """One line a field; a part of `Mutation`."""

    reject_variants = mutation(reject_variants, "Decide against many pictures.", results=RESULTS)
    favorite_variants = mutation(favorite_variants, "Like many pictures, or no longer.", results=RESULTS)
    publish_variants = mutation(
        publish_variants,
        "Publish many pictures without posts. Returns at once; each has a job of its own.",
        scope=Scope.PUBLISH,
        results=RESULTS,
    )
    delete_variants = mutation(
        delete_variants,
        "Delete many pictures for good. Published ones, current base images, those attached to a post and those in "
        "the making are refused.",
        results=RESULTS,
    )
