"""The scripted generator: deterministic, resumable, and wrong in the ways it is told to be."""

import asyncio
import io
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from generators.events import (
    CallAccepted,
    CallEnded,
    CallIntended,
    CallUnknown,
    Event,
    Failed,
    FailureKind,
    ImageMade,
    LatentsSaved,
    Phase,
    Previewed,
    Report,
    Stepped,
    TextGrown,
    TextMade,
)
from generators.generator import Known, KnownCall, KnownLatents
from generators.scripted import KEY, ScriptedGenerator, ScriptedSettings
from generators.spec import Conditioning, ConditioningKind, ImageSpec, Spec, TextSpec

pytestmark = pytest.mark.asyncio


class Listener:
    """A Live that keeps everything."""

    def __init__(self, *, watched: bool = False) -> None:
        self.reports: list[Report] = []
        self._watched = watched

    def report(self, event: Report) -> None:
        self.reports.append(event)

    def preview_wanted(self) -> bool:
        return self._watched

    def sharp_wanted(self) -> bool:
        return False


def offered(**settings: Any) -> ScriptedGenerator:
    return ScriptedGenerator(
        ScriptedSettings(**{"scripted_generator": True, "scripted_step_seconds": 0.0, **settings})
    )


def image(**fields: Any) -> ImageSpec:
    asked = {
        "variant_id": "v",
        "model": KEY,
        "prompt": "a boat",
        "width": 64,
        "height": 32,
        "steps": 4,
        "seed": 7,
    }
    return ImageSpec(**{**asked, **fields})


async def events(
    generator: ScriptedGenerator, spec: Spec, known: Known | None = None, live: Listener | None = None
) -> list[Event]:
    found: AsyncIterator[Event] = generator.run(spec, known or Known(), live or Listener())
    return [event async for event in found]


async def test_not_offered_by_default() -> None:
    generator = ScriptedGenerator(ScriptedSettings())
    assert generator.models() == ()
    assert not generator.availability(KEY).available


async def test_equal_requests_give_equal_bytes_and_others_do_not() -> None:
    (one,) = await events(offered(), image())
    (two,) = await events(offered(), image())
    (other,) = await events(offered(), image(seed=8))
    assert isinstance(one, ImageMade)
    assert isinstance(two, ImageMade)
    assert isinstance(other, ImageMade)
    assert one.data == two.data != other.data
    assert Image.open(io.BytesIO(one.data)).size == (64, 32)
    assert (one.facts.steps, one.facts.seed) == (4, 7)


async def test_every_step_is_reported_in_order() -> None:
    live = Listener()
    await events(offered(), image(), live=live)
    assert live.reports == [
        Stepped(phase=Phase.ENCODING),
        *(Stepped(phase=Phase.DENOISING, step=step, steps=4) for step in (1, 2, 3, 4)),
        Stepped(phase=Phase.SAVING, step=4, steps=4),
    ]


async def test_previews_only_while_watched() -> None:
    live = Listener(watched=True)
    await events(offered(), image(), live=live)
    previews = [report for report in live.reports if isinstance(report, Previewed)]
    assert [preview.step for preview in previews] == [1, 2, 3, 4]
    assert (previews[0].width, previews[0].height, previews[0].media_type) == (8, 4, "image/webp")


async def test_resumed_run_goes_on_and_gives_the_same_picture() -> None:
    generator = offered(scripted_save_every=2)
    saved, _, made = await events(generator, image(steps=6))
    assert isinstance(saved, LatentsSaved)
    assert (saved.step, saved.steps) == (2, 6)
    live = Listener()
    known = Known(latents=KnownLatents(data=saved.data, step=2))
    *_, resumed = await events(generator, image(steps=6), known, live)
    assert isinstance(made, ImageMade)
    assert isinstance(resumed, ImageMade)
    assert resumed.data == made.data
    assert live.reports[1] == Stepped(phase=Phase.DENOISING, step=3, steps=6)


async def test_state_of_another_request_is_not_used() -> None:
    saved, *_ = await events(offered(scripted_save_every=2), image(seed=1))
    assert isinstance(saved, LatentsSaved)
    live = Listener()
    await events(offered(), image(), Known(latents=KnownLatents(data=saved.data, step=2)), live)
    assert live.reports[1] == Stepped(phase=Phase.DENOISING, step=1, steps=4)


async def test_initial_picture_leaves_fewer_steps() -> None:
    held = Conditioning(kind=ConditioningKind.INIT_IMAGE, weight=0.75)
    (made,) = await events(offered(), image(steps=8, conditioning=(held,)))
    assert isinstance(made, ImageMade)
    assert made.facts.steps == 2


async def test_directed_failure_is_the_last_event() -> None:
    prompt = "a boat [fail=RATE_LIMITED] [retryable] [retry_after=3] [fail_at=2] [fail_times=1]"
    generator, live = offered(), Listener()
    (failed,) = await events(generator, image(prompt=prompt), live=live)
    assert failed == Failed(
        kind=FailureKind.RATE_LIMITED, words="The script says RATE_LIMITED.", retryable=True, retry_after=3.0
    )
    assert live.reports[-1] == Stepped(phase=Phase.DENOISING, step=1, steps=4)
    (made,) = await events(generator, image(prompt=prompt))
    assert isinstance(made, ImageMade)


async def test_directed_exception_is_raised() -> None:
    with pytest.raises(RuntimeError, match="the script says raise"):
        await events(offered(), image(prompt="[raise]"))


async def test_held_run_ends_when_its_task_is_cancelled() -> None:
    live = Listener()
    run = asyncio.create_task(events(offered(), image(prompt="[hold_at=2]"), live=live))
    while len(live.reports) < 2:  # noqa: ASYNC110 -- reports have no event to wait for
        await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_paid_call_is_intended_before_it_is_charged() -> None:
    charged: list[str] = []

    async def charge(variant_id: str) -> str:
        charged.append(variant_id)
        return "p-1"

    generator = ScriptedGenerator(
        ScriptedSettings(scripted_generator=True, scripted_step_seconds=0.0), charge=charge
    )
    found: list[Event] = []
    async for event in generator.run(image(prompt="[price=0.04]"), Known(), Listener()):
        if isinstance(event, CallIntended):
            assert charged == []
        found.append(event)
    assert found[:3] == [
        CallIntended(key="1", provider=KEY, model=KEY, estimate=Decimal("0.04")),
        CallAccepted(key="1", provider_id="p-1"),
        CallEnded(key="1", succeeded=True, cost=Decimal("0.04")),
    ]
    assert charged == ["v"]


async def test_call_of_unknown_fate_is_never_sent_again() -> None:
    known = Known(calls=(KnownCall(key="1", provider=KEY, model=KEY),))
    unknown, failed = await events(offered(), image(prompt="[price=0.04]"), known)
    assert isinstance(unknown, CallUnknown)
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.retryable) == (FailureKind.OUTCOME_UNKNOWN, False)


async def test_text_grows_and_a_second_run_says_only_the_rest() -> None:
    spec = TextSpec(model=KEY, instructions="", prompt="why boats float")
    said = await events(offered(), spec)
    assert isinstance(said[-1], TextMade)
    parts = [event.text for event in said if isinstance(event, TextGrown)]
    assert "".join(parts) == "You asked: why boats float. This is a scripted answer."
    rest = await events(offered(), spec, Known(text=parts[0]))
    assert [event.text for event in rest if isinstance(event, TextGrown)] == parts[1:]
