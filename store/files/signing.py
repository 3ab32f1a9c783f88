"""Signed addresses of unpublished pictures: `/files/<file>/<rendition>?e=<expiry>&s=<signature>`.

The expiry is the end of the current hour plus one hour, so an address is good for one to two hours and stays the
same string within the hour (browsers and caches keep it). Each expiry has a key of its own, derived from the
secret, so SQL can sign whole lists without ever seeing the secret: HMAC-SHA256 written out as
sha256(opad || sha256(ipad || text)) costs a microsecond a row. The first 128 bits of it are the signature.

Knows the address and its SQL. Knows no tables, no HTTP and no clock: the time is passed in.
Source: RFC 2104 (HMAC), RFC 2104 §5 (truncation).
"""

import hashlib
import hmac
import math
import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, Text, cast, func, literal

HOUR = 3600
PREFIX = "/files/"
_BLOCK_BYTES = 64
_SIGNATURE_DIGITS = 32
_RENDITION = re.compile(r"[a-z0-9]{1,32}")
_EXPIRY = re.compile(r"[1-9][0-9]{0,11}")


@dataclass(frozen=True, kw_only=True)
class SigningHour:
    """The key of one expiry. `inner` and `outer` are its 64-byte HMAC pads; safe to pass to SQL, not to clients."""

    expires: int
    inner: bytes
    outer: bytes


def expiry(now: float) -> int:
    """When an address signed at `now` (seconds since 1970) ends: the hour rounded up, plus one hour."""
    return (math.ceil(now / HOUR) + 1) * HOUR


def signing_hour(secret: bytes, now: float) -> SigningHour:
    """The key material for addresses signed at `now`."""
    return _hour(secret, expiry(now))


def sign(secret: bytes, file_id: UUID, rendition: str, now: float) -> str:
    """The address of one rendition ("original", "256", "512"), root-relative.

    Raises:
        ValueError: `rendition` is not 1-32 of a-z and 0-9.
    """
    return address(signing_hour(secret, now), file_id, rendition)


def address(hour: SigningHour, file_id: UUID, rendition: str) -> str:
    """As `sign`, for many addresses of one hour."""
    if not _RENDITION.fullmatch(rendition):
        raise ValueError(f"no rendition is called {rendition!r}")
    signature = _signature(hour, f"{file_id}/{rendition}")
    return f"{PREFIX}{file_id}/{rendition}?e={hour.expires}&s={signature}"


def verify(secret: bytes, file_id: UUID, rendition: str, query: tuple[str, str], now: float) -> bool:
    """Whether an address is genuine and not yet over. `query` is (e, s) as received; takes equal time for any s."""
    expires, signature = query
    if not _EXPIRY.fullmatch(expires) or int(expires) < now:
        return False
    wanted = _signature(_hour(secret, int(expires)), f"{file_id}/{rendition}")
    return hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "surrogatepass"))


def sql_signature_expression(
    hour: SigningHour, file_id: ColumnElement[UUID], rendition: str
) -> ColumnElement[str]:
    """SQL (PostgreSQL) that yields what `address` returns for every row's file id; null stays null.

    Raises:
        ValueError: `rendition` is not 1-32 of a-z and 0-9.
    """
    if not _RENDITION.fullmatch(rendition):
        raise ValueError(f"no rendition is called {rendition!r}")
    path = cast(file_id, Text).concat(literal(f"/{rendition}", Text))
    inner = func.sha256(literal(hour.inner, LargeBinary).concat(func.convert_to(path, "UTF8")))
    outer = func.sha256(literal(hour.outer, LargeBinary).concat(inner))
    signature = func.left(func.encode(outer, "hex"), _SIGNATURE_DIGITS)
    return literal(PREFIX, Text).concat(path).concat(f"?e={hour.expires}&s=").concat(signature)


def _hour(secret: bytes, expires: int) -> SigningHour:
    key = hmac.digest(secret, b"likeness file addresses until %d" % expires, "sha256")
    block = key.ljust(_BLOCK_BYTES, b"\0")
    return SigningHour(
        expires=expires,
        inner=bytes(byte ^ 0x36 for byte in block),
        outer=bytes(byte ^ 0x5C for byte in block),
    )


def _signature(hour: SigningHour, text: str) -> str:
    inner = hashlib.sha256(hour.inner + text.encode()).digest()
    return hashlib.sha256(hour.outer + inner).hexdigest()[:_SIGNATURE_DIGITS]
