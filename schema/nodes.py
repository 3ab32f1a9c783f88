"""Everything that has an id."""

import strawberry

from schema.ids import global_id


@strawberry.interface(description="Something that can be found again by its id.")
class Node:
    """Implemented by every view of a row with an id."""

    id: strawberry.ID = strawberry.field(
        resolver=global_id, description="Names this thing everywhere; opaque, and stable for its life."
    )
