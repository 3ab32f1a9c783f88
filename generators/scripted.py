"""A generator that follows a script: deterministic pictures without torch, weights or network.

It behaves as a local checkpoint does (steps, previews, saved states, cancel, resume), so queue and kill tests,
demonstrations and front-end work need no model. Off by default. Its pictures are plain shapes, equal bytes for
an equal request. Directives in the prompt, understood by this generator only, make things go wrong on purpose:

    [fail=OUT_OF_MEMORY]     end with that FailureKind      [retryable]          … as a retryable failure
    [fail_times=2]           … only the first two times     [retry_after=3]      … with that Retry-After, seconds
    [fail_at=3]              … at that step, else at once   [raise]              raise an exception instead
    [exit_at=3]              end the whole process there    [hold_at=3]          wait there until cancelled
    [price=0.04]             make one pretended paid call around the picture
"""

import asyncio
import collections
import dataclasses
import hashlib
import io
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from generators.catalog import Availability, Capability, Model, Provider, Size
from generators.events import (
    CallAccepted,
    CallEnded,
    CallIntended,
    CallUnknown,
    Event,
    Failed,
    FailureKind,
    ImageFacts,
    ImageMade,
    LatentsSaved,
    Phase,
    Previewed,
    Stepped,
    TextGrown,
    TextMade,
)
from generators.generator import Known, Live
from generators.spec import ConditioningKind, ImageSpec, Spec, TextSpec

if TYPE_CHECKING:
    from PIL import Image

KEY = "scripted"
_DIRECTIVE = re.compile(r"\[(\w+)(?:=([^\]\s]+))?\]")
_PREVIEW_SCALE = 8
_CHUNK = re.compile(r"(?:\S+\s*){1,4}")  # four words at a time


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScriptedSettings:
    """The scripted generator's settings.

    Attributes:
        scripted_generator: whether the model "scripted" is offered; its pictures are plain shapes for tests and demos.
        scripted_step_seconds: how long one of its steps takes.
        scripted_save_every: its state is saved every so many steps; 0 = never.
    """

    scripted_generator: bool = False
    scripted_step_seconds: float = 0.05
    scripted_save_every: int = 5


@dataclasses.dataclass(frozen=True)
class Script:
    """The directives of one prompt."""

    words: dict[str, str]

    @classmethod
    def read(cls, prompt: str) -> "Script":
        """Those that stand in it, empty when there is none."""
        return cls({name: value or "" for name, value in _DIRECTIVE.findall(prompt)})

    def step(self, name: str) -> int | None:
        """At which step, None when the directive is absent."""
        return int(self.words[name]) if name in self.words else None

    def failure(self) -> Failed | None:
        """How it shall end, None = well."""
        if "fail" not in self.words:
            return None
        retry_after = self.words.get("retry_after")
        return Failed(
            kind=FailureKind(self.words["fail"]),
            words=f"The script says {self.words['fail']}.",
            retryable="retryable" in self.words,
            retry_after=float(retry_after) if retry_after else None,
        )


