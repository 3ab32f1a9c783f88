"""Replicate's calls: how they end, break, are lost, found again and cancelled; the real client and its peer."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from generators.events import CallAccepted, CallUnknown, FailureKind, Phase, Stepped
from generators.generator import RELEASED, Known, KnownCall
from tests.peers.clock import VirtualTime
from tests.peers.pictures import picture
from tests.peers.replicate import HOUR, TOKEN, ReplicatePeer
from tests.peers.runs import Bench, kinds, known_call, spec
from tests.peers.serving import HTML, Served, serving

pytestmark = pytest.mark.asyncio
MODEL = "flux-schnell"
MADE = ["CallIntended", "CallAccepted", "CallEnded", "ImageMade"]


@pytest.fixture
def peer(time: VirtualTime) -> ReplicatePeer:
    return ReplicatePeer(lambda: time.now)


@pytest.fixture
def served(peer: ReplicatePeer) -> Iterator[Served]:
    with serving(peer.app) as served:
        peer.base = served.url
        yield served


@pytest_asyncio.fixture
async def bench(served: Served, time: VirtualTime) -> AsyncIterator[Bench]:
    bench = Bench(
        time,
        replicate_api_token=TOKEN,
        replicate_base_url=served.url,
        replicate_models=("deployments/me/fast",),
    )
    yield bench
    await bench.generator.close()


ENDS = [
    ("nsfw", FailureKind.REJECTED_CONTENT, False, "0"),
    ("sensitive", FailureKind.REJECTED_CONTENT, False, "0"),
    ("interrupted", FailureKind.PROVIDER_DOWN, True, "0"),
    ("broken", FailureKind.PROVIDER_DOWN, False, "0"),
    ("canceled", FailureKind.CANCELED, False, "0.003"),
    ("aborted", FailureKind.PROVIDER_DOWN, True, "0"),
]


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case[0])
async def test_each_bad_end_has_its_kind(
    bench: Bench, peer: ReplicatePeer, served: Served, case: Any
) -> None:
    how, kind, retryable, cost = case
    peer.behave = [how]
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallAccepted", "CallEnded", "Failed"]
    assert (events[2].succeeded, events[2].cost) == (False, Decimal(cost))
    assert (events[3].kind, events[3].retryable) == (kind, retryable)
    assert served.faults.count("POST") == 1


def _problem(status: Any, title: Any, detail: Any, **extra: Any) -> Any:
    body = json.dumps({"title": title, "detail": detail, "status": status, **extra}).encode()
    return {"status": status, "body": body}


ERRORS = [
    (
        _problem(401, "Unauthenticated", "You did not pass a valid authentication token"),
        "AUTHENTICATION",
        False,
    ),
    (
        _problem(402, "Insufficient credit", "You have insufficient credit to run this model."),
        "OUT_OF_CREDIT",
        False,
    ),
    (_problem(404, "Not found", "The requested resource could not be found."), "BAD_REQUEST", False),
    (_problem(422, "Input validation failed", "- input.aspect_ratio: no"), "BAD_REQUEST", False),
    (_problem(429, "Throttled", "Request was throttled."), "RATE_LIMITED", True),
    (_problem(500, "Internal", "server error"), "PROVIDER_DOWN", True),
    (_problem(503, "Unavailable", "service unavailable"), "PROVIDER_DOWN", True),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case[1])
async def test_each_refusal_has_its_kind_and_is_sent_once(
    bench: Bench, served: Served, peer: ReplicatePeer, case: Any
) -> None:
    answer, kind, retryable = case
    served.faults.add("answer", times=9, method="POST", **answer)
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallEnded", "Failed"]
    assert (events[2].kind, events[2].retryable) == (FailureKind[kind], retryable)
    title, detail = (json.loads(answer["body"])[name] for name in ("title", "detail"))
    assert events[2].words == f"{title}: {detail}"
    assert served.faults.count("POST") == 1
    assert peer.predictions == {}


async def test_retry_after_header_which_the_client_drops_is_kept(bench: Bench, served: Served) -> None:
    refusal = _problem(429, "Throttled", "wait", retry_after=10)
    served.faults.add("answer", method="POST", **refusal, headers={"retry-after": "30"})
    assert (await bench.run(spec(MODEL)))[-1].retry_after == 30.0
    bench.time.now += 30
    served.faults.add("answer", method="POST", **refusal)
    assert (await bench.run(spec(MODEL)))[-1].retry_after == 10.0
    bench.time.now += 10
    assert kinds(await bench.run(spec(MODEL))) == MADE


async def test_polling_outlives_faults_of_every_kind(bench: Bench, served: Served, time: VirtualTime) -> None:
    served.faults.add("answer", method="GET", path="/predictions/", status=503, body=b"{}")
    served.faults.add("answer", method="GET", path="/predictions/", status=200, body=HTML)
    served.faults.add("cut", method="GET", path="/predictions/")
    served.faults.add("short", method="GET", path="/predictions/")
    served.faults.add(
        "answer", method="GET", path="/predictions/", status=429, body=b"{}", headers={"retry-after": "45"}
    )
    assert kinds(await bench.run(spec(MODEL))) == MADE
    assert 45.0 in time.slept


async def test_polling_that_fails_for_long_leaves_the_call_open_to_go_on_later(
    bench: Bench, served: Served, peer: ReplicatePeer
) -> None:
    served.faults.add("answer", times=20, method="GET", path="/predictions/", status=503, body=b"{}")
    events = await bench.run(spec(MODEL, fallback_models=("flux-1.1-pro",)))
    assert kinds(events) == ["CallIntended", "CallAccepted", "Failed"]  # no fallback: the call still runs
    assert (events[-1].kind, events[-1].retryable) == (FailureKind.PROVIDER_DOWN, True)
    assert peer.canceled == []
    again = await bench.run(spec(MODEL), known_call(events))
    assert kinds(again) == ["CallEnded", "ImageMade"]
    assert len(peer.predictions) == 1


async def test_prediction_that_never_ends_is_canceled_and_billed(
    served: Served, peer: ReplicatePeer, time: VirtualTime
) -> None:
    bench = Bench(time, replicate_api_token=TOKEN, replicate_base_url=served.url, hosted_poll_seconds=60.0)
    peer.behave = ["never"]
    events = await bench.run(spec(MODEL))
    await bench.generator.close()
    assert (events[-1].kind, events[-2].cost) == (FailureKind.TIMEOUT, Decimal("0.003"))
    assert peer.canceled == ["p0000"]


@pytest.mark.parametrize("kept", [2, 3])
async def test_restart_after_the_id_goes_on_polling(
    bench: Bench, peer: ReplicatePeer, served: Served, kept: Any
) -> None:
    left = iter(range(kept))
    next(left)
    events = await bench.run(spec(MODEL), until=lambda _e: next(left, None) is None)
    again = await bench.run(spec(MODEL), known_call(events))
    assert kinds(again) == (["CallEnded", "ImageMade"] if kept == 2 else ["ImageMade"])
    assert served.faults.count("POST") == 1
    assert len(peer.predictions) == 1


async def test_lost_answer_is_found_again_by_listing(
    bench: Bench, peer: ReplicatePeer, served: Served
) -> None:
    served.faults.add("lost", method="POST")
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallUnknown", "CallAccepted", "CallEnded", "ImageMade"]
    assert served.faults.count("POST") == 1
    assert len(peer.predictions) == 1


async def test_restart_between_intent_and_id_finds_the_call(
    bench: Bench, peer: ReplicatePeer, served: Served
) -> None:
    others = [await bench.run(spec(MODEL, seed=seed)) for seed in (1, 2, 3, 4, 5)]
    assert all(kinds(other) == MADE for other in others)
    events = await bench.run(spec(MODEL, seed=99), until=lambda e: isinstance(e, CallAccepted))
    fresh = Bench(bench.time, replicate_api_token=TOKEN, replicate_base_url=served.url)
    known = known_call(events, provider_id=None)
    again = await fresh.run(spec(MODEL, seed=99), known)
    await fresh.generator.close()
    assert kinds(again) == ["CallUnknown", "CallAccepted", "CallEnded", "ImageMade"]
    assert again[1].provider_id == "p0005"
    assert len(peer.predictions) == 6


async def test_call_that_never_arrived_stays_unknown_after_fifteen_minutes(
    bench: Bench, served: Served, peer: ReplicatePeer, time: VirtualTime
) -> None:
    began = time.now
    served.faults.add("cut", method="POST")
    events = await bench.run(spec(MODEL, fallback_models=("flux-1.1-pro",)))
    assert kinds(events) == ["CallIntended", "CallUnknown", "Failed"]
    assert events[-1].kind is FailureKind.OUTCOME_UNKNOWN
    assert 900 <= time.now - began < 930
    assert Stepped(phase=Phase.WAITING_FOR_PROVIDER) in bench.live.reports
    assert peer.predictions == {}
    assert served.faults.count("POST") == 1


async def test_call_of_another_variant_is_never_taken_for_the_lost_one(bench: Bench, served: Served) -> None:
    await bench.run(spec(MODEL, seed=1))
    served.faults.add("cut", method="POST")
    events = await bench.run(spec(MODEL, seed=1))
    assert events[-1].kind is FailureKind.OUTCOME_UNKNOWN


async def test_lost_call_of_a_model_without_seed_is_not_guessed(bench: Bench, served: Served) -> None:
    served.faults.add("lost", method="POST")
    events = await bench.run(spec("seedream-4.5", width=2048, height=2048))
    assert events[-1].kind is FailureKind.OUTCOME_UNKNOWN


async def test_webhook_finds_what_listing_cannot(bench: Bench, served: Served, peer: ReplicatePeer) -> None:
    served.faults.add("lost", method="POST")

    def hear(event: Any) -> bool:
        if isinstance(event, CallUnknown):
            bench.generator.nudge("p0000", key=event.key)
        return False

    events = await bench.run(spec("seedream-4.5", width=2048, height=2048), until=hear)
    assert kinds(events) == ["CallIntended", "CallUnknown", "CallAccepted", "CallEnded", "ImageMade"]
    assert len(peer.predictions) == 1


async def test_html_instead_of_json_is_unknown_until_found(
    bench: Bench, served: Served, peer: ReplicatePeer
) -> None:
    served.faults.add("answer", method="POST", status=200, body=HTML, headers={"content-type": "text/html"})
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallUnknown", "Failed"]
    assert peer.predictions == {}


async def test_hanging_create_times_out_as_unknown(served: Served, time: VirtualTime) -> None:
    bench = Bench(time, replicate_api_token=TOKEN, replicate_base_url=served.url, hosted_send_seconds=0.3)
    served.faults.add("hang", method="POST")
    events = await bench.run(spec(MODEL))
    await bench.generator.close()
    assert kinds(events) == ["CallIntended", "CallUnknown", "Failed"]


async def _until_accepted(bench: Bench) -> Any:
    accepted = asyncio.Event()

    def see(event: Any) -> Any:
        if isinstance(event, CallAccepted):
            accepted.set()
        return False

    task = asyncio.create_task(bench.run(spec(MODEL), until=see))
    await accepted.wait()
    return task


async def test_cancel_tells_replicate(bench: Bench, peer: ReplicatePeer) -> None:
    peer.behave = ["never"]
    task = await _until_accepted(bench)
    await bench.live.stepped.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert peer.canceled == ["p0000"]


async def test_release_leaves_the_call_running(bench: Bench, peer: ReplicatePeer) -> None:
    peer.behave = ["never"]
    task = await _until_accepted(bench)
    await bench.live.stepped.wait()
    task.cancel(RELEASED)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert peer.canceled == []


async def test_cancel_while_sending_still_tells_replicate(
    bench: Bench, peer: ReplicatePeer, served: Served, time: VirtualTime
) -> None:
    task = asyncio.create_task(bench.run(spec(MODEL)))
    await served.faults.arrived()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(peer.predictions) == peer.canceled or peer.predictions == {}


async def test_half_a_picture_leaves_the_call_open(bench: Bench, peer: ReplicatePeer) -> None:
    peer.behave = ["half"]
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallAccepted", "Failed"]
    assert events[-1].retryable
    peer.results["p0000.png"] = (bench.time.now, picture(96, 96))
    assert kinds(await bench.run(spec(MODEL), known_call(events))) == ["CallEnded", "ImageMade"]


async def test_deleted_result_is_billed_and_not_made_again(bench: Bench, peer: ReplicatePeer) -> None:
    peer.behave = ["gone"]
    events = await bench.run(spec(MODEL, fallback_models=("flux-1.1-pro",)))
    assert kinds(events) == ["CallIntended", "CallAccepted", "CallEnded", "Failed"]
    assert (events[2].succeeded, events[2].cost) == (True, Decimal("0.003"))
    assert not events[3].retryable


async def test_links_die_after_an_hour_and_ours_live(
    bench: Bench, peer: ReplicatePeer, time: VirtualTime
) -> None:
    events = await bench.run(spec(MODEL))
    kept = events[-1].data
    for _hour in range(24):
        time.now += HOUR
    again = await bench.run(spec(MODEL), known_call(events))
    assert kinds(again) == ["Failed"]  # theirs is gone
    assert "deleted" in again[0].words
    assert kept == picture(96, 96)  # ours never was a link
    assert "http" not in repr(events[-1].facts)


async def test_token_never_travels_to_where_results_lie(bench: Bench, peer: ReplicatePeer) -> None:
    assert kinds(await bench.run(spec(MODEL))) == MADE  # the peer refuses a delivery that carries it


async def test_webhook_makes_the_next_look_happen_at_once(
    served: Served, peer: ReplicatePeer, time: VirtualTime
) -> None:
    bench = Bench(
        time,
        replicate_api_token=TOKEN,
        replicate_base_url=served.url,
        replicate_webhook_url="https://example.com/hooks/replicate",
        hosted_poll_seconds=3600.0,
    )
    blocked = asyncio.Event()
    object.__setattr__(bench.generator._clock, "sleep", lambda _seconds: blocked.wait())
    task = asyncio.create_task(bench.run(spec(MODEL)))
    for _ in range(500):
        if task.done():
            break
        bench.generator.nudge("p0000")  # one nudge for each of the three looks
        await asyncio.sleep(0.01)
    events = await task
    await bench.generator.close()
    assert kinds(events) == MADE
    assert peer.webhooks[0]["webhook"] == f"https://example.com/hooks/replicate?call={events[0].key}"
    assert peer.webhooks[0]["webhook_events_filter"] == ["completed"]
    assert not bench.generator.nudge("p0000")


async def test_call_of_a_model_that_is_not_asked_for_any_more_is_still_seen_through(
    bench: Bench, peer: ReplicatePeer
) -> None:
    events = await bench.run(spec("flux-1.1-pro"), until=lambda e: isinstance(e, CallAccepted))
    again = await bench.run(spec(MODEL), known_call(events))
    assert kinds(again) == ["CallEnded", "ImageMade"]
    assert (again[-1].facts.model, again[-1].facts.fallback_from) == ("flux-1.1-pro", MODEL)


async def test_unknown_prediction_fails_without_a_new_call(bench: Bench, served: Served) -> None:
    call = KnownCall(key="01a1d3f8c400-00", provider="REPLICATE", model=MODEL, provider_id="nothing")
    events = await bench.run(spec(MODEL), Known(calls=(call,)))
    assert kinds(events) == ["Failed"]
    assert served.faults.count("POST") == 0
