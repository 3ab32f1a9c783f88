"""Fetches what a provider's address points to, and never lets that address reach a private network.

The check sits where the connection is made: every name is resolved here, every address it resolves to must be
public, and the connection goes to the checked number (the name stays in TLS and in Host). That covers redirects
and names that change their mind. Environment proxies are not used: they would resolve names themselves.
"""

import asyncio
import base64
import binascii
import dataclasses
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import httpcore2
import httpx2
from typing_extensions import override

from generators.events import FailureKind
from generators.hosted.clients import tls
from generators.hosted.clock import Clock
from generators.hosted.failures import Trouble, status_trouble
from generators.hosted.picture import NotAPicture, Picture, examine

if TYPE_CHECKING:
    from httpcore2 import SOCKET_OPTION

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
Checked = TypeVar("Checked")

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
# `is_global` calls these global (checked on Python 3.11): relay anycast, site-local, IPv4-compatible.
_NEVER = tuple(ipaddress.ip_network(n) for n in ("192.88.99.0/24", "fec0::/10", "::/96", "64:ff9b:1::/48"))
_PORTS = frozenset({80, 443})
_ATTEMPTS = 3
_MAX_REDIRECTS = 3
_OK = 200
_GONE = frozenset({403, 404, 410})


class ForbiddenAddress(httpx2.TransportError):
    """The address is not one that may be fetched."""


def is_public(address: Address) -> bool:
    """Whether that address belongs to the public internet, seen through IPv4-mapped, NAT64 and 6to4 forms."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif address in _SIX_TO_FOUR:
            inner = ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    barred = any(address.version == net.version and address in net for net in _NEVER)
    return address.is_global and not address.is_multicast and not address.is_reserved and not barred


async def resolve(host: str, port: int) -> list[str]:
    """Every address of that name, numbers in any spelling included (0x7f000001 is 127.0.0.1)."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to checked numbers only."""

    def __init__(self, find: Resolve = resolve, *, allow_private: bool = False) -> None:
        self._inner = httpcore2.AnyIOBackend()
        self._find = find
        self._allow_private = allow_private

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: "Iterable[SOCKET_OPTION] | None" = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers; ForbiddenAddress when any of them is not public."""
        try:
            found = await self._find(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} is not known") from error
        numbers = [ipaddress.ip_address(number.partition("%")[0]) for number in found]
        if not self._allow_private and not all(is_public(number) for number in numbers):
            raise ForbiddenAddress(f"{host} is not on the public internet")
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout = httpcore2.ConnectError(
            f"{host} has no address"
        )
        for number in numbers:
            try:
                return await self._inner.connect_tcp(
                    str(number), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    @override
    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: "Iterable[SOCKET_OPTION] | None" = None
    ) -> httpcore2.AsyncNetworkStream:
        """Never."""
        raise ForbiddenAddress(f"{path} is a local socket")

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class PinnedTransport(httpx2.AsyncHTTPTransport):
    """https to public addresses on ports 80 and 443 only; redirects pass through it again."""

    def __init__(
        self, context: ssl.SSLContext, find: Resolve = resolve, *, allow_private: bool = False
    ) -> None:
        super().__init__(verify=context, trust_env=False)
        # The transport takes no backend, so its pool is replaced whole (checked by a test against a canary).
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context, network_backend=PinnedBackend(find, allow_private=allow_private)
        )
        self._allow_private = allow_private

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if url.userinfo:
            raise ForbiddenAddress("addresses with a user name are not fetched")
        if not self._allow_private and (url.scheme != "https" or (url.port or 443) not in _PORTS):
            raise ForbiddenAddress(f"{url.scheme} on port {url.port} is not fetched")
        return await super().handle_async_request(request)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Caps of one fetch: `max_bytes` of body, `seconds` from the first byte sent to the last received."""

    max_bytes: int = 64 * 1024 * 1024
    seconds: float = 120.0


class Fetcher:
    """Fetches results. Every failure is a Trouble; a GET costs nothing, so it is tried three times."""

    def __init__(
        self, limits: Limits, clock: Clock, *, allow_private: bool = False, find: Resolve = resolve
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._allow_private = allow_private
        self._find = find

    async def picture(self, url: str) -> Picture:
        """The whole picture behind `url` (https, or a data: address)."""
        return await self._tried(url, check=examine)

    async def file(self, url: str) -> bytes:
        """The bytes behind `url`, whatever they are."""
        return await self._tried(url, check=bytes)

    async def _tried(self, url: str, check: Callable[[bytes], Checked]) -> Checked:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return check(await self._once(url))
            except NotAPicture as error:
                trouble = Trouble(
                    FailureKind.PROVIDER_DOWN, f"What the provider delivered is no picture: {error}."
                )
            except Trouble as error:
                trouble = error
            if attempt == _ATTEMPTS or not trouble.retryable:
                raise trouble
            await self._clock.sleep(0.5 * 2**attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _once(self, url: str) -> bytes:
        if url.startswith("data:"):
            return _inline(url)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._read(url)
        except ForbiddenAddress as error:
            words = f"The provider's result lies at an address that is not fetched: {error}."
            raise Trouble(FailureKind.PROVIDER_DOWN, words, retryable=False) from error
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise Trouble(FailureKind.TIMEOUT, "The result could not be fetched in time.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            words = f"The result could not be fetched ({type(error).__name__})."
            raise Trouble(FailureKind.PROVIDER_DOWN, words) from error

    async def _read(self, url: str) -> bytes:
        transport = PinnedTransport(tls(), self._find, allow_private=self._allow_private)
        # Shorter than the cap around it, so that a stuck handshake is closed by the client and not torn down.
        waits = httpx2.Timeout(self._limits.seconds * 0.9, connect=min(10.0, self._limits.seconds * 0.5))
        async with (
            httpx2.AsyncClient(
                verify=tls(),
                transport=transport,
                trust_env=False,
                follow_redirects=True,
                max_redirects=_MAX_REDIRECTS,
                timeout=waits,
            ) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != _OK:
                trouble = status_trouble(response.status_code, f"The result answered {response.status_code}.")
                trouble.retryable = response.status_code not in _GONE and trouble.retryable
                trouble.kind = FailureKind.PROVIDER_DOWN
                raise trouble
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._limits.max_bytes:
                    words = f"The result is larger than {self._limits.max_bytes} bytes."
                    raise Trouble(FailureKind.PROVIDER_DOWN, words, retryable=False)
            return bytes(body)


def _inline(url: str) -> bytes:
    head, _, body = url.partition(",")
    try:
        return base64.b64decode(body if head.endswith(";base64") else "%", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Trouble(FailureKind.PROVIDER_DOWN, f"The result's data address is damaged: {error}.") from error
