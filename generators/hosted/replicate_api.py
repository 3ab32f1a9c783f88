"""The connection to Replicate: the official client for what changes something, our own GETs for what looks.

Our own GETs, because the client knows no `aborted`, drops headers and retries ten times at its own pace. A hook
keeps what the provider really answered, so that an id is never lost in the client's parsing.
"""

import asyncio
import contextvars
import dataclasses
import io
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import httpx2

from generators.events import FailureKind
from generators.hosted.clients import PerLoop, is_loopback, tls
from generators.hosted.clock import Clock
from generators.hosted.failures import Trouble, connection_trouble, redact, retry_after, status_trouble
from generators.hosted.settings import HostedSettings

NAME = "Replicate"
_LOOK_SECONDS = 30.0
_PAGES = 5
_ERROR = 400


@dataclasses.dataclass
class _Heard:
    status: int = 0
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: Any = None


_heard: contextvars.ContextVar[_Heard | None] = contextvars.ContextVar("replicate_answer", default=None)


async def _listen(response: Any) -> None:
    heard = _heard.get()
    if heard is None:
        return
    heard.status, heard.headers = response.status_code, response.headers
    await response.aread()
    try:
        heard.body = response.json()
    except ValueError:
        heard.body = None


class ReplicateApi:
    """Calls of one account. Every failure is a Trouble."""

    def __init__(self, settings: HostedSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._clients = PerLoop(self._build, _close_client, "replicate.client")
        self._looks = PerLoop(self._build_looks, lambda client: client.aclose())

    def _build(self) -> Any:
        import httpx
        import replicate.client

        return replicate.client.Client(
            api_token=self._settings.replicate_api_token,
            base_url=self._settings.replicate_base_url,
            timeout=httpx.Timeout(self._settings.hosted_send_seconds, connect=5.0),
            event_hooks={"response": [_listen]},
            verify=tls(),
            transport=httpx.AsyncHTTPTransport(verify=tls()),  # proxies are not used, as in the client itself
            follow_redirects=False,
        )

    def _build_looks(self) -> httpx2.AsyncClient:
        base = self._settings.replicate_base_url
        return httpx2.AsyncClient(
            verify=tls(),
            base_url=base,
            headers={"Authorization": f"Bearer {self._settings.replicate_api_token}"},
            timeout=httpx2.Timeout(_LOOK_SECONDS, connect=5.0),
            trust_env=not is_loopback(base),
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close this loop's connections."""
        await self._clients.close()
        await self._looks.close()

    async def change(self, act: Callable[[Any], Awaitable[Any]]) -> dict[str, Any]:
        """One POST through the official client: `act(client)`; the raw answer, even one the client cannot parse."""
        client = await self._clients.get()
        heard = _Heard()
        token = _heard.set(heard)
        try:
            async with asyncio.timeout(self._settings.hosted_send_seconds):
                await act(client)
        except Exception as error:
            # Anything after a 2xx is the client's trouble with the answer, not Replicate's with the call.
            if not (0 < heard.status < _ERROR and isinstance(heard.body, dict)):
                raise self._trouble(error, heard) from error
        finally:
            _heard.reset(token)
        return dict(heard.body)

    async def look(self, path: str, **params: str) -> Any:
        """GET a path or one of Replicate's own absolute addresses; never ambiguous."""
        looks = await self._looks.get()
        try:
            async with asyncio.timeout(min(_LOOK_SECONDS, self._settings.hosted_send_seconds)):
                response = await looks.get(path, params=params or None)
            if response.status_code < _ERROR:
                return response.json()
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            trouble = connection_trouble(NAME, error)
            trouble.ambiguous = False
            raise trouble from error
        refusal = self._refusal(response.status_code, response.headers, _json(response))
        refusal.ambiguous = False
        raise refusal

    async def listed(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """The newest predictions or trainings, page by page."""
        page = await self.look(path)
        for _ in range(_PAGES):
            for row in page.get("results", []):
                yield row
            cursor = urllib.parse.parse_qs(urllib.parse.urlsplit(page.get("next") or "").query).get("cursor")
            if not cursor:
                return
            page = await self.look(path, cursor=cursor[0])

    async def upload(self, data: bytes, name: str, media_type: str, tag: str = "") -> str:
        """Upload a file for an input and return its address; costs nothing, so it is never ambiguous."""

        async def act(client: Any) -> None:
            metadata = {"call": tag} if tag else {}
            await client.files.async_create(
                io.BytesIO(data), filename=name, content_type=media_type, metadata=metadata
            )

        try:
            answer = await self.change(act)
            return str(answer["urls"]["get"])
        except Trouble as trouble:
            trouble.ambiguous = False
            raise
        except KeyError as error:
            raise Trouble(FailureKind.PROVIDER_DOWN, "Replicate did not say where the file lies.") from error

    def _trouble(self, error: Exception, heard: _Heard) -> Trouble:
        if heard.status >= _ERROR:
            return self._refusal(heard.status, heard.headers, heard.body)
        if heard.status:
            words = "Replicate answered with something that is no prediction."
            return Trouble(FailureKind.PROVIDER_DOWN, words, ambiguous=True)
        return connection_trouble(NAME, error)

    def _refusal(self, status: int, headers: Mapping[str, str], body: Any) -> Trouble:
        said = body if isinstance(body, dict) else {}
        words = ": ".join(str(said[name]).strip() for name in ("title", "detail") if said.get(name))
        words = redact(words or f"Replicate answered {status}.", self._settings.secrets())
        wait = retry_after(headers, self._clock.now())
        if wait is None and isinstance(said.get("retry_after"), int | float):
            wait = float(said["retry_after"])
        return status_trouble(status, words, wait=wait, own_words=bool(said))


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


async def _close_client(client: Any) -> None:
    # The client has no public close; its pool does.
    await client._async_client.aclose()  # noqa: SLF001 - see above
