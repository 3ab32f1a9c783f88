"""Pexels against its peer."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from generators.events import FailureKind, ImageMade
from generators.hosted.failures import Trouble
from tests.peers.clock import VirtualTime
from tests.peers.pexels import KEY, PexelsPeer
from tests.peers.runs import Bench, kinds, spec
from tests.peers.serving import HTML, Served, serving

pytestmark = pytest.mark.asyncio


@pytest.fixture
def peer() -> PexelsPeer:
    return PexelsPeer()


@pytest.fixture
def served(peer: PexelsPeer) -> Iterator[Served]:
    with serving(peer.app) as served:
        peer.base = served.url
        yield served


@pytest_asyncio.fixture
async def bench(served: Served, time: VirtualTime) -> AsyncIterator[Bench]:
    bench = Bench(time, pexels_api_key=KEY, pexels_base_url=f"{served.url}/v1")
    yield bench
    await bench.generator.close()


async def test_search_is_kept_for_a_day(bench: Bench, peer: PexelsPeer, time: VirtualTime) -> None:
    pexels = bench.generator.pexels
    found = await pexels.search("fox", first=3, orientation="square")
    assert [photo.id for photo in found] == [1, 2, 3]
    assert peer.searches == [{"query": "fox", "per_page": "3", "page": "1", "orientation": "square"}]
    time.now += 23 * 3600
    assert await pexels.search("fox", first=3, orientation="square") == found
    assert len(peer.searches) == 1
    time.now += 3601
    await pexels.search("fox", first=3, orientation="square")
    assert len(peer.searches) == 2


async def test_photograph_comes_with_its_attribution_and_no_paid_call(bench: Bench) -> None:
    events = await bench.run(spec("pexels", prompt="fox", width=1536, height=1024, seed=4))
    assert kinds(events) == ["ImageMade"]
    made = events[0]
    assert (made.media_type, made.facts.width, made.facts.cost, made.facts.provider_job_id) == (
        "image/jpeg",
        120,
        0,
        "2",
    )
    assert made.facts.parameters["attribution"] == {
        "photographer": "Ann 2",
        "photographerUrl": "https://www.pexels.com/@ann",
        "sourceUrl": "https://www.pexels.com/photo/2/",
        "licence": "https://www.pexels.com/license/",
        "text": "Photo by Ann 2 on Pexels",
    }


async def test_one_photograph_can_be_fetched_by_its_number(bench: Bench) -> None:
    photo = await bench.generator.pexels.photo(77)
    assert (photo.photographer, photo.width) == ("Ann 77", 4000)
    assert isinstance(await bench.generator.pexels.fetch(photo), ImageMade)


async def test_query_without_results_fails(bench: Bench) -> None:
    events = await bench.run(spec("pexels", prompt="nothing"))
    assert (kinds(events), events[0].kind) == (["Failed"], FailureKind.BAD_REQUEST)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, FailureKind.BAD_REQUEST), (401, FailureKind.AUTHENTICATION), (403, FailureKind.AUTHENTICATION),
     (404, FailureKind.BAD_REQUEST), (429, FailureKind.RATE_LIMITED), (500, FailureKind.PROVIDER_DOWN)],
)  # fmt: skip
async def test_each_status_has_its_kind(bench: Bench, served: Served, status: Any, kind: Any) -> None:
    served.faults.add("answer", status=status, body=b'{"status": 0}', headers={"retry-after": "9"})
    with pytest.raises(Trouble) as caught:
        await bench.generator.pexels.search("fox")
    assert (caught.value.kind, caught.value.retry_after, caught.value.ambiguous) == (kind, 9.0, False)


@pytest.mark.parametrize("kind", ["cut", "html"])
async def test_broken_search_may_be_tried_again(bench: Bench, served: Served, kind: Any) -> None:
    if kind == "cut":
        served.faults.add("cut")
    else:
        served.faults.add("answer", status=200, body=HTML)
    events = await bench.run(spec("pexels"))
    assert (events[0].kind, events[0].retryable) == (FailureKind.PROVIDER_DOWN, True)
    assert kinds(await bench.run(spec("pexels"))) == ["ImageMade"]


async def test_wrong_key_is_refused(served: Served, time: VirtualTime) -> None:
    bench = Bench(time, pexels_api_key="wrong", pexels_base_url=f"{served.url}/v1")
    events = await bench.run(spec("pexels"))
    await bench.generator.close()
    assert events[0].kind is FailureKind.AUTHENTICATION
