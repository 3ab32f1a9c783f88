"""Gemini with the real client against its peer."""

import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from generators.events import CallEnded, FailureKind
from generators.spec import ConditioningKind
from tests.peers.clock import VirtualTime
from tests.peers.gemini import KEY, GeminiPeer, error
from tests.peers.pictures import picture
from tests.peers.runs import Bench, kinds, known_call, reference, spec
from tests.peers.serving import HTML, Served, serving

pytestmark = pytest.mark.asyncio
MODEL = "gemini-nano-banana-2.1"
MADE = ["CallIntended", "CallAccepted", "CallEnded", "ImageMade"]
COST = Decimal("0.0363")  # 200 tokens in at $1.50, 1,200 out at $30 a million


@pytest.fixture
def peer() -> GeminiPeer:
    return GeminiPeer()


@pytest.fixture
def served(peer: GeminiPeer) -> Iterator[Served]:
    with serving(peer.app) as served:
        yield served


@pytest_asyncio.fixture
async def bench(served: Served, time: VirtualTime) -> AsyncIterator[Bench]:
    bench = Bench(time, gemini_api_key=KEY, google_gemini_base_url=served.url)
    yield bench
    await bench.generator.close()


@pytest.mark.parametrize(
    ("size", "ratio", "tier"),
    [
        ((1024, 1024), "1:1", "1K"),
        ((1344, 768), "16:9", "1K"),
        ((2048, 2048), "1:1", "2K"),
        ((3072, 4096), "3:4", "4K"),
    ],
)
async def test_picture_is_made_with_its_cost_from_usage(
    bench: Bench, peer: GeminiPeer, size: Any, ratio: Any, tier: Any
) -> None:
    events = await bench.run(spec(MODEL, width=size[0], height=size[1]))
    assert kinds(events) == MADE
    assert events[2] == CallEnded(key=events[0].key, succeeded=True, cost=COST)
    assert (events[3].facts.model_version, events[3].facts.provider_job_id) == (MODEL, "resp-1")
    image = peer.bills[0]["generationConfig"]["imageConfig"]
    assert (image["aspectRatio"], image["imageSize"]) == (ratio, tier)


async def test_references_are_sent_base_image_first_up_to_fourteen(bench: Bench, peer: GeminiPeer) -> None:
    held = tuple(reference(bench.files.add(picture(8, 8 + at)), source_id=str(at)) for at in range(16))
    events = await bench.run(spec(MODEL, conditioning=held))
    assert len(peer.bills[0]["contents"][0]["parts"]) == 15
    assert [h.source_id for h in events[3].facts.conditioning[1:]] == [str(at) for at in range(14)]
    assert events[3].facts.conditioning[1].kind is ConditioningKind.REFERENCE_IMAGE


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "IMAGE_SAFETY"])
async def test_blocked_prompt_is_rejected_content_though_it_is_http_200(
    bench: Bench, peer: GeminiPeer, reason: Any
) -> None:
    peer.behave = [f"block:{reason}"]
    events = await bench.run(spec(MODEL))
    assert (events[-1].kind, events[-1].retryable) == (FailureKind.REJECTED_CONTENT, False)
    assert reason in events[-1].words
    assert events[-2] == CallEnded(key=events[0].key, succeeded=False, cost=Decimal(0))


