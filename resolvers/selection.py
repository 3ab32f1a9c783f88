"""What an operation asks for, so that nothing dear is made that nobody reads."""

from typing import Any

from resolvers.context import Info


def selects(info: Info, *path: str) -> bool:
    """Whether the field that is being answered has this path below it, by the contract's names."""
    return any(_has(field.selections, path) for field in info.selected_fields if _wanted(field))


def _has(selections: Any, path: tuple[str, ...]) -> bool:
    for selection in filter(_wanted, selections):
        name = getattr(selection, "type_condition", None) is None and selection.name
        if not name:
            if _has(selection.selections, path):  # a fragment stands for what is in it
                return True
        elif name == path[0] and (len(path) == 1 or _has(selection.selections, path[1:])):
            return True
    return False


def _wanted(selection: Any) -> bool:
    """Whether @skip and @include let it through."""
    skip = selection.directives.get("skip", {}).get("if")
    include = selection.directives.get("include", {}).get("if", True)
    return skip is not True and include is not False
