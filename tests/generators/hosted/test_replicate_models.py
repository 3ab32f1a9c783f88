"""Replicate's models: each one's inputs and references; the real client against its peer."""

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from generators.events import CallAccepted, CallEnded, FailureKind, Phase
from generators.spec import Conditioning, ConditioningKind
from tests.peers.clock import VirtualTime
from tests.peers.pictures import picture
from tests.peers.replicate import TOKEN, ReplicatePeer
from tests.peers.replicate_forms import SDXL
from tests.peers.runs import Bench, kinds, reference, spec
from tests.peers.serving import Served, serving

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


async def test_picture_is_made_watched_and_fetched_at_once(
    bench: Bench, peer: ReplicatePeer, served: Served
) -> None:
    events = await bench.run(spec(MODEL, seed=2**40 + 5))
    assert kinds(events) == MADE
    intended, accepted, ended, made = events
    assert accepted == CallAccepted(key=intended.key, provider_id="p0000")
    assert ended == CallEnded(key=intended.key, succeeded=True, cost=Decimal("0.003"))
    assert (made.facts.width, made.facts.steps, made.facts.seed) == (96, 4, 5)
    assert (made.facts.provider_job_id, made.facts.model_version) == ("p0000", "hidden")
    assert made.facts.parameters == {"providerSeconds": 2.5}
    assert made.facts.duration_ms == 3000
    steps = [(r.step, r.steps) for r in bench.live.reports if r.phase is Phase.DENOISING]
    assert steps == [(1, 4), (2, 4), (3, 4)]
    assert peer.predictions["p0000"]["input"]["aspect_ratio"] == "1:1"
    assert served.faults.count("POST") == 1


CASES = [
    ("flux-1.1-pro", {"width": 1440, "height": 800}, "0.04"),
    ("flux-kontext-pro", {"width": 1344, "height": 768}, "0.04"),
    ("flux-kontext-max", {}, "0.08"),
    ("flux-2-pro", {"width": 2048, "height": 1024}, "0.06"),
    ("flux-2-flex", {"steps": 40, "guidance": 3.0}, "0.06"),
    ("ideogram-v2", {"negative_prompt": "text"}, "0.08"),
    ("ideogram-v3", {"quality": "quality"}, "0.09"),
    ("ideogram-v3", {}, "0.06"),
    ("seedream-4.5", {"width": 4096, "height": 4096}, "0.04"),
    ("recraft-v3", {"width": 1820, "height": 1024}, "0.04"),
    ("recraft-v4", {}, "0.04"),
    ("sdxl", {"steps": 30, "guidance": 6.0, "negative_prompt": ""}, "0.012"),
    ("sd-3.5-large", {}, "0.065"),
    ("leonardo-phoenix-1.0", {}, "0.08"),
    ("deployments/me/fast", {}, "0"),
    (f"replicate:stability-ai/sdxl:{SDXL}", {}, None),
]


@pytest.mark.parametrize(("model", "changes", "cost"), CASES)
async def test_every_model_sends_inputs_that_its_form_takes(
    bench: Bench, peer: ReplicatePeer, model: Any, changes: Any, cost: Any
) -> None:
    events = await bench.run(spec(model, **changes))
    if cost is None:  # the peer's form of SDXL knows no aspect ratio: the words say which field was refused
        assert events[-1].kind is FailureKind.BAD_REQUEST
        assert "input.output_format" in events[-1].words
        return
    assert kinds(events) == MADE, events[-1]
    assert events[2].cost == Decimal(cost)
    assert events[3].facts.model == model
    assert (events[3].facts.seed is None) == ("seed" not in peer.predictions["p0000"]["input"])


async def test_references_go_inline_or_by_upload_and_the_facts_say_which(
    bench: Bench, peer: ReplicatePeer
) -> None:
    small, large = picture(32, 32), picture(8, 8) + b"\0" * 300_000
    held = (
        reference(bench.files.add(small), source_id="a"),
        reference(bench.files.add(large), source_id="b"),
    )
    events = await bench.run(spec("flux-2-pro", conditioning=held))
    urls = peer.predictions["p0000"]["input"]["input_images"]
    assert urls[0].startswith("data:image/png;base64,")
    assert urls[1] == peer.files["f0"]["urls"]["get"]
    assert [h.source_id for h in events[-1].facts.conditioning[1:]] == ["a", "b"]
    assert events[2].cost == Decimal("0.06")


async def test_model_without_references_is_held_by_the_prompt_alone(
    bench: Bench, peer: ReplicatePeer
) -> None:
    held = (reference(bench.files.add(picture())),)
    events = await bench.run(spec(MODEL, conditioning=held))
    assert [h.kind for h in events[-1].facts.conditioning] == [ConditioningKind.PROMPT]
    assert "input_image" not in peer.predictions["p0000"]["input"]


async def test_steps_are_cut_to_what_the_model_takes(bench: Bench, peer: ReplicatePeer) -> None:
    await bench.run(spec(MODEL, steps=50))
    await bench.run(spec("flux-2-flex", steps=40))
    rows = [row["input"] for row in peer.predictions.values()]
    assert (rows[0]["num_inference_steps"], rows[1]["steps"]) == (4, 40)


async def test_seed_that_holds_is_named_where_the_model_takes_one(bench: Bench) -> None:
    held = (Conditioning(kind=ConditioningKind.SEED),)
    taken = await bench.run(spec(MODEL, conditioning=held))
    not_taken = await bench.run(spec("leonardo-phoenix-1.0", conditioning=held))
    kinds_of = [[h.kind.value for h in events[-1].facts.conditioning] for events in (taken, not_taken)]
    assert kinds_of == [["PROMPT", "SEED"], ["PROMPT"]]


async def test_image_to_image_says_how_much_is_kept(bench: Bench, peer: ReplicatePeer) -> None:
    init = reference(bench.files.add(picture()), ConditioningKind.INIT_IMAGE, weight=0.7)
    events = await bench.run(spec("sdxl", conditioning=(init,), steps=20))
    assert peer.predictions["p0000"]["input"]["prompt_strength"] == 0.3
    assert events[-1].facts.conditioning[1].weight == 0.7
