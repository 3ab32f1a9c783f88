"""Signed addresses: equal within the hour, over in time, refused when touched, and the same in SQL as in Python."""

import hashlib
import hmac
import re
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Uuid, column, select, values

from store.database.sessions import Database
from store.files.signing import (
    HOUR,
    address,
    expiry,
    sign,
    signing_hour,
    sql_signature_expression,
    verify,
)

SECRET = b"a secret of thirty-two bytes....."
FILE = UUID("0199aaaa-0000-7000-8000-00000000000f")
NOON = 1_795_176_000  # a full hour
RENDITIONS = st.from_regex(r"[a-z0-9]{1,32}", fullmatch=True)


def query(signed: str) -> tuple[str, str]:
    found = parse_qs(urlsplit(signed).query)
    return found["e"][0], found["s"][0]


def test_address_names_file_rendition_expiry_and_signature() -> None:
    signed = sign(SECRET, FILE, "256", NOON + 1)

    assert re.fullmatch(
        rf"/files/0199aaaa-0000-7000-8000-00000000000f/256\?e={NOON + 2 * HOUR}&s=[0-9a-f]{{32}}", signed
    )


def test_signature_is_hmac_sha256_under_the_key_of_its_expiry() -> None:
    expires, signature = query(sign(SECRET, FILE, "original", NOON))
    key = hmac.digest(SECRET, f"likeness file addresses until {expires}".encode(), hashlib.sha256)

    assert signature == hmac.digest(key, f"{FILE}/original".encode(), hashlib.sha256).hex()[:32]


@pytest.mark.parametrize(
    ("now", "expires"),
    [
        (NOON, NOON + HOUR),
        (NOON + 0.001, NOON + 2 * HOUR),
        (NOON + 1, NOON + 2 * HOUR),
        (NOON + HOUR - 1, NOON + 2 * HOUR),
        (NOON + HOUR, NOON + 2 * HOUR),
        (NOON + HOUR + 1, NOON + 3 * HOUR),
    ],
)
def test_expiry_is_the_hour_rounded_up_plus_one(now: float, expires: int) -> None:
    assert expiry(now) == expires


def test_address_stays_equal_within_the_hour_and_changes_after_it() -> None:
    within = {sign(SECRET, FILE, "256", NOON + second) for second in (1, 1800, 3599, 3600)}

    assert len(within) == 1
    assert sign(SECRET, FILE, "256", NOON + 3601) not in within


@given(
    file_id=st.uuids(),
    rendition=RENDITIONS,
    now=st.floats(0, 4e9),
    later=st.floats(0, HOUR),
    secret=st.binary(min_size=1),
)
def test_address_is_good_for_at_least_an_hour(
    file_id: UUID, rendition: str, now: float, later: float, secret: bytes
) -> None:
    signed = query(sign(secret, file_id, rendition, now))

    assert verify(secret, file_id, rendition, signed, now + later)
    assert not verify(secret, file_id, rendition, signed, now + 2 * HOUR + 1)


def test_address_ends_with_its_expiry_second() -> None:
    signed = query(sign(SECRET, FILE, "256", NOON))

    assert verify(SECRET, FILE, "256", signed, NOON + HOUR)
    assert not verify(SECRET, FILE, "256", signed, NOON + HOUR + 0.001)


def test_touched_address_is_refused() -> None:
    expires, signature = query(sign(SECRET, FILE, "256", NOON))

    assert verify(SECRET, FILE, "256", (expires, signature), NOON)
    assert not verify(SECRET, uuid4(), "256", (expires, signature), NOON)
    assert not verify(SECRET, FILE, "512", (expires, signature), NOON)
    assert not verify(b"another", FILE, "256", (expires, signature), NOON)
    assert not verify(SECRET, FILE, "256", (str(int(expires) + HOUR), signature), NOON)
    for at in range(32):
        flipped = f"{int(signature[at], 16) ^ 1:x}"
        assert not verify(
            SECRET, FILE, "256", (expires, signature[:at] + flipped + signature[at + 1 :]), NOON
        )


@pytest.mark.parametrize(
    "expires", ["", "0", "-1", "+9999999999", "09999999999", "9" * 13, "1e12", "٩٩٩٩٩٩٩٩٩٩", " 1"]
)
@pytest.mark.parametrize("signature", ["", "é", "\ud800", "0" * 31, "0" * 33, "0" * 32])
def test_nonsense_is_refused_without_an_error(expires: str, signature: str) -> None:
    assert not verify(SECRET, FILE, "256", (expires, signature), NOON)


@pytest.mark.parametrize("rendition", ["", "a/b", "256?e=1", "..", "A", "x" * 33, "256\n"])
def test_no_such_rendition_is_an_error(rendition: str) -> None:
    with pytest.raises(ValueError, match="no rendition"):
        sign(SECRET, FILE, rendition, NOON)
    with pytest.raises(ValueError, match="no rendition"):
        sql_signature_expression(signing_hour(SECRET, NOON), column("id", Uuid()), rendition)


@pytest.mark.asyncio
async def test_postgres_signs_as_python_does(db: Database) -> None:
    hour = signing_hour(SECRET, NOON)
    ids = [uuid4() for _ in range(200)]
    rows = values(column("id", Uuid()), name="files").data([(file_id,) for file_id in [*ids, None]])
    expressions = [sql_signature_expression(hour, rows.c.id, name) for name in ("original", "256", "512")]

    async with db.session() as session:
        found = {row.id: tuple(row)[1:] for row in await session.execute(select(rows.c.id, *expressions))}

    wanted: dict[UUID | None, tuple[str | None, ...]] = {
        file_id: tuple(address(hour, file_id, name) for name in ("original", "256", "512")) for file_id in ids
    }
    assert found == wanted | {None: (None, None, None)}
    assert verify(SECRET, ids[0], "256", query(found[ids[0]][1]), NOON)
