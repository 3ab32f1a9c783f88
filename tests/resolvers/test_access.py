"""Signed addresses as resolvers hand them out."""

import uuid

from resolvers.access import Signer
from store.files import signing

SECRET = b"s" * 32
FILE = uuid.UUID("01a1f76f-160a-7677-9a61-5d1bc6309238")


def test_address_stays_equal_within_the_hour_and_changes_with_it() -> None:
    now = 3600.0 * 100 + 1
    signer = Signer(SECRET, clock=lambda: now)
    first = signer.address(FILE, "original")
    now += 3598
    assert signer.address(FILE, "original") == first
    now += 2
    assert signer.address(FILE, "original") != first
    assert first == signing.sign(SECRET, FILE, "original", 3600.0 * 100 + 1)


def test_address_is_absolute_on_a_public_url() -> None:
    signer = Signer(SECRET, "https://example.org/", clock=lambda: 1.0)
    assert signer.address(FILE, "256").startswith(f"https://example.org/files/{FILE}/256?e=")


def test_download_carries_its_name() -> None:
    signer = Signer(SECRET, clock=lambda: 1.0)
    assert signer.download(FILE, "a b&c.png") == signer.address(FILE, "original") + "&download=a%20b%26c.png"
