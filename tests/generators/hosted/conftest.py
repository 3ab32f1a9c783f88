"""Shared by the tests of the hosted generators: no proxies, a virtual clock."""

import pytest

from tests.peers.clock import VirtualTime

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of this machine must never stand between a client and its peer."""
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def time() -> VirtualTime:
    """Time that passes only when somebody sleeps."""
    return VirtualTime()
