"""How the server and the decoder's child talk: length-prefixed frames over two pipes.

A frame is 8 bytes of length (big endian) and that many bytes. A message is a frame of JSON (an object) followed by
as many frames of bytes as its `parts` says. The server reads a child's messages as hostile: every length has a
ceiling before anything is allocated. Knows no process and no pictures.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import BinaryIO

_LENGTH_BYTES = 8
MAX_HEADER_BYTES = 64 * 1024
MAX_PARTS = 8

Message = tuple[dict[str, object], list[bytes]]


class BadFrame(Exception):  # noqa: N818 -- reads as what was received
    """The other side sent something that is no message, or more than it may."""


def packed(header: Mapping[str, object], parts: Sequence[bytes] = ()) -> list[bytes]:
    """The message as a list of byte strings, ready for `writelines` (large parts are not copied)."""
    head = json.dumps({**header, "parts": len(parts)}).encode()
    return [piece for frame in (head, *parts) for piece in (len(frame).to_bytes(_LENGTH_BYTES), frame)]


def read_blocking(stream: BinaryIO, *, max_bytes: int) -> Message | None:
    """The next message from a blocking stream; None when the other side has closed it.

    Raises:
        BadFrame: a frame is no frame, too long, or cut short.
    """
    head = _read_frame(stream, MAX_HEADER_BYTES)
    if head is None:
        return None
    header, count = _header(head)
    parts = []
    for _ in range(count):
        part = _read_frame(stream, max_bytes)
        if part is None:
            raise BadFrame("closed within a message")
        parts.append(part)
    return header, parts


async def read(stream: asyncio.StreamReader, *, max_bytes: int) -> Message:
    """The next message from an asyncio stream.

    Raises:
        BadFrame: a frame is no frame or too long.
        asyncio.IncompleteReadError: the other side closed the stream.
    """
    header, count = _header(await stream.readexactly(await _length(stream, MAX_HEADER_BYTES)))
    return header, [await stream.readexactly(await _length(stream, max_bytes)) for _ in range(count)]


def _read_frame(stream: BinaryIO, ceiling: int) -> bytes | None:
    prefix = stream.read(_LENGTH_BYTES)
    if not prefix:
        return None
    length = _checked(prefix, ceiling)
    body = stream.read(length)
    if len(body) < length:
        raise BadFrame("closed within a frame")
    return body


async def _length(stream: asyncio.StreamReader, ceiling: int) -> int:
    return _checked(await stream.readexactly(_LENGTH_BYTES), ceiling)


def _checked(prefix: bytes, ceiling: int) -> int:
    length = int.from_bytes(prefix)
    if len(prefix) < _LENGTH_BYTES or length > ceiling:
        raise BadFrame(f"a frame of {length} bytes; at most {ceiling} are read")
    return length


def _header(head: bytes) -> tuple[dict[str, object], int]:
    try:
        header = json.loads(head)
    except ValueError as error:
        raise BadFrame("a header that is no JSON") from error
    count = header.pop("parts", None) if isinstance(header, dict) else None
    if type(count) is not int or not 0 <= count <= MAX_PARTS:
        raise BadFrame("a header without a sensible number of parts")
    return header, count
