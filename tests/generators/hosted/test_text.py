"""Texts with the real client: OpenAI's Responses API, and any compatible chat endpoint."""

import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from generators.events import CallAccepted, CallEnded, FailureKind, Phase, TextGrown, TextMade
from generators.generator import Known
from generators.spec import TextSpec
from tests.peers.clock import VirtualTime
from tests.peers.openai import KEY, OpenAIPeer
from tests.peers.pictures import picture
from tests.peers.runs import Bench, kinds, known_call
from tests.peers.serving import HTML, Served, serving

pytestmark = pytest.mark.asyncio
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
        "additionalProperties": False,
    }
)
COST = Decimal("0.0011")  # 1,000 in at $0.10, 2,000 out at $0.50 a million


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


@pytest_asyncio.fixture
async def local(served: Served, time: VirtualTime) -> AsyncIterator[Bench]:
    bench = Bench(time, text_base_url=f"{served.url}/v1", text_model="llama4", text_api_key=KEY)
    yield bench
    await bench.generator.close()


def _spec(model: Any = "gpt-6-luna", **changes: Any) -> Any:
    return TextSpec(model=model, instructions="Write.", prompt="A fox.", **changes)


def _text(events: Any) -> Any:
    return "".join(event.text for event in events if isinstance(event, TextGrown))


async def test_structured_text_grows_and_ends_with_its_cost(bench: Bench, peer: OpenAIPeer) -> None:
    events = await bench.run(_spec(json_schema=SCHEMA))
    assert kinds(events)[:3] == ["CallIntended", "CallAccepted", "TextGrown"]
    assert json.loads(_text(events)) == {"title": "Grüße 🌍"}
    assert sum(isinstance(event, TextGrown) for event in events) == 4
    assert events[-2:] == [
        CallEnded(key=events[0].key, succeeded=True, cost=COST),
        TextMade(model="gpt-6-luna", cost=COST),
    ]
    assert bench.live.reports[-1].phase is Phase.WRITING
    assert peer.seen[0]["text"]["format"]["schema"] == json.loads(SCHEMA)
    assert (peer.seen[0]["store"], peer.seen[0]["max_output_tokens"]) == (False, 4096)


async def test_vision_reads_pictures(bench: Bench, peer: OpenAIPeer) -> None:
    files = (bench.files.add(picture()), bench.files.add(picture(9, 9)))
    events = await bench.run(_spec(images=files))
    assert isinstance(events[-1], TextMade)
    parts = peer.seen[0]["input"][0]["content"]
    assert [part["type"] for part in parts] == ["input_text", "input_image", "input_image"]
    assert parts[1]["image_url"].startswith("data:image/png;base64,")


async def test_more_pictures_than_the_model_reads_are_refused_before_any_call(
    bench: Bench, served: Served
) -> None:
    files = tuple(bench.files.add(picture(8, 8 + at)) for at in range(11))
    events = await bench.run(_spec(images=files))
    assert events[0].words == "gpt-6-luna reads at most 10 pictures; 11 were given."
    assert served.faults.requests == []


async def test_schema_that_is_not_strict_is_refused_by_the_provider(bench: Bench) -> None:
    events = await bench.run(_spec(json_schema='{"type": "object", "properties": {}, "required": []}'))
    assert (events[-1].kind, events[-2].cost) == (FailureKind.BAD_REQUEST, Decimal(0))


async def test_refusal_is_rejected_content_and_billed(bench: Bench, peer: OpenAIPeer) -> None:
    peer.behave = ["refusal"]
    events = await bench.run(_spec())
    assert (events[-1].kind, events[-1].words) == (FailureKind.REJECTED_CONTENT, "I cannot write that.")
    assert events[-2] == CallEnded(key=events[0].key, succeeded=False, cost=COST)


