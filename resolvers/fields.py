"""How a field of an input is declared: with its words, and with the longest text it takes."""

import dataclasses
from typing import Any

KEY = 255


def given(description: str, *, most: int | None = None, **options: Any) -> Any:
    """A field with its words; `most` is the greatest number of characters of a text."""
    if most is not None:
        description = f"{description} At most {most:,} characters."
    return dataclasses.field(metadata={"description": description, "most": most}, **options)


def retry_key() -> Any:
    """The field that makes a mutation safe to send twice."""
    return given(
        "Sent again with the same key and the same input within 48 hours, the mutation does nothing new and "
        "returns what it made the first time.",
        most=KEY,
        default=None,
    )
