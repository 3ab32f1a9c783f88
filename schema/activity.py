"""The view of one change of state."""

import resolvers.activity
from schema.nodes import Node
from schema.publish import publishes, shown


@publishes(resolvers.activity.Activity)
class Activity:
    """One change of state of something of yours."""

    cursor: str = shown("Names this place in the stream: `activity(after:)` goes on from here, without gaps.")
    node: Node = shown("What changed, as it is now.")
