"""Fetching results: caps, content, and no way into a private network."""

import asyncio
import base64
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from generators.events import FailureKind
from generators.hosted.failures import Trouble
from generators.hosted.http import Fetcher, Limits, is_public
from tests.peers.clock import VirtualTime
from tests.peers.pictures import picture
from tests.peers.serving import HTML, Served, serving

PNG = picture()


async def _picture(_request: Any) -> Any:
    return Response(PNG, media_type="text/plain")  # the declared type must not matter


async def _away(request: Any) -> Any:
    return RedirectResponse(request.query_params["to"])


@pytest.fixture
def peer() -> Iterator[Served]:
    with serving(Starlette(routes=[Route("/a.png", _picture), Route("/away", _away)])) as served:
        yield served


def _fetcher(time: VirtualTime, **changes: Any) -> Any:
    facts = {"allow_private": True, **changes}
    return Fetcher(facts.pop("limits", Limits(seconds=5)), time.clock(), **facts)


@pytest.mark.asyncio
async def test_result_is_fetched_and_told_by_its_bytes(peer: Served, time: VirtualTime) -> None:
    found = await _fetcher(time).picture(f"{peer.url}/a.png")
    assert (found.data, found.media_type) == (PNG, "image/png")


@pytest.mark.asyncio
async def test_data_address_needs_no_connection(time: VirtualTime) -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert (await _fetcher(time).picture(url)).data == PNG
    with pytest.raises(Trouble, match="damaged"):
        await _fetcher(time).picture("data:image/png;base64,@@@")


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["cut", "short"])
async def test_broken_fetch_is_tried_again(peer: Served, time: VirtualTime, kind: Any) -> None:
    peer.faults.add(kind, times=2)
    assert (await _fetcher(time).picture(f"{peer.url}/a.png")).data == PNG
    assert peer.faults.count("GET") == 3
    assert time.slept == [1.0, 2.0]


@pytest.mark.asyncio
async def test_fetch_gives_up_after_three_tries(peer: Served, time: VirtualTime) -> None:
    peer.faults.add("answer", times=5, status=503)
    with pytest.raises(Trouble) as caught:
        await _fetcher(time).picture(f"{peer.url}/a.png")
    assert (caught.value.kind, caught.value.retryable) == (FailureKind.PROVIDER_DOWN, True)
    assert peer.faults.count("GET") == 3


@pytest.mark.asyncio
async def test_vanished_result_is_not_asked_for_again(peer: Served, time: VirtualTime) -> None:
    with pytest.raises(Trouble, match="404") as caught:
        await _fetcher(time).picture(f"{peer.url}/gone.png")
    assert (caught.value.kind, caught.value.retryable) == (FailureKind.PROVIDER_DOWN, False)
    assert peer.faults.count("GET") == 1


@pytest.mark.asyncio
async def test_html_instead_of_a_picture_is_refused(peer: Served, time: VirtualTime) -> None:
    peer.faults.add("answer", times=3, status=200, body=HTML)
    with pytest.raises(Trouble, match="no picture"):
        await _fetcher(time).picture(f"{peer.url}/a.png")


@pytest.mark.asyncio
async def test_half_a_picture_is_refused(peer: Served, time: VirtualTime) -> None:
    peer.faults.add("answer", times=3, status=200, body=PNG[: len(PNG) // 2])
    with pytest.raises(Trouble, match="ends before its end"):
        await _fetcher(time).picture(f"{peer.url}/a.png")


@pytest.mark.asyncio
async def test_body_larger_than_the_cap_is_refused(peer: Served, time: VirtualTime) -> None:
    with pytest.raises(Trouble, match="larger than 10 bytes") as caught:
        await _fetcher(time, limits=Limits(max_bytes=10, seconds=5)).picture(f"{peer.url}/a.png")
    assert not caught.value.retryable
    assert peer.faults.count("GET") == 1


@pytest.mark.asyncio
async def test_slow_body_runs_into_the_time_cap(peer: Served, time: VirtualTime) -> None:
    peer.faults.add("drip", times=3)
    begun = asyncio.get_running_loop().time()
    with pytest.raises(Trouble) as caught:
        await _fetcher(time, limits=Limits(seconds=0.2)).picture(f"{peer.url}/a.png")
    assert caught.value.kind is FailureKind.TIMEOUT
    assert asyncio.get_running_loop().time() - begun < 30  # the cap by default is 120


PRIVATE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "localhost",
    "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "192.0.2.1",
    "224.0.0.1", "255.255.255.255", "192.88.99.1",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]",
]  # fmt: skip


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A listener that nobody may ever reach."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield listener


