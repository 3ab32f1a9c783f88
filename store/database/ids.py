"""Row ids: UUID version 7, so that newer rows sort after older ones and indexes grow at one end."""

import secrets
import time
import uuid


def new_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562 §5.7, §6.2 method 3): Unix milliseconds, 12 bits of their fraction, 62 random bits.

    The fraction (a quarter of a microsecond) keeps ids that one process makes in the order in which it made them.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    return at_instant(milliseconds, fraction << 62 | secrets.randbits(62))


def at_instant(milliseconds: int, noise: int) -> uuid.UUID:
    """The UUIDv7 of that instant (Unix milliseconds) with these 74 bits of noise."""
    high, low = noise >> 62 & 0xFFF, noise & (1 << 62) - 1
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
