"""Content rules held against what callers send, before anything happens, and against uploads.

Every text of every mutation is read, but for keys and codes that nobody sees. What a rule holds back for a reviewer
is let through where a picture is made of it, because that picture waits; where there is no picture to hold, it
is refused. Pictures that were sent ahead are shown to moderation when a mutation uses them.
"""

import asyncio
import dataclasses
import functools
import typing
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NewType, TypeVar

from sqlalchemy import select

from executor.content.rules import Action, Finding
from resolvers.context import Context, Some
from resolvers.ids import UploadId
from resolvers.refused import Refused, UserErrorCode
from resolvers.visible import visible
from store.database.tables import File, Upload

Made = TypeVar("Made")
CODES = frozenset({"idempotency_key", "key", "preset_key", "template_key", "quality", "url", "email"})
"""Texts that name something and are shown to nobody as words."""
PICTURED = frozenset(
    {
        "prompt", "scene", "negative_prompt", "image_prompt", "topic", "style", "appearance", "personality",
        "base_appearance_description", "art_style", "style_modifiers",
    }
)  # fmt: skip
"""Texts that pictures are made of: what is held in them holds the picture."""
DRAFTS = frozenset({"upload_id"})
"""Pictures sent ahead that become drafts: what is flagged in them is HELD, as any draft is, and not refused."""
LONG = 10_000  # characters above which the event loop is not kept waiting


async def allowed(context: Context, asked: Any, act: Callable[[Any], Awaitable[Made]]) -> Made:
    """Do it, unless a rule is against what was sent; raises Refused CONTENT_REFUSED, naming the field."""
    if context.guard.rules:
        sent = list(_texts(asked))
        if sum(len(text) for _, text, _ in sent) > LONG:
            await asyncio.to_thread(_check, context, sent)
        else:
            _check(context, sent)
    if context.guard.moderates:
        for path, upload_id in _uploads(asked):
            await _check_upload(context, path, upload_id)
    return await act(asked)


def require_clean(context: Context, text: str, field: str) -> None:
    """Raise Refused unless every rule lets the text through."""
    _check(context, [((field,), text, False)])


async def reason_to_hold(
    context: Context, picture: bytes, media_type: str, words: str | None = None
) -> str | None:
    """Why an uploaded picture, or a photograph with its title, must wait for a reviewer; None = it need not."""
    return await context.guard.reason_to_hold([words], picture, media_type)


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


async def _check_upload(context: Context, path: tuple[str, ...], upload_id: uuid.UUID) -> None:
    """Raise Refused for a picture of the viewer's that moderation objects to; a missing one is not told of here."""
    statement = select(File).join(Upload, Upload.file_id == File.id)
    async with context.reading() as session:
        file = await session.scalar(statement.where(Upload.id == upload_id, visible(context.viewer, Upload)))
    if file is None:
        return
    data = await context.files.vault.read_async(file.sha256)
    objection = await context.guard.objection([], data, file.media_type)
    if objection is not None:
        words = f"{'.'.join(path)} is not taken: {objection} Use another picture."
        raise Refused(UserErrorCode.CONTENT_REFUSED, words, path)


def _uploads(sent: Any) -> Iterator[tuple[tuple[str, ...], uuid.UUID]]:
    """Every picture that was sent ahead and is used now, with its path."""
    for name, hint in typing.get_type_hints(type(sent)).items():
        if name in DRAFTS or not _names_uploads(hint):
            continue
        value = getattr(sent, name)
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                yield (_camel(name),), each


def _names_uploads(hint: Any) -> bool:
    return hint is UploadId or any(_names_uploads(part) for part in typing.get_args(hint))


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