@pytest.mark.asyncio
@pytest.mark.parametrize("host", PRIVATE)
async def test_private_address_is_never_connected_to(
    canary: socket.socket, time: VirtualTime, host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generators.hosted.http._PORTS", frozenset({443, canary.getsockname()[1]}))
    with pytest.raises(Trouble, match=r"not fetched|not be fetched"):
        await _fetcher(time, allow_private=False).picture(f"https://{host}:{canary.getsockname()[1]}/a.png")
    with pytest.raises(BlockingIOError):
        canary.accept()


@pytest.mark.asyncio
async def test_private_address_is_reached_where_the_check_is_switched_off(
    canary: socket.socket, time: VirtualTime
) -> None:
    # The canary of the test above would notice: the same address answers once it is allowed.
    with pytest.raises(Trouble):
        await _fetcher(time, limits=Limits(seconds=0.2)).picture(
            f"https://127.0.0.1:{canary.getsockname()[1]}/a.png"
        )
    canary.accept()[0].close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["93.184.216.34", "10.0.0.1"]]
)
async def test_name_with_any_private_address_is_refused(time: VirtualTime, answer: Any) -> None:
    async def find(_host: Any, _port: Any) -> Any:
        return answer

    with pytest.raises(Trouble, match="not on the public internet") as caught:
        await _fetcher(time, allow_private=False, find=find).picture("https://example.com/a.png")
    assert not caught.value.retryable


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url",
    ["http://example.com/a.png", "https://example.com:22/a.png", "https://me:pw@example.com/a.png",
     "ftp://example.com/a.png", "file:///etc/passwd", "/a.png", ""],
)  # fmt: skip
async def test_other_schemes_ports_and_users_are_refused_before_any_lookup(
    time: VirtualTime, url: Any
) -> None:
    async def find(_host: Any, _port: Any) -> Any:
        raise AssertionError("looked up")

    with pytest.raises(Trouble, match="fetched"):
        await _fetcher(time, allow_private=False, find=find).picture(url)


@pytest.mark.asyncio
async def test_redirect_is_followed(peer: Served, time: VirtualTime) -> None:
    assert (await _fetcher(time).picture(f"{peer.url}/away?to=/a.png")).data == PNG


@pytest.mark.asyncio
async def test_redirect_into_a_private_network_is_refused(
    peer: Served, time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 127.0.0.1 plays the public internet here, over http; 127.0.0.2 stays private.
    monkeypatch.setattr("generators.hosted.http.is_public", lambda number: str(number) == "127.0.0.1")
    plain = httpx2.AsyncHTTPTransport.handle_async_request
    monkeypatch.setattr("generators.hosted.http.PinnedTransport.handle_async_request", plain)
    fetcher = _fetcher(time, allow_private=False)
    assert (await fetcher.picture(f"{peer.url}/away?to={peer.url}/a.png")).data == PNG
    with socket.socket() as canary:
        canary.bind(("127.0.0.2", 0))
        canary.listen()
        canary.setblocking(False)
        with pytest.raises(Trouble, match="not on the public internet"):
            await fetcher.picture(f"{peer.url}/away?to=http://127.0.0.2:{canary.getsockname()[1]}/a.png")
        with pytest.raises(BlockingIOError):
            canary.accept()


@pytest.mark.asyncio
async def test_too_many_redirects_are_refused(
    peer: Served, time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generators.hosted.http._MAX_REDIRECTS", 0)
    with pytest.raises(Trouble, match="TooManyRedirects"):
        await _fetcher(time).picture(f"{peer.url}/away?to=/a.png")


@pytest.mark.parametrize(
    ("number", "public"),
    [("93.184.216.34", True), ("2606:2800:220:1::1", True), ("64:ff9b::5db8:d822", True), ("2002:5db8:d822::1", True),
     ("64:ff9b:1::1", False), ("240.0.0.1", False)],
)  # fmt: skip
def test_publicness_sees_through_embedded_addresses(number: Any, public: Any) -> None:
    assert is_public(ipaddress.ip_address(number)) is public


@pytest.mark.asyncio
async def test_environment_proxy_is_not_used(
    peer: Served, time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert (await _fetcher(time).picture(f"{peer.url}/a.png")).data == PNG
