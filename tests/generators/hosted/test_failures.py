"""The closed set of failures, Retry-After, and keys that never leave."""

from typing import Any

import httpx
import httpx2
import pytest

from generators.events import FailureKind
from generators.hosted.failures import connection_trouble, redact, retry_after, status_trouble


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "30"}, 30.0), ({"retry-after": "1.5"}, 1.5), ({"retry-after-ms": "250"}, 0.25),
     ({"retry-after": "Fri, 20 Nov 2026 05:00:30 GMT"}, 30.0), ({"retry-after": "Fri, 20 Nov 2026 04:00:00 GMT"}, 0.0),
     ({"retry-after": "soon"}, None), ({}, None)],
)  # fmt: skip
def test_retry_after_is_read_in_every_form(headers: Any, seconds: Any) -> None:
    assert retry_after(headers, now=1795150800.0) == seconds


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(400, FailureKind.BAD_REQUEST, False), (401, FailureKind.AUTHENTICATION, False),
     (402, FailureKind.OUT_OF_CREDIT, False), (403, FailureKind.AUTHENTICATION, False),
     (404, FailureKind.BAD_REQUEST, False), (422, FailureKind.BAD_REQUEST, False),
     (429, FailureKind.RATE_LIMITED, True), (500, FailureKind.PROVIDER_DOWN, True),
     (503, FailureKind.PROVIDER_DOWN, True), (504, FailureKind.TIMEOUT, True)],
)  # fmt: skip
def test_status_has_one_kind(status: Any, kind: Any, retryable: Any) -> None:
    trouble = status_trouble(status, "x")
    assert (trouble.kind, trouble.retryable, trouble.ambiguous) == (kind, retryable, False)


def test_gateway_error_in_foreign_words_is_ambiguous() -> None:
    assert status_trouble(502, "<html>", own_words=False).ambiguous
    assert not status_trouble(404, "<html>", own_words=False).ambiguous


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize(
    ("name", "ambiguous"),
    [("ConnectError", False), ("ConnectTimeout", False), ("PoolTimeout", False), ("ReadTimeout", True),
     ("ReadError", True), ("WriteError", True), ("RemoteProtocolError", True)],
)  # fmt: skip
def test_only_an_unsent_request_is_known_not_to_have_been_taken(
    library: Any, name: Any, ambiguous: Any
) -> None:
    outer = RuntimeError("wrapped by a client")
    outer.__cause__ = getattr(library, name)("x")
    assert connection_trouble("P", outer).ambiguous is ambiguous


@pytest.mark.parametrize(
    "words",
    ["Incorrect API key provided: sk-proj-abc123DEF.", "Incorrect API key: sk-abc***********xyz",
     "token r8_abcdef123456 is wrong", "key AIzaSyD-abc_123 not valid", "Authorization: Bearer s3cr3t.t0ken",
     "whsec_MfKQ9r8GKYqrTwjU", "my-own-secret was refused"],
)  # fmt: skip
def test_no_key_is_left_in_words(words: Any) -> None:
    cleaned = redact(words, ["my-own-secret"])
    assert "[key]" in cleaned
    for part in ("abc", "r8_", "AIza", "s3cr3t", "MfKQ", "my-own"):
        assert part not in cleaned


def test_words_are_cut_at_two_thousand_characters() -> None:
    assert len(redact("x" * 5000)) == 2000