@pytest.mark.parametrize(
    ("how", "kind"), [("failed", FailureKind.PROVIDER_DOWN), ("incomplete", FailureKind.BAD_REQUEST)]
)
async def test_text_that_broke_off_is_never_begun_again_by_itself(
    bench: Bench, peer: OpenAIPeer, how: Any, kind: Any
) -> None:
    peer.behave = [how]
    events = await bench.run(_spec())
    assert (events[-1].kind, events[-1].retryable) == (kind, False)
    assert _text(events) == peer.text[: len(peer.text) // 2]


async def test_stream_that_ends_early_is_unknown(bench: Bench, peer: OpenAIPeer) -> None:
    peer.behave = ["silent"]
    events = await bench.run(_spec())
    assert kinds(events)[-2:] == ["CallUnknown", "Failed"]
    assert events[-1].kind is FailureKind.OUTCOME_UNKNOWN


async def test_html_instead_of_a_stream_is_unknown(bench: Bench, served: Served) -> None:
    served.faults.add("answer", status=200, body=HTML, headers={"content-type": "text/html"})
    assert (await bench.run(_spec()))[-1].kind is FailureKind.OUTCOME_UNKNOWN


async def test_restart_in_the_middle_never_pays_twice(bench: Bench, peer: OpenAIPeer) -> None:
    events = await bench.run(_spec(), until=lambda event: isinstance(event, TextGrown))
    known = Known(calls=known_call(events).calls, text=_text(events))
    again = await bench.run(_spec(), known)
    assert kinds(again) == ["CallUnknown", "Failed"]
    assert len(peer.bills) == 1


async def test_rate_limit_before_any_text_may_be_tried_again(bench: Bench, served: Served) -> None:
    served.faults.add(
        "answer", status=429, body=b'{"error": {"message": "m", "code": "rate_limit_exceeded"}}'
    )
    events = await bench.run(_spec())
    assert (events[-1].kind, events[-1].retryable) == (FailureKind.RATE_LIMITED, True)


async def test_any_compatible_endpoint_writes_too(local: Bench, peer: OpenAIPeer) -> None:
    assert local.generator.text_model() == "llama4"
    events = await local.run(_spec("llama4", json_schema=SCHEMA, images=(local.files.add(picture()),)))
    assert json.loads(_text(events)) == {"title": "Grüße 🌍"}
    assert events[-1] == TextMade(model="llama4", cost=Decimal(0))
    body = peer.seen[0]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][1]["content"][1]["image_url"]["url"].startswith("data:image/png")


async def test_price_of_the_endpoint_is_counted_where_it_is_told(served: Served, time: VirtualTime) -> None:
    bench = Bench(
        time,
        text_base_url=f"{served.url}/v1",
        text_model="llama4",
        text_api_key=KEY,
        text_price_input=Decimal(1),
        text_price_output=Decimal(2),
    )
    events = await bench.run(_spec("llama4"))
    await bench.generator.close()
    assert events[-1].cost == Decimal("0.005")


async def test_free_endpoint_that_broke_before_any_text_is_asked_again(
    local: Bench, served: Served, peer: OpenAIPeer
) -> None:
    served.faults.add("cut")
    events = await local.run(_spec("llama4"))
    assert kinds(events) == ["CallIntended", "CallEnded", "Failed"]
    assert (events[-1].kind, events[-1].retryable) == (FailureKind.PROVIDER_DOWN, True)
    started = await local.run(_spec("llama4"), until=lambda event: isinstance(event, CallAccepted))
    again = await local.run(_spec("llama4"), known_call(started))
    assert isinstance(again[-1], TextMade)


async def test_free_endpoint_that_broke_in_the_middle_is_not(local: Bench, peer: OpenAIPeer) -> None:
    peer.behave = ["silent"]
    events = await local.run(_spec("llama4"))
    assert kinds(events)[-2:] == ["CallEnded", "Failed"]
    assert (events[-1].kind, events[-1].retryable) == (FailureKind.PROVIDER_DOWN, False)


@pytest.mark.parametrize(
    ("how", "kind"), [("content_filter", FailureKind.REJECTED_CONTENT), ("length", FailureKind.BAD_REQUEST)]
)
async def test_chat_says_why_it_ended(local: Bench, peer: OpenAIPeer, how: Any, kind: Any) -> None:
    peer.behave = [how]
    assert (await local.run(_spec("llama4")))[-1].kind is kind


async def test_picture_model_writes_no_text(bench: Bench) -> None:
    events = await bench.run(_spec("gpt-image-2"))
    assert events[0].words == "gpt-image-2 writes no text."
