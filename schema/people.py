"""Views of people."""

from schema.nodes import Node
from schema.publish import publishes, shown
from store.database import tables


@publishes(tables.User)
class User(Node):
    """One account; everything belongs to a user."""

    handle: str = shown("The name by which the account is known here.")
    email: str | None = shown("Where the user can be reached.")
    role: tables.Role = shown("What the user may do.")
