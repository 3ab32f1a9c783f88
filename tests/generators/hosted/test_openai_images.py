"""OpenAI's images with the real client against its peer."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from generators.events import CallAccepted, CallEnded, CallUnknown, FailureKind, ImageMade, Previewed
from generators.generator import Known
from generators.spec import ConditioningKind
from tests.peers.clock import VirtualTime
from tests.peers.openai import KEY, OpenAIPeer
from tests.peers.pictures import picture
from tests.peers.runs import Bench, Watcher, kinds, known_call, reference, spec
from tests.peers.serving import HTML, Served, serving

pytestmark = pytest.mark.asyncio
MODEL = "gpt-image-2.6-flare"
MADE = ["CallIntended", "CallAccepted", "CallEnded", "ImageMade"]


@pytest.fixture
def peer() -> OpenAIPeer:
    return OpenAIPeer()


@pytest.fixture
def served(peer: OpenAIPeer) -> Iterator[Served]:
    with serving(peer.app) as served:
        yield served


@pytest_asyncio.fixture
async def bench(served: Served, time: VirtualTime) -> AsyncIterator[Bench]:
    bench = Bench(time, openai_api_key=KEY, openai_base_url=f"{served.url}/v1")
    yield bench
    await bench.generator.close()


async def test_picture_is_made_with_its_cost_from_usage(bench: Bench, peer: OpenAIPeer) -> None:
    events = await bench.run(spec(MODEL, quality="max", width=1536, height=864))
    assert kinds(events) == MADE
    intended, accepted, ended, made = events
    assert (intended.provider, intended.model) == ("OPENAI", MODEL)
    assert accepted.provider_id == "req_1"
    assert ended == CallEnded(key=intended.key, succeeded=True, cost=Decimal("0.03006"))
    assert (made.facts.width, made.facts.height, made.media_type) == (96, 54, "image/png")
    assert made.facts.cost == Decimal("0.03006")
    assert [held.kind for held in made.facts.conditioning] == [ConditioningKind.PROMPT]
    assert made.facts.seed is None
    body = peer.bills[0]
    assert (body["n"], body["size"], body["quality"], body["partial_images"]) == (1, "1536x864", "max", 0)
    assert len(body["safety_identifier"]) == 64


async def test_partial_pictures_become_previews_only_while_somebody_watches(bench: Bench) -> None:
    bench.live = Watcher(watching=True)
    events = await bench.run(spec(MODEL))
    previews = [report for report in bench.live.reports if isinstance(report, Previewed)]
    assert [(p.step, p.width, p.media_type) for p in previews] == [(1, 64, "image/png"), (2, 64, "image/png")]
    assert events[-1].facts.cost == Decimal("0.03606")  # each partial costs 100 tokens


async def test_references_are_sent_base_image_first_up_to_the_limit(bench: Bench, peer: OpenAIPeer) -> None:
    held = [reference(bench.files.add(picture(8, 8 + at)), source_id=str(at)) for at in range(20)]
    events = await bench.run(spec(MODEL, conditioning=tuple(held)))
    made = events[-1]
    assert peer.bills[0]["images"] == 16
    assert [h.source_id for h in made.facts.conditioning[1:]] == [str(at) for at in range(16)]
    assert {h.kind for h in made.facts.conditioning[1:]} == {ConditioningKind.REFERENCE_IMAGE}


def half_white(width: int, height: int) -> bytes:
    """A mask, white on its right."""
    whole, file = Image.new("L", (width, height), 0), io.BytesIO()
    whole.paste(255, (width // 2, 0, width, height))
    whole.save(file, "PNG")
    return file.getvalue()


async def test_mask_limits_an_edit(bench: Bench, peer: OpenAIPeer) -> None:
    base = bench.files.add(picture(64, 64))
    init = reference(base, ConditioningKind.INIT_IMAGE)
    events = await bench.run(spec(MODEL, conditioning=(init,), mask=bench.files.add(half_white(64, 64))))
    assert kinds(events) == MADE
    sent = Image.open(io.BytesIO(peer.bills[0]["mask"]))
    alpha = sent.getchannel("A")
    assert (sent.size, alpha.crop((0, 0, 32, 64)).getextrema()) == ((64, 64), (255, 255))
    assert alpha.crop((32, 0, 64, 64)).getextrema() == (0, 0)
    assert events[-1].facts.conditioning[1].kind is ConditioningKind.INIT_IMAGE


async def test_mask_of_another_size_is_scaled_to_the_picture(bench: Bench, peer: OpenAIPeer) -> None:
    init = reference(bench.files.add(picture(64, 48)), ConditioningKind.INIT_IMAGE)
    events = await bench.run(spec(MODEL, conditioning=(init,), mask=bench.files.add(half_white(640, 480))))
    assert kinds(events) == MADE
    assert Image.open(io.BytesIO(peer.bills[0]["mask"])).size == (64, 48)


async def test_mask_that_marks_nothing_is_a_bad_request_and_nothing_is_sent(
    bench: Bench, served: Served
) -> None:
    init = reference(bench.files.add(picture(64, 64)), ConditioningKind.INIT_IMAGE)
    events = await bench.run(
        spec(MODEL, conditioning=(init,), mask=bench.files.add(picture(64, 64, "black")))
    )
    assert (events[-1].kind, events[-1].words) == (
        FailureKind.BAD_REQUEST,
        "The mask marks nothing that can be painted anew: make its white part larger.",
    )
    assert events[-2] == CallEnded(key=events[0].key, succeeded=False, cost=Decimal(0))
    assert served.faults.requests == []


async def test_reference_that_is_gone_is_a_bad_request_before_any_call(bench: Bench, served: Served) -> None:
    file = bench.files.add(picture())
    bench.files.kept.clear()
    events = await bench.run(spec(MODEL, conditioning=(reference(file),)))
    assert kinds(events) == ["Failed"]
    assert events[0].kind is FailureKind.BAD_REQUEST
    assert served.faults.requests == []


def _error(status: Any, kind: Any, code: Any, message: Any = "It said no.") -> Any:
    import json

    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
    return {"status": status, "body": body}


ERRORS = [
    (_error(400, "invalid_request_error", "invalid_value"), FailureKind.BAD_REQUEST, False),
    (_error(400, "invalid_request_error", "content_policy_violation"), FailureKind.REJECTED_CONTENT, False),
    (_error(400, "image_generation_user_error", "moderation_blocked"), FailureKind.REJECTED_CONTENT, False),
    (_error(401, "invalid_request_error", "invalid_api_key"), FailureKind.AUTHENTICATION, False),
    (_error(403, "invalid_request_error", None), FailureKind.AUTHENTICATION, False),
    (_error(404, "invalid_request_error", "model_not_found"), FailureKind.BAD_REQUEST, False),
    (_error(409, "invalid_request_error", None), FailureKind.BAD_REQUEST, False),
    (_error(422, "invalid_request_error", None), FailureKind.BAD_REQUEST, False),
    (_error(429, "requests", "rate_limit_exceeded"), FailureKind.RATE_LIMITED, True),
    (_error(429, "rate_limit_error", "slow_down"), FailureKind.RATE_LIMITED, True),
    (_error(429, "insufficient_quota", "insufficient_quota"), FailureKind.OUT_OF_CREDIT, False),
    (_error(429, "insufficient_quota", "credit_balance_exhausted"), FailureKind.OUT_OF_CREDIT, False),
    (_error(429, "insufficient_quota", "project_spend_limit_exceeded"), FailureKind.OUT_OF_CREDIT, False),
    (_error(500, "server_error", None), FailureKind.PROVIDER_DOWN, True),
    (_error(503, "service_unavailable_error", "server_is_overloaded"), FailureKind.PROVIDER_DOWN, True),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case[1].value)
async def test_each_error_has_its_kind_and_is_sent_once(
    bench: Bench, served: Served, peer: OpenAIPeer, case: Any
) -> None:
    answer, kind, retryable = case
    served.faults.add("answer", times=9, **answer)
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallEnded", "Failed"]
    assert (events[1].succeeded, events[1].cost) == (False, Decimal(0))
    assert (events[2].kind, events[2].retryable, events[2].words) == (kind, retryable, "It said no.")
    assert served.faults.count("POST") == 1
    assert peer.bills == []


async def test_retry_after_is_kept(bench: Bench, served: Served) -> None:
    served.faults.add(
        "answer", **_error(429, "requests", "rate_limit_exceeded"), headers={"retry-after": "17"}
    )
    assert (await bench.run(spec(MODEL)))[-1].retry_after == 17.0


async def test_rate_limited_call_succeeds_when_it_is_run_again(
    bench: Bench, served: Served, peer: OpenAIPeer, time: VirtualTime
) -> None:
    served.faults.add(
        "answer", **_error(429, "requests", "rate_limit_exceeded"), headers={"retry-after": "3"}
    )
    failed = await bench.run(spec(MODEL))
    again = await bench.run(spec(MODEL), known_call(failed))
    assert kinds(again) == ["Failed"]  # still within the three seconds
    assert again[0].retry_after == 3.0
    time.now += 3
    assert kinds(await bench.run(spec(MODEL), known_call(failed))) == MADE
    assert len(peer.bills) == 1


async def test_wrong_key_never_appears_in_the_words(served: Served, time: VirtualTime) -> None:
    wrong = "sk-proj-very-secret-1234567890"
    bench = Bench(time, openai_api_key=wrong, openai_base_url=f"{served.url}/v1")
    events = await bench.run(spec(MODEL))
    await bench.generator.close()
    assert events[-1].kind is FailureKind.AUTHENTICATION
    assert events[-1].words == "Incorrect API key provided: [key]."
    assert wrong not in repr(events)


@pytest.mark.parametrize("how", ["cut", "lost"])
async def test_connection_cut_after_sending_is_unknown_and_never_sent_again(
    bench: Bench, served: Served, peer: OpenAIPeer, how: Any
) -> None:
    served.faults.add(how)
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallUnknown", "Failed"]
    assert (events[2].kind, events[2].retryable) == (FailureKind.OUTCOME_UNKNOWN, False)
    again = await bench.run(spec(MODEL), known_call(events))
    assert kinds(again) == ["Failed"]
    assert again[0].kind is FailureKind.OUTCOME_UNKNOWN
    assert served.faults.count("POST") == 1


async def test_half_a_stream_is_unknown(bench: Bench, served: Served) -> None:
    served.faults.add("short")
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallAccepted", "CallUnknown", "Failed"]
    assert events[-1].kind is FailureKind.OUTCOME_UNKNOWN


async def test_stream_that_ends_without_a_picture_is_unknown(bench: Bench, peer: OpenAIPeer) -> None:
    peer.behave = ["silent"]
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallAccepted", "CallUnknown", "Failed"]


async def test_html_instead_of_a_stream_is_unknown(bench: Bench, served: Served) -> None:
    served.faults.add("answer", status=200, body=HTML, headers={"content-type": "text/html"})
    events = await bench.run(spec(MODEL))
    assert isinstance(events[-2], CallUnknown)
    assert events[-1].kind is FailureKind.OUTCOME_UNKNOWN


async def test_gateway_error_in_html_is_unknown(bench: Bench, served: Served) -> None:
    served.faults.add("answer", status=502, body=HTML, headers={"content-type": "text/html"})
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallUnknown", "Failed"]


async def test_hanging_provider_times_out_as_unknown(served: Served, time: VirtualTime) -> None:
    bench = Bench(time, openai_api_key=KEY, openai_base_url=f"{served.url}/v1", hosted_call_seconds=0.3)
    served.faults.add("hang")
    events = await bench.run(spec(MODEL))
    await bench.generator.close()
    assert kinds(events) == ["CallIntended", "CallUnknown", "Failed"]
    assert served.faults.count("POST") == 1


async def test_unreachable_provider_is_down_and_nothing_is_unknown(time: VirtualTime) -> None:
    bench = Bench(time, openai_api_key=KEY, openai_base_url="http://127.0.0.1:9/v1")
    events = await bench.run(spec(MODEL))
    await bench.generator.close()
    assert kinds(events) == ["CallIntended", "CallEnded", "Failed"]
    assert (events[-1].kind, events[-1].retryable) == (FailureKind.PROVIDER_DOWN, True)


async def test_rejection_before_the_work_costs_nothing_and_after_it_the_estimate(
    bench: Bench, peer: OpenAIPeer
) -> None:
    peer.behave = ["blocked", "blocked_output"]
    before = await bench.run(spec(MODEL))
    after = await bench.run(spec(MODEL))
    assert [e.kind for e in (before[-1], after[-1])] == [FailureKind.REJECTED_CONTENT] * 2
    assert before[-2].cost == Decimal(0)
    assert after[-2].cost == after[0].estimate == Decimal("0.128")


async def test_damaged_picture_is_billed_and_not_retried(bench: Bench, peer: OpenAIPeer) -> None:
    peer.behave = ["damaged"]
    events = await bench.run(spec(MODEL))
    assert kinds(events) == ["CallIntended", "CallAccepted", "CallEnded", "Failed"]
    assert (events[2].succeeded, events[2].cost) == (True, Decimal("0.03006"))
    assert not events[3].retryable


async def test_cancel_closes_the_stream(bench: Bench, served: Served, peer: OpenAIPeer) -> None:
    served.faults.add("hang")
    task = asyncio.create_task(bench.run(spec(MODEL)))
    await served.faults.arrived()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert peer.bills == []


@pytest.mark.parametrize("kept", [1, 2, 3])
async def test_restart_at_any_point_never_pays_twice(bench: Bench, peer: OpenAIPeer, kept: Any) -> None:
    seen = 0

    def stop(_event: Any) -> Any:
        nonlocal seen
        seen += 1
        return seen == kept

    events = await bench.run(spec(MODEL), until=stop)
    again = await bench.run(spec(MODEL), known_call(events))
    assert again[-1].kind is FailureKind.OUTCOME_UNKNOWN
    assert len(peer.bills) == (0 if kept == 1 else 1)
    assert not any(isinstance(event, CallEnded) for event in again)


async def test_failed_call_of_an_earlier_run_does_not_stop_the_next(bench: Bench, served: Served) -> None:
    served.faults.add("answer", **_error(503, "server_error", None))
    failed = await bench.run(spec(MODEL))
    assert kinds(await bench.run(spec(MODEL), known_call(failed))) == MADE


async def test_moderation_names_what_it_flags_worst_first(bench: Bench) -> None:
    verdict = await bench.generator.openai.moderate(
        "blood everywhere", [(picture(), bench.files.add(picture()))]
    )
    assert (verdict.flagged, verdict.categories) == (True, ("violence/graphic", "violence"))
    assert not (await bench.generator.openai.moderate("a fox")).flagged


async def test_each_loop_has_its_own_client(served: Served, time: VirtualTime) -> None:
    bench = Bench(time, openai_api_key=KEY, openai_base_url=f"{served.url}/v1")

    def elsewhere() -> Any:
        async def once() -> Any:
            events = await bench.run(spec(MODEL))
            await bench.generator.close()
            return events

        return asyncio.run(once())

    first = await asyncio.to_thread(elsewhere)
    second = await bench.run(spec(MODEL))
    await bench.generator.close()
    assert kinds(first) == kinds(second) == MADE


async def test_proxy_of_the_environment_does_not_stand_before_loopback(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert kinds(await bench.run(spec(MODEL), Known())) == MADE
    assert isinstance((await bench.run(spec(MODEL)))[-1], ImageMade)
    assert isinstance((await bench.run(spec(MODEL)))[1], CallAccepted)