@pytest.mark.parametrize("reason", ["IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "SAFETY"])
async def test_blocked_picture_is_rejected_content_and_billed(
    bench: Bench, peer: GeminiPeer, reason: Any
) -> None:
    peer.behave = [f"finish:{reason}"]
    events = await bench.run(spec(MODEL))
    assert (events[-1].kind, events[-2].cost) == (FailureKind.REJECTED_CONTENT, COST)


@pytest.mark.parametrize("how", ["finish:NO_IMAGE", "finish:IMAGE_OTHER", "chat"])
async def test_answer_without_a_picture_may_be_tried_again(bench: Bench, peer: GeminiPeer, how: Any) -> None:
    peer.behave = [how]
    events = await bench.run(spec(MODEL))
    assert (events[-1].kind, events[-1].retryable) == (FailureKind.PROVIDER_DOWN, True)
    assert how != "chat" or "Here it is." in events[-1].words
    assert kinds(await bench.run(spec(MODEL), known_call(events))) == MADE


async def test_half_a_picture_is_billed_and_not_made_again(bench: Bench, peer: GeminiPeer) -> None:
    peer.behave = ["half"]
    events = await bench.run(spec(MODEL))
    assert (events[-2].succeeded, events[-2].cost, events[-1].retryable) == (True, COST, False)


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}
ERRORS = [
    (400, "INVALID_ARGUMENT", FailureKind.BAD_REQUEST, False),
    (400, "FAILED_PRECONDITION", FailureKind.BAD_REQUEST, False),
    (402, "FAILED_PRECONDITION", FailureKind.OUT_OF_CREDIT, False),
    (403, "PERMISSION_DENIED", FailureKind.AUTHENTICATION, False),
    (404, "NOT_FOUND", FailureKind.BAD_REQUEST, False),
    (429, "RESOURCE_EXHAUSTED", FailureKind.RATE_LIMITED, True),
    (500, "INTERNAL", FailureKind.PROVIDER_DOWN, True),
    (503, "UNAVAILABLE", FailureKind.PROVIDER_DOWN, True),
    (504, "DEADLINE_EXCEEDED", FailureKind.TIMEOUT, True),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case[1])
async def test_each_error_has_its_kind_and_is_sent_once(
    bench: Bench, served: Served, peer: GeminiPeer, case: Any
) -> None:
    status, name, kind, retryable = case
    served.faults.add(
        "answer", times=9, status=status, body=json.dumps(error(status, name, "It said no.", RETRY)).encode()
    )
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallEnded", "Failed"]
    assert (events[2].kind, events[2].retryable, events[2].retry_after) == (kind, retryable, 17.5)
    assert events[2].words == "It said no."
    assert (served.faults.count("POST"), peer.bills) == (1, [])


async def test_wrong_key_is_an_authentication_failure_though_it_is_http_400(
    served: Served, time: VirtualTime
) -> None:
    bench = Bench(time, gemini_api_key="AIzaSyWrong-secret-key", google_gemini_base_url=served.url)
    events = await bench.run(spec(MODEL))
    await bench.generator.close()
    assert events[-1].kind is FailureKind.AUTHENTICATION
    assert "AIza" not in repr(events)


@pytest.mark.parametrize("kind", ["cut", "lost", "short"])
async def test_lost_answer_is_unknown_and_never_sent_again(bench: Bench, served: Served, kind: Any) -> None:
    served.faults.add(kind)
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallUnknown", "Failed"]
    assert (await bench.run(spec(MODEL), known_call(events)))[-1].kind is FailureKind.OUTCOME_UNKNOWN
    assert served.faults.count("POST") == 1


@pytest.mark.parametrize("status", [200, 502])
async def test_html_instead_of_json_is_unknown(bench: Bench, served: Served, status: Any) -> None:
    served.faults.add("answer", status=status, body=HTML, headers={"content-type": "text/html"})
    assert kinds(await bench.run(spec(MODEL))) == ["CallIntended", "CallUnknown", "Failed"]


async def test_hanging_provider_times_out_as_unknown(served: Served, time: VirtualTime) -> None:
    bench = Bench(time, gemini_api_key=KEY, google_gemini_base_url=served.url, hosted_call_seconds=0.3)
    served.faults.add("hang")
    events = await bench.run(spec(MODEL))
    await bench.generator.close()
    assert kinds(events) == ["CallIntended", "CallUnknown", "Failed"]


async def test_unreachable_provider_is_down_and_nothing_is_unknown(time: VirtualTime) -> None:
    bench = Bench(time, gemini_api_key=KEY, google_gemini_base_url="http://127.0.0.1:9")
    events = await bench.run(spec(MODEL))
    await bench.generator.close()
    assert kinds(events) == ["CallIntended", "CallEnded", "Failed"]
