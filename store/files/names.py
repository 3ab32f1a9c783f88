"""Names for people: traceable download names, and clients' file names made fit to be shown.

Nothing here is ever a path: the vault names files by their hash. Knows no files and no rows.
"""

import re
import unicodedata
from datetime import UTC, datetime

from slugify import slugify

DISPLAY_MAX = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_SEPARATORS = re.compile(r"[/\\]")
_NOT_SHOWN = {
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
    "Zl",
    "Zp",
}  # controls, bidi and zero-width marks, surrogates, breaks


def base_image_name(kind: str, subject_id: object, origin: str, version: int, extension: str) -> str:
    """`persona_<id>_<origin>_v<n>.<ext>`; `kind` is persona or character, `origin` "uploaded", "local" or a
    model key, `version` counts from 1.
    """
    return f"{_word(kind)}_{_word(subject_id)}_{_word(origin)}_v{version}.{_word(extension)}"


def variant_name(model_key: str, made_at: datetime, job_id: object, number: int, extension: str) -> str:
    """`<modelKey>_<YYYYMMDD>_<HHMMSS>_<jobId>_var<n>.<ext>`, the time in UTC, `number` from 1.

    Raises:
        ValueError: `made_at` has no time zone.
    """
    if made_at.tzinfo is None:
        raise ValueError("a time without a zone cannot be named")
    stamp = made_at.astimezone(UTC).strftime("%Y%m%d_%H%M%S")
    return f"{_word(model_key)}_{stamp}_{_word(job_id)}_var{number}.{_word(extension)}"


def display_name(client_name: str | None, *, default: str = "upload") -> str:
    """A client's file name as text to show: the last path part, without control, bidi or invisible characters,
    white space folded, at most DISPLAY_MAX characters with the ending kept.
    """
    last = _SEPARATORS.split(client_name or "")[-1]
    shown = "".join(char for char in last if unicodedata.category(char) not in _NOT_SHOWN)
    shown = " ".join(unicodedata.normalize("NFC", shown).split()).strip(". ")
    if len(shown) > DISPLAY_MAX:
        stem, dot, ending = shown.rpartition(".")
        tail = dot + ending if stem and len(ending) <= 10 else ""  # noqa: PLR2004 -- longer is no file ending
        shown = shown[: DISPLAY_MAX - len(tail)].rstrip() + tail
    return shown or default


def _word(value: object) -> str:
    """The value with everything that file systems, shells or our own underscores dislike turned into hyphens."""
    text = str(value)
    if not text.isascii():
        text = slugify(text, lowercase=False)
    return _UNSAFE.sub("-", text).strip(".-") or "unnamed"
