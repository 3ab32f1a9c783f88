"""Holds what callers send against what its fields allow: lengths, and characters that no row can keep.

Knows the inputs' metadata only; rules between fields belong to the resolver that knows their meaning.
"""

import dataclasses
from typing import Any

from resolvers.context import Some
from resolvers.refused import Refused, UserErrorCode


def check(sent: Any, inside: tuple[str, ...] = ()) -> None:
    """Raise Refused for the first text that is too long or cannot be kept, naming the field; nested inputs too."""
    for field in dataclasses.fields(sent):
        value = getattr(sent, field.name)
        path = (*inside, _camel(field.name))
        text = value.value if isinstance(value, Some) else value
        for at, each in enumerate(text if isinstance(text, list) else [text]):
            if isinstance(each, str):
                _check_text(path, each, field.metadata.get("most"))
            elif dataclasses.is_dataclass(each):
                check(each, (*path, str(at)) if isinstance(text, list) else path)


def _check_text(path: tuple[str, ...], text: str, most: int | None) -> None:
    name = ".".join(path)
    if most is not None and len(text) > most:
        raise Refused(
            UserErrorCode.TOO_LONG,
            f"{name} has {len(text):,} characters; at most {most:,} are allowed.",
            path,
        )
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused(
            UserErrorCode.INVALID_INPUT,
            f"{name} holds a character that no text can have (NUL or half of a pair).",
            path,
        )


def within(name: str, value: float, lowest: float, highest: float) -> None:
    """Raise Refused unless the number lies in the range, ends included."""
    if not lowest <= value <= highest:
        raise Refused(
            UserErrorCode.INVALID_INPUT,
            f"{name} must be between {lowest} and {highest}; got {value}.",
            (name,),
        )


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
