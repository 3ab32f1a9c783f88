"""Connections: one generic shape for every list, with keyset cursors both ways.

A resolver answers with a `Listing`; the extension here adds the four paging arguments and makes it a page.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions import FieldExtension
from strawberry.types.arguments import StrawberryArgument
from typing_extensions import override

from resolvers import paging
from resolvers.checks import check
from resolvers.context import Info
from resolvers.paging import Page, Window
from schema.ids import decoded
from schema.publish import explained, publishes, shown

Item = TypeVar("Item")
SIZES = f"{paging.DEFAULT_SIZE} when neither `first` nor `last` is given, at most {paging.LARGEST_SIZE}."
ARGUMENTS = {
    "first": (int, f"So many from the beginning, or after `after`; {SIZES}"),
    "after": (str, "Only what comes after this cursor."),
    "last": (int, f"So many from the end, or before `before`; {SIZES}"),
    "before": (str, "Only what comes before this cursor."),
}


@publishes(Page)
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool = shown("Whether the list goes on after this page.")
    has_previous_page: bool = shown("Whether the list has something before this page.")
    start_cursor: str | None = shown("The cursor of the first node; null on an empty page.")
    end_cursor: str | None = shown("The cursor of the last node; null on an empty page.")


@strawberry.type(description="One node and its place in the list.")
class Edge(Generic[Item]):
    """Served by `paging.Edge`."""

    cursor: str = shown("The place: give it to `after` or `before`.")
    node: Item = shown("What is there.")


@strawberry.type(description="A page of a list; each piece of it is fetched only when it is selected.")
class Connection(Generic[Item]):
    """Served by a `Page`."""

    edges: list[Edge[Item]] = shown("The nodes with their cursors.")
    nodes: list[Item] = shown("The nodes alone.")
    page_info: PageInfo = shown("Where this page stands in the list.")
    total_count: int = shown("How many nodes the whole list has; counted only when selected.")


class Paged(FieldExtension):
    """Adds first, after, last and before, and turns the resolver's `Listing` into a `Page`."""

    @override
    def apply(self, field: Any) -> None:
        """Add the arguments, once."""
        known = {argument.python_name for argument in field.arguments}
        field.arguments = [
            *field.arguments,
            *(
                StrawberryArgument(
                    python_name=name,
                    graphql_name=None,
                    type_annotation=StrawberryAnnotation(kind | None),
                    description=words,
                    default=strawberry.UNSET,
                )
                for name, (kind, words) in ARGUMENTS.items()
                if name not in known
            ),
        ]

    @override
    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Page[Any]:
        """Check the window and the ids in the filter; nothing is fetched yet."""
        window = Window(**{name: kwargs.pop(name, None) for name in ARGUMENTS})
        if kwargs.get("filter_by") is not None:
            check(kwargs["filter_by"])
            kwargs["filter_by"] = decoded(kwargs["filter_by"])
        listing = next_(source, info, **kwargs)
        return Page(info.context.reading, listing, window)


def connection(resolver: Callable[..., Any], item: Any, description: str, **arguments: str) -> Any:
    """A list field; `arguments` explains those that the resolver has of its own."""
    field = strawberry.field(
        resolver=resolver, graphql_type=Connection[item], description=description, extensions=[Paged()]
    )
    return explained(field, arguments)
