"""The public contract: what can be asked, done and watched, in which words. No await, no select.

`schema` is the one to serve; `schema.graphql` is the same in SDL, committed, and compared by a test.
"""

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.enums import ENUMS
from schema.inputs import INPUTS
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription

__all__ = ["build_schema", "schema"]


def build_schema() -> strawberry.Schema:
    """Assemble the contract; raises when a field has no source or no words."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[*ENUMS, *INPUTS],
        config=StrawberryConfig(scalar_map=SCALARS),
    )


schema = build_schema()
