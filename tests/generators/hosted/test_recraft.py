"""Recraft with the real client against its peer."""

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from generators.events import CallEnded, FailureKind
from generators.spec import ConditioningKind
from tests.peers.clock import VirtualTime
from tests.peers.pictures import picture
from tests.peers.recraft import STYLE_ID, TOKEN, RecraftPeer
from tests.peers.runs import Bench, kinds, known_call, reference, spec
from tests.peers.serving import HTML, Served, serving

pytestmark = pytest.mark.asyncio
MADE = ["CallIntended", "CallAccepted", "CallEnded", "ImageMade"]


@pytest.fixture
def peer() -> RecraftPeer:
    return RecraftPeer()


@pytest.fixture
def served(peer: RecraftPeer) -> Iterator[Served]:
    with serving(peer.app) as served:
        peer.base = served.url
        yield served


@pytest_asyncio.fixture
async def bench(served: Served, time: VirtualTime) -> AsyncIterator[Bench]:
    bench = Bench(time, recraft_api_token=TOKEN, recraft_base_url=f"{served.url}/v1")
    yield bench
    await bench.generator.close()


@pytest.mark.parametrize(
    ("model", "changes"),
    [("recraft-v4.1", {}), ("recraft-v4", {"width": 1344, "height": 768}), ("recraft-v4.1-flash", {}),
     ("recraft-v3", {"width": 1820, "height": 1024, "negative_prompt": "text"})],
)  # fmt: skip
async def test_picture_is_made_inline_and_billed_by_its_credits(
    bench: Bench, peer: RecraftPeer, model: Any, changes: Any
) -> None:
    events = await bench.run(spec(model, seed=2**31 + 3, **changes))
    assert kinds(events) == MADE
    assert events[2] == CallEnded(key=events[0].key, succeeded=True, cost=Decimal("0.035"))
    assert (events[3].media_type, events[3].facts.width, events[3].facts.seed) == ("image/webp", 80, 3)
    assert peer.bills[0]["response_format"] == "b64_json"


async def test_model_with_one_size_per_ratio_is_asked_for_the_ratio(bench: Bench, peer: RecraftPeer) -> None:
    events = await bench.run(spec("recraft-v4-pro", width=1344, height=768))
    assert kinds(events) == MADE
    assert peer.bills[0]["size"] == "16:9"


async def test_refinement_goes_through_image_to_image(bench: Bench, peer: RecraftPeer) -> None:
    init = reference(bench.files.add(picture()), ConditioningKind.INIT_IMAGE, weight=0.8)
    events = await bench.run(spec("recraft-v4", conditioning=(init,)))
    assert kinds(events) == MADE
    assert peer.bills[0]["strength"] == 0.2
    assert events[3].facts.conditioning[1].kind is ConditioningKind.INIT_IMAGE


async def test_reference_is_no_input_of_recraft_and_the_prompt_holds_alone(
    bench: Bench, peer: RecraftPeer
) -> None:
    held = (reference(bench.files.add(picture())),)
    events = await bench.run(spec("recraft-v4", conditioning=held))
    assert [h.kind for h in events[3].facts.conditioning] == [ConditioningKind.PROMPT]
    assert "image_url" not in peer.bills[0]


async def test_link_that_is_sent_all_the_same_is_fetched_at_once(bench: Bench, peer: RecraftPeer) -> None:
    peer.behave = ["url"]
    events = await bench.run(spec("recraft-v4"))
    assert kinds(events) == MADE
    assert events[3].data == picture(80, 80)


async def test_half_a_picture_is_billed_and_not_made_again(bench: Bench, peer: RecraftPeer) -> None:
    peer.behave = ["half"]
    events = await bench.run(spec("recraft-v4"))
    assert kinds(events) == ["CallIntended", "CallAccepted", "CallEnded", "Failed"]
    assert (events[2].succeeded, events[2].cost, events[3].retryable) == (True, Decimal("0.035"), False)