class ScriptedGenerator:
    """See the module. `charge` is asked for a provider id by each pretended paid call."""

    def __init__(
        self,
        settings: ScriptedSettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        charge: Callable[[str], Awaitable[str]] | None = None,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._charge = charge
        self._failures: collections.Counter[str] = collections.Counter()

    def models(self) -> Sequence[Model]:
        """One model, when the setting offers it."""
        return (MODEL,) if self._settings.scripted_generator else ()

    def availability(self, key: str) -> Availability:
        """Always there when offered."""
        offered = key == KEY and self._settings.scripted_generator
        return Availability(available=offered, reason=None if offered else "SCRIPTED_GENERATOR is not set")

    async def start(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to free."""

    async def run(self, spec: Spec, known: Known, live: Live) -> AsyncIterator[Event]:
        """Draw a picture or say a text, as the prompt directs."""
        if isinstance(spec, TextSpec):
            async for event in self._say(spec, known):
                yield event
            return
        if not isinstance(spec, ImageSpec):
            yield Failed(
                kind=FailureKind.BAD_REQUEST, words=f"There is no script for a {type(spec).__name__}."
            )
            return
        script = Script.read(spec.prompt)
        async for event in self._pay_first(spec, script, known):
            yield event
            if isinstance(event, Failed):
                return
        async for event in self._denoise(spec, script, known, live):
            yield event

    async def _denoise(
        self, spec: ImageSpec, script: Script, known: Known, live: Live
    ) -> AsyncIterator[Event]:
        started = time.perf_counter()
        live.report(Stepped(phase=Phase.ENCODING))
        steps, digest = steps_of(spec), digest_of(spec)
        done = resumed_step(known, digest)
        canvas = await asyncio.to_thread(draw, spec)
        while done < steps:
            failed = await self._step(spec, script, done + 1)
            if failed is not None:
                yield failed
                return
            done += 1
            live.report(Stepped(phase=Phase.DENOISING, step=done, steps=steps))
            if live.preview_wanted():
                live.report(preview(canvas, done, steps))
            if self._saves_at(done) and done < steps:
                yield LatentsSaved(data=digest + done.to_bytes(2), step=done, steps=steps)
        live.report(Stepped(phase=Phase.SAVING, step=steps, steps=steps))
        yield await asyncio.to_thread(_made, spec, canvas, steps, time.perf_counter() - started)

    def _saves_at(self, step: int) -> bool:
        every = self._settings.scripted_save_every
        return every > 0 and step % every == 0

    async def _step(self, spec: ImageSpec, script: Script, step: int) -> Failed | None:
        await self._sleep(self._settings.scripted_step_seconds)
        if step == script.step("exit_at"):
            await self._sleep(self._settings.scripted_step_seconds)
            os._exit(70)
        if step == script.step("hold_at"):
            await asyncio.Event().wait()
        if step != (script.step("fail_at") or 1):
            return None
        if "raise" in script.words:
            raise RuntimeError("the script says raise")
        return self._due_failure(spec, script)

    def _due_failure(self, spec: ImageSpec, script: Script) -> Failed | None:
        failure = script.failure()
        if failure is None:
            return None
        self._failures[spec.variant_id] += 1
        times = script.step("fail_times")
        return failure if times is None or self._failures[spec.variant_id] <= times else None

    async def _pay_first(self, spec: ImageSpec, script: Script, known: Known) -> AsyncIterator[Event]:
        if "price" not in script.words:
            return
        price = Decimal(script.words["price"])
        call = next(iter(known.calls), None)
        if call is not None and call.ended:
            return
        if call is not None and call.provider_id is None:
            yield CallUnknown(key=call.key, words="The server died between sending the call and its answer.")
            yield Failed(kind=FailureKind.OUTCOME_UNKNOWN, words="Whether the call was made cannot be known.")
            return
        if call is None:
            yield CallIntended(key="1", provider=KEY, model=KEY, estimate=price)
            charge = self._charge
            yield CallAccepted(
                key="1", provider_id=await charge(spec.variant_id) if charge else spec.variant_id
            )
        yield CallEnded(key="1", succeeded=True, cost=price)

    async def _say(self, spec: TextSpec, known: Known) -> AsyncIterator[Event]:
        failure = Script.read(spec.prompt).failure()
        text = f"You asked: {_DIRECTIVE.sub('', spec.prompt).strip()}. This is a scripted answer."
        parts = _CHUNK.findall(text)
        said = 0
        for part in parts:
            said += len(part)
            if said <= len(known.text):
                continue
            await self._sleep(self._settings.scripted_step_seconds)
            if failure is not None:
                yield failure
                return
            yield TextGrown(text=text[max(said - len(part), len(known.text)) : said])
        yield TextMade(model=KEY)


MODEL = Model(
    key=KEY,
    name="Scripted shapes",
    provider=Provider.LOCAL,
    capabilities=frozenset(
        {
            Capability.TEXT_TO_IMAGE,
            Capability.IMAGE_TO_IMAGE,
            Capability.NEGATIVE_PROMPT,
            Capability.SEED,
            Capability.STEP_PROGRESS,
            Capability.PREVIEW,
            Capability.TEXT,
        }
    ),
    sizes=(Size(width=128, height=128), Size(width=256, height=256)),
    free_size=True,
    default_steps=8,
    default_guidance=1.0,
    version="1",
    note="Plain shapes for tests and demonstrations; no picture of anything.",
    rank=-1000,
)


def steps_of(spec: ImageSpec) -> int:
    """How many steps really run: an initial picture that is kept by `weight` leaves the rest to do."""
    for held in spec.conditioning:
        if held.kind is ConditioningKind.INIT_IMAGE:
            return max(1, round(spec.steps * (1 - min(held.weight, 1.0))))
    return spec.steps


def digest_of(spec: ImageSpec) -> bytes:
    """SHA-256 of all that the picture depends on."""
    held = [(item.kind.value, item.weight, item.file and item.file.sha256) for item in spec.conditioning]
    parts = (spec.prompt, spec.negative_prompt, spec.width, spec.height, spec.steps, spec.seed, held)
    return hashlib.sha256(repr(parts).encode()).digest()


def resumed_step(known: Known, digest: bytes) -> int:
    """The step a saved state stands for; 0 when there is none or it belongs to another request."""
    if known.latents is None or known.latents.data[:-2] != digest:
        return 0
    return int.from_bytes(known.latents.data[-2:])


def draw(spec: ImageSpec) -> "Image.Image":
    """Six soft discs on a plain ground; colours, places and sizes come from the request's digest."""
    from PIL import Image, ImageDraw

    digest = digest_of(spec)
    canvas = Image.new("RGB", (spec.width, spec.height), (digest[0], digest[1], digest[2]))
    pen = ImageDraw.Draw(canvas)
    for at in range(3, 27, 4):
        x, y = digest[at] * spec.width // 255, digest[at + 1] * spec.height // 255
        radius = max(2, digest[at + 2] * min(spec.width, spec.height) // 1020)
        colour = (digest[at + 3], digest[at], 255 - digest[at + 1])
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return canvas


def preview(canvas: "Image.Image", step: int, steps: int) -> Previewed:
    """The picture at 1/8 size, the sharper the further the run has come."""
    from PIL import ImageFilter

    size = (max(1, canvas.width // _PREVIEW_SCALE), max(1, canvas.height // _PREVIEW_SCALE))
    small = canvas.resize(size).filter(ImageFilter.GaussianBlur(4 * (1 - step / steps)))
    return Previewed(
        data=_encoded(small, "WEBP"), media_type="image/webp", width=size[0], height=size[1], step=step
    )


def _made(spec: ImageSpec, canvas: "Image.Image", steps: int, seconds: float) -> ImageMade:
    facts = ImageFacts(
        model=KEY,
        width=spec.width,
        height=spec.height,
        model_version=MODEL.version,
        seed=spec.seed,
        steps=steps,
        duration_ms=round(seconds * 1000),
        conditioning=spec.conditioning,
        parameters={"note": MODEL.note or ""},
    )
    return ImageMade(data=_encoded(canvas, "PNG"), media_type="image/png", facts=facts)


def _encoded(image: "Image.Image", kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()
