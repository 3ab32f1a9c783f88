"""Fallback, breaker and availability across providers."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from generators.events import CallEnded, CallIntended, Event, FailureKind, ImageMade
from generators.generator import Known
from generators.spec import DownloadSpec
from tests.peers.clock import VirtualTime
from tests.peers.gemini import KEY as GEMINI_KEY
from tests.peers.gemini import GeminiPeer
from tests.peers.openai import KEY, OpenAIPeer
from tests.peers.replicate import TOKEN, ReplicatePeer
from tests.peers.runs import Bench, kinds, known_call, spec
from tests.peers.serving import Served, serving

GPT, FLUX, NANO = "gpt-image-2.6-flare", "flux-schnell", "gemini-nano-banana-2.1"
DOWN: dict[str, Any] = {
    "status": 503,
    "body": b'{"error": {"message": "overloaded", "code": "server_is_overloaded"}}',
}


@pytest.fixture
def openai() -> Iterator[tuple[OpenAIPeer, Served]]:
    peer = OpenAIPeer()
    with serving(peer.app) as served:
        yield peer, served


@pytest.fixture
def replicate(time: VirtualTime) -> Iterator[tuple[ReplicatePeer, Served]]:
    peer = ReplicatePeer(lambda: time.now)
    with serving(peer.app) as served:
        peer.base = served.url
        yield peer, served


@pytest.fixture
def gemini() -> Iterator[tuple[GeminiPeer, Served]]:
    peer = GeminiPeer()
    with serving(peer.app) as served:
        yield peer, served


@pytest.fixture
def bench(
    openai: tuple[OpenAIPeer, Served],
    replicate: tuple[ReplicatePeer, Served],
    gemini: tuple[GeminiPeer, Served],
    time: VirtualTime,
) -> Bench:
    return Bench(
        time,
        openai_api_key=KEY,
        openai_base_url=f"{openai[1].url}/v1",
        replicate_api_token=TOKEN,
        replicate_base_url=replicate[1].url,
        gemini_api_key=GEMINI_KEY,
        google_gemini_base_url=gemini[1].url,
    )


@pytest_asyncio.fixture(autouse=True)
async def closed(bench: Bench) -> AsyncIterator[None]:
    yield
    await bench.generator.close()


@pytest.mark.asyncio
async def test_fallback_models_are_tried_in_order_and_recorded(
    bench: Bench, openai: tuple[OpenAIPeer, Served], gemini: tuple[GeminiPeer, Served]
) -> None:
    openai[1].faults.add("answer", **DOWN)
    gemini[1].faults.add(
        "answer", status=429, body=b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}'
    )
    events = await bench.run(spec(GPT, fallback_models=(NANO, FLUX)))
    assert [e.model for e in events if isinstance(e, CallIntended)] == [GPT, NANO, FLUX]
    assert [e.succeeded for e in events if isinstance(e, CallEnded)] == [False, False, True]
    assert (events[-1].facts.model, events[-1].facts.fallback_from) == (FLUX, GPT)
    assert len({e.key for e in events if isinstance(e, CallIntended)}) == 3


@pytest.mark.asyncio
async def test_model_that_answers_first_is_no_fallback(bench: Bench) -> None:
    events = await bench.run(spec(GPT, fallback_models=(FLUX,)))
    assert (events[-1].facts.model, events[-1].facts.fallback_from) == (GPT, None)


@pytest.mark.asyncio
async def test_all_failures_are_told_when_no_fallback_is_left(
    bench: Bench, openai: tuple[OpenAIPeer, Served], replicate: tuple[ReplicatePeer, Served]
) -> None:
    openai[1].faults.add("answer", **DOWN)
    replicate[1].faults.add("answer", method="POST", status=402, body=b'{"title": "Insufficient credit"}')
    events = await bench.run(spec(GPT, fallback_models=("dall-e-3", FLUX)))
    assert events[-1].kind is FailureKind.OUT_OF_CREDIT
    assert events[-1].words == (
        f"{GPT}: overloaded dall-e-3: DALL-E 3 was retired on 2026-05-12; use gpt-image-2.5-sunburst. "
        f"{FLUX}: Insufficient credit"
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["blocked", "lost"])
async def test_refused_content_and_unknown_calls_go_to_nobody_else(
    bench: Bench, openai: tuple[OpenAIPeer, Served], replicate: tuple[ReplicatePeer, Served], how: Any
) -> None:
    if how == "lost":
        openai[1].faults.add("lost")
    else:
        openai[0].behave = [how]
    events = await bench.run(spec(GPT, fallback_models=(FLUX,)))
    assert events[-1].kind in (FailureKind.REJECTED_CONTENT, FailureKind.OUTCOME_UNKNOWN)
    assert replicate[1].faults.requests == []


@pytest.mark.asyncio
async def test_breaker_opens_is_visible_and_leaves_other_providers_alone(
    bench: Bench, openai: tuple[OpenAIPeer, Served], time: VirtualTime
) -> None:
    openai[1].faults.add("answer", times=60, **DOWN)
    for _second in range(60):  # sixty seconds of failures, one request each
        assert (await bench.run(spec(GPT)))[-1].kind is FailureKind.PROVIDER_DOWN
        assert kinds(await bench.run(spec(FLUX)))[-1] == "ImageMade"
        time.now += 1
    assert openai[1].faults.count("POST") < 15  # the others were not even sent
    seen = bench.generator.availability(GPT)
    assert not seen.available
    assert seen.reason is not None
    assert seen.reason.startswith("OpenAI is given a rest for ")
    assert seen.reason.endswith("more seconds. overloaded")
    assert bench.generator.availability(FLUX).available


@pytest.mark.asyncio
async def test_breaker_recovers_with_one_trial(
    bench: Bench, openai: tuple[OpenAIPeer, Served], time: VirtualTime
) -> None:
    openai[1].faults.add("answer", times=5, **DOWN)
    for _ in range(5):
        await bench.run(spec(GPT))
    refused = await bench.run(spec(GPT))
    assert (kinds(refused), refused[0].retryable, refused[0].retry_after) == (["Failed"], True, 30.0)
    assert not refused[0].tried
    time.now += 30
    assert bench.generator.availability(GPT).available
    assert isinstance((await bench.run(spec(GPT)))[-1], ImageMade)
    assert isinstance((await bench.run(spec(GPT)))[-1], ImageMade)


@pytest.mark.asyncio
async def test_resting_provider_is_passed_over_for_the_fallback(
    bench: Bench, openai: tuple[OpenAIPeer, Served]
) -> None:
    openai[1].faults.add("answer", times=5, **DOWN)
    for _ in range(5):
        await bench.run(spec(GPT))
    events = await bench.run(spec(GPT, fallback_models=(FLUX,)))
    assert [e.model for e in events if isinstance(e, CallIntended)] == [FLUX]


@pytest.mark.asyncio
async def test_run_that_really_tried_a_fallback_counts_as_a_try(
    bench: Bench, openai: tuple[OpenAIPeer, Served], replicate: tuple[ReplicatePeer, Served]
) -> None:
    openai[1].faults.add("answer", times=5, **DOWN)
    for _ in range(5):
        await bench.run(spec(GPT))
    replicate[1].faults.add("answer", method="POST", status=503, body=b'{"detail": "no"}')
    events = await bench.run(spec(GPT, fallback_models=(FLUX,)))
    assert (events[-1].kind, events[-1].tried) == (FailureKind.PROVIDER_DOWN, True)


@pytest.mark.asyncio
async def test_hundred_kills_never_bill_twice(
    bench: Bench,
    openai: tuple[OpenAIPeer, Served],
    replicate: tuple[ReplicatePeer, Served],
    gemini: tuple[GeminiPeer, Served],
) -> None:
    """Each run is dropped after a random event, or its connection is lost; the next goes on from what was kept."""
    chance = random.Random(7)
    paid = {GPT: openai, NANO: gemini, FLUX: replicate}
    results: list[str] = []
    for number in range(100):
        model = chance.choice([GPT, NANO, FLUX])
        wanted = spec(model, seed=number, prompt=f"fox {number}")
        _peer, served = paid[model]
        before = served.faults.count("POST")
        if chance.random() < 0.4:
            served.faults.add(chance.choice(["lost", "cut", "short"]), method="POST")
        kept: list[Event] = []
        for _restart in range(6):
            left = chance.randrange(1, 4)
            events = await bench.run(wanted, known_call(kept) if kept else Known(), _countdown(left))
            ended = events[-1:] if kinds(events)[-1] in ("ImageMade", "Failed") else []
            # Killed before or after the last event was committed: both must be safe.
            kept += events if ended or chance.random() < 0.5 else events[:-1]
            if ended:
                break
        results.append((kinds(kept) or ["nothing"])[-1])
        assert served.faults.count("POST") - before <= 1, kinds(kept)
        served.faults.queue.clear()
    assert results.count("ImageMade") > 20
    assert results.count("Failed") > 20
    bills = [len(openai[0].bills), len(gemini[0].bills), len(replicate[0].predictions)]
    assert sum(bills) <= 100


def _countdown(left: Any) -> Any:
    remaining = left

    def stop(_event: Any) -> Any:
        nonlocal remaining
        remaining -= 1
        return remaining <= 0

    return stop


@pytest.mark.asyncio
async def test_twenty_runs_at_once_keep_apart(bench: Bench, replicate: tuple[ReplicatePeer, Served]) -> None:
    seeds = range(20)
    runs = await asyncio.gather(*(bench.run(spec(FLUX, seed=seed)) for seed in seeds))
    assert [events[-1].facts.seed for events in runs] == list(seeds)
    assert len(replicate[0].predictions) == 20


@pytest.mark.asyncio
async def test_ledger_of_calls_adds_up(bench: Bench, openai: tuple[OpenAIPeer, Served]) -> None:
    total = Decimal(0)
    for quality in ("low", "high"):
        events = await bench.run(spec(GPT, quality=quality))
        total += sum((e.cost for e in events if isinstance(e, CallEnded)), Decimal(0))
        assert events[-1].facts.cost == events[-2].cost
    assert total == 2 * Decimal("0.03006")
    assert len(openai[0].bills) == 2


@pytest.mark.asyncio
async def test_nothing_is_downloaded_and_unknown_models_fail(bench: Bench) -> None:
    assert (await bench.run(DownloadSpec(model=GPT)))[0].kind is FailureKind.BAD_REQUEST
    assert "no hosted model" in (await bench.run(spec("nothing")))[0].words
    assert bench.generator.availability("nothing").reason == "nothing is no model of this server."


@pytest.mark.asyncio
async def test_model_without_its_key_fails_with_the_variable_to_set(time: VirtualTime) -> None:
    bare = Bench(time)
    events = await bare.run(spec(GPT))
    assert kinds(events) == ["Failed"]
    assert events[0].kind is FailureKind.AUTHENTICATION
    assert events[0].words == f"{GPT} is not available. Check OPENAI_API_KEY configuration"
    assert bare.generator.availability(GPT).reason == events[0].words
    await bare.generator.start()
    await bare.generator.close()