@pytest.mark.parametrize(
    ("how", "kind"), [("moderated", FailureKind.REJECTED_CONTENT), ("poor", FailureKind.OUT_OF_CREDIT)]
)
async def test_refusals_are_told_apart_by_their_words(
    bench: Bench, peer: RecraftPeer, how: Any, kind: Any
) -> None:
    peer.behave = [how]
    events = await bench.run(spec("recraft-v4"))
    assert (events[-1].kind, events[-2].cost) == (kind, Decimal(0))
    assert peer.bills == []


async def test_wrong_token_is_an_authentication_failure(served: Served, time: VirtualTime) -> None:
    bench = Bench(time, recraft_api_token="wrong-token", recraft_base_url=f"{served.url}/v1")
    events = await bench.run(spec("recraft-v4"))
    await bench.generator.close()
    assert events[-1].kind is FailureKind.AUTHENTICATION


@pytest.mark.parametrize(
    ("status", "kind"), [(429, FailureKind.RATE_LIMITED), (500, FailureKind.PROVIDER_DOWN), (403, FailureKind.AUTHENTICATION)]
)  # fmt: skip
async def test_each_status_has_its_kind_and_is_sent_once(
    bench: Bench, served: Served, status: Any, kind: Any
) -> None:
    served.faults.add("answer", times=5, status=status, body=b'{"code": "x", "message": "No."}')
    events = await bench.run(spec("recraft-v4"))
    assert (kinds(events), events[-1].kind) == (["CallIntended", "CallEnded", "Failed"], kind)
    assert events[-1].words == "No."
    assert served.faults.count("POST") == 1


@pytest.mark.parametrize("kind", ["cut", "lost", "short"])
async def test_lost_answer_is_unknown_and_never_sent_again(
    bench: Bench, served: Served, peer: RecraftPeer, kind: Any
) -> None:
    served.faults.add(kind)
    events = await bench.run(spec("recraft-v4"))
    assert kinds(events) == ["CallIntended", "CallUnknown", "Failed"]
    again = await bench.run(spec("recraft-v4"), known_call(events))
    assert again[-1].kind is FailureKind.OUTCOME_UNKNOWN
    assert served.faults.count("POST") == 1


async def test_html_instead_of_json_is_unknown(bench: Bench, served: Served) -> None:
    served.faults.add("answer", status=200, body=HTML, headers={"content-type": "text/html"})
    assert kinds(await bench.run(spec("recraft-v4"))) == ["CallIntended", "CallUnknown", "Failed"]


@pytest.mark.parametrize(
    ("style", "sent"),
    [
        ("digital_illustration", {"style": "digital_illustration"}),
        ("realistic_image/natural_light", {"style": "realistic_image", "substyle": "natural_light"}),
        (STYLE_ID, {"style_id": STYLE_ID}),
    ],
)
async def test_style_is_part_of_the_models_key(
    bench: Bench, peer: RecraftPeer, style: str, sent: dict[str, str]
) -> None:
    await bench.generator.recraft.make_style("digital_illustration", [(picture(), "image/png")])
    events = await bench.run(spec(f"recraft-v3:{style}"))
    assert kinds(events) == MADE
    assert {name: value for name, value in peer.bills[0].items() if "style" in name} == sent
    assert events[-1].facts.model == f"recraft-v3:{style}"


@pytest.mark.parametrize(
    "key", ["recraft-v3:watercolour", "recraft-v3:", "recraft-v4:any", "recraft-v3:any/A B"]
)
async def test_what_is_no_style_is_no_model(bench: Bench, served: Served, key: str) -> None:
    assert bench.generator.find(key) is None
    assert kinds(await bench.run(spec(key))) == ["Failed"]
    assert served.faults.requests == []


async def test_style_is_made_of_one_to_five_pictures(bench: Bench, peer: RecraftPeer) -> None:
    files = [(picture(), "image/png")] * 3
    assert await bench.generator.recraft.make_style("digital_illustration", files) == STYLE_ID
    assert peer.styles == [["file1", "file2", "file3"]]
    with pytest.raises(ValueError, match="1 to 5"):
        await bench.generator.recraft.make_style("icon", [])
