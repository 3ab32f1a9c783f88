"""Where a request carries its key, and how long an open stream may go on: while the key holds and we serve."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from app.graphql.wiring import Viewer, Wiring

PARAMETER_NAMES = ("authorization", "apikey", "token")


class End(Enum):
    """Why the server ends an open stream."""

    REVOKED = "the key is no longer valid"
    DRAINING = "the server is shutting down"


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key of an HTTP request or handshake: `Authorization: Bearer <key>`; None when there is none.

    An Authorization header of another scheme counts as a wrong key, not as none.
    """
    header = headers.get("authorization", "").strip()
    return _secret(header) if header else None


def from_parameters(parameters: Mapping[str, Any]) -> str | None:
    """The key in a WebSocket's connection_init: `authorization: "Bearer <key>"`, `apiKey` or `token`.

    Names are matched without case, also inside an object `headers`, where some clients put them.
    """
    nested = parameters.get("headers")
    for held in (parameters, nested if isinstance(nested, Mapping) else {}):
        for name, value in held.items():
            if name.lower() in PARAMETER_NAMES and isinstance(value, str) and value.strip():
                return _secret(value.strip())
    return None


class Tenure:
    """The time an open stream has: it ends when its key fails a check, or when the server drains.

    `viewer` is the caller as the last check found them: a role or a scope that was taken away is gone from then on.
    """

    def __init__(self, wiring: Wiring, secret: str | None, viewer: Viewer) -> None:
        self._wiring = wiring
        self._secret = secret
        self.viewer = viewer
        self._due = 0.0
        self._plan_check(viewer)

    async def wait(self, seconds: float) -> End | None:
        """Wait `seconds` at most; the reason to end, or None when there is none yet."""
        try:
            async with asyncio.timeout(max(0.0, min(seconds, self._due - time.monotonic()))):
                await self._wiring.draining.wait()
                return End.DRAINING
        except TimeoutError:
            return await self._check() if time.monotonic() >= self._due else None

    async def end(self) -> End:
        """Wait until there is a reason to end."""
        while True:
            if reason := await self.wait(self._wiring.settings.key_check_seconds):
                return reason

    async def _check(self) -> End | None:
        viewer = await self._wiring.admit(self._secret)
        if viewer is None:
            return End.REVOKED
        self.viewer = viewer
        self._plan_check(viewer)
        return None

    def _plan_check(self, viewer: Viewer) -> None:
        """Check every so often, and at the moment the key is said to expire."""
        wait = self._wiring.settings.key_check_seconds
        expires_at: datetime | None = getattr(viewer, "expires_at", None)
        if expires_at is not None:
            wait = min(wait, max(0.05, (expires_at - datetime.now(UTC)).total_seconds()))
        self._due = time.monotonic() + wait


def _secret(text: str) -> str:
    scheme, _, rest = text.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else text
