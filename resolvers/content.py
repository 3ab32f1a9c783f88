"""Content rules held against what callers send, before anything happens, and against uploads.

Every text of every mutation is read, but for keys and codes that nobody sees. What a rule holds back for a reviewer
is let through where a picture is made of it, because that picture waits; where there is no picture to hold, it
is refused.
"""

import asyncio
import dataclasses
import functools
import typing
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NewType, TypeVar

from executor.content.rules import Action, Finding
from resolvers.context import Context, Some
from resolvers.refused import Refused, UserErrorCode

Made = TypeVar("Made")
CODES = frozenset({"idempotency_key", "key", "preset_key", "template_key", "quality", "url", "email"})
"""Texts that name something and are shown to nobody as words."""
PICTURED = frozenset(
    {
        "prompt", "scene", "negative_prompt", "image_prompt", "topic", "style", "appearance", "personality",
        "base_appearance_description", "art_style", "style_modifiers", "question",
    }
)  # fmt: skip
"""Texts that pictures are made of: what is held in them holds the picture."""
LONG = 10_000  # characters above which the event loop is not kept waiting


async def allowed(context: Context, asked: Any, act: Callable[[Any], Awaitable[Made]]) -> Made:
    """Do it, unless a rule is against what was sent; raises Refused CONTENT_REFUSED, naming the field."""
    if context.guard.rules:
        sent = list(_texts(asked))
        if sum(len(text) for _, text, _ in sent) > LONG:
            await asyncio.to_thread(_check, context, sent)
        else:
            _check(context, sent)
    return await act(asked)


def require_clean(context: Context, text: str, field: str) -> None:
    """Raise Refused unless every rule lets the text through."""
    _check(context, [((field,), text, False)])


async def reason_to_hold(context: Context, picture: bytes, media_type: str) -> str | None:
    """Why an uploaded picture must wait for a reviewer; None = it need not."""
    return await context.guard.reason_to_hold([], picture, media_type)


def _check(context: Context, sent: list[tuple[tuple[str, ...], str, bool]]) -> None:
    for path, text, pictured in sent:
        found = context.guard.finds(text)
        if found is not None and not (pictured and found.action is Action.HOLD):
            raise _refusal(found, path)


def _refusal(found: Finding, path: tuple[str, ...]) -> Refused:
    words = f"{'.'.join(path)} is not taken: {found.sentence}"
    if found.action is Action.HOLD:
        words += " A reviewer can look at pictures only, so use other words here."
    return Refused(UserErrorCode.CONTENT_REFUSED, words, path)


def _texts(sent: Any, inside: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, bool]]:
    """Every text with its path, and whether a picture is made of it; nested inputs and lists too."""
    cls: type = type(sent)
    for name in (field.name for field in dataclasses.fields(sent)):
        value = getattr(sent, name)
        value = value.value if isinstance(value, Some) else value
        path = (*inside, _camel(name))
        for at, each in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(each, str) and name in _free(cls):
                yield path, each, name in PICTURED
            elif dataclasses.is_dataclass(each):
                yield from _texts(each, (*path, str(at)) if isinstance(value, list) else path)


@functools.cache
def _free(cls: type) -> frozenset[str]:
    """The fields that hold words: texts, but no codes and nothing with a type of its own (ids, keys of models)."""
    hints = typing.get_type_hints(cls)
    return frozenset(name for name, hint in hints.items() if name not in CODES and _holds_text(hint))


def _holds_text(hint: Any) -> bool:
    if isinstance(hint, NewType):
        return False
    return hint is str or any(_holds_text(part) for part in typing.get_args(hint))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
