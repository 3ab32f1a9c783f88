"""All hosted models behind the one generator protocol.

Chooses the provider, tries the fallback models in their order, lets a failing provider rest, and turns every
Trouble into the one Failed that ends a run. Knows no wire format.
"""

import asyncio
import dataclasses
import datetime
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import Any

from generators.catalog import Availability, Capability, Model, Provider
from generators.events import AdapterMade, Event, Failed, FailureKind, ImageMade, TextMade
from generators.generator import Fate, Known, KnownCall, Live
from generators.hosted import held, text
from generators.hosted.breaker import Breaker
from generators.hosted.calls import Order, PaidCall, Reference, new_key, open_call
from generators.hosted.catalog import HostedCatalog, check
from generators.hosted.clock import Clock
from generators.hosted.entry import Entry
from generators.hosted.failures import Trouble
from generators.hosted.gemini import Gemini
from generators.hosted.http import Fetcher, Limits
from generators.hosted.openai import OpenAIImages
from generators.hosted.pexels import Pexels
from generators.hosted.recraft import Recraft
from generators.hosted.replicate import ReplicateImages, Watch
from generators.hosted.replicate_api import ReplicateApi
from generators.hosted.replicate_trainings import ReplicateTrainings
from generators.hosted.replicate_wire import fate_of
from generators.hosted.settings import HostedSettings
from generators.spec import (
    Conditioning,
    ConditioningKind,
    DownloadSpec,
    ImageSpec,
    OpenFile,
    Spec,
    TextSpec,
    TrainingSpec,
)

_FINAL = (ImageMade, TextMade, AdapterMade)
# What another model must not be asked in its place: a refusal of the content, and anything that may be billed yet.
_STAYS = frozenset({FailureKind.REJECTED_CONTENT, FailureKind.OUTCOME_UNKNOWN, FailureKind.CANCELED})
_WEIGHTS_LIMIT = 1024**3
_log = logging.getLogger(__name__)


class HostedGenerator:
    """Everything that is made through somebody's API."""

    def __init__(self, settings: HostedSettings, open_file: OpenFile, clock: Clock | None = None) -> None:
        """`open_file` reads the pictures that hold a likeness; nothing is sent or connected here."""
        self._settings = settings
        self._open_file = open_file
        self._clock = clock or Clock()
        self._catalog = HostedCatalog(settings)
        private = settings.hosted_allow_private
        limits = Limits(max_bytes=settings.hosted_max_bytes, seconds=settings.hosted_download_seconds)
        fetcher = Fetcher(limits, self._clock, allow_private=private)
        large = dataclasses.replace(limits, max_bytes=_WEIGHTS_LIMIT)
        weights = Fetcher(large, self._clock, allow_private=private)
        api = ReplicateApi(settings, self._clock)
        watch = Watch(api, settings, self._clock)
        self.openai = OpenAIImages(settings, self._clock)
        self.recraft = Recraft(settings, self._clock, fetcher)
        self.pexels = Pexels(settings, self._clock, fetcher)
        self._replicate = api
        self._watch = watch
        self._images: Mapping[Provider, Any] = {
            Provider.OPENAI: self.openai,
            Provider.REPLICATE: ReplicateImages(settings, self._clock, api, watch, fetcher),
            Provider.RECRAFT: self.recraft,
            Provider.GEMINI: Gemini(settings, self._clock),
        }
        self._trainings = ReplicateTrainings(settings, self._clock, api, watch, weights)
        self._texts = _writers(settings, self._clock)
        self._breakers: dict[str, Breaker] = {}

    def models(self) -> Sequence[Model]:
        """All rows, retired ones included."""
        return [entry.model for entry in self._catalog]

    def find(self, key: str) -> Model | None:
        """The row of that key; `replicate:owner/name:version` names any model that Replicate serves."""
        entry = self._catalog.get(key)
        return entry.model if entry is not None else None

    def availability(self, key: str) -> Availability:
        """Whether that model can be used now: not retired, its key set, its provider not at rest."""
        entry = self._catalog.get(key)
        if entry is None:
            return Availability(available=False, reason=f"{key} is no model of this server.")
        reason = self._catalog.unavailable(entry, self._today()) or self._breaker(entry).reason()
        return Availability(available=reason is None, reason=reason)

    def check(self, spec: ImageSpec) -> str | None:
        """What the spec's model cannot do of what is asked, naming what it can; None = all is well."""
        entry = self._catalog.get(spec.model)
        return check(spec, entry) if entry is not None else f"{spec.model} is no model of this server."

    def estimate(self, spec: ImageSpec | TextSpec | TrainingSpec) -> Decimal:
        """US dollars that it may cost: the hold on a budget. 0 for an unknown model and one without a price."""
        entry = self._catalog.get(spec.model)
        if entry is None:
            return Decimal(0)
        if isinstance(spec, TextSpec):
            return text.estimate(spec, entry.price.tokens)
        if isinstance(spec, TrainingSpec):
            return entry.price.picture
        return entry.price.estimate(spec.quality, spec.width, spec.height, len(held.usable(spec, entry)))

    def text_model(self) -> str | None:
        """The key of the model that writes texts; None = neither TEXT_BASE_URL with TEXT_MODEL nor OpenAI's key is set."""
        return self._catalog.text_key()

    def nudge(self, provider_id: str, key: str | None = None) -> bool:
        """A webhook brought news of that call: look at once. Whether a run here waits for it.

        `key` is the `call` of the webhook's address: it finds a call whose own answer was lost.
        """
        if key is not None:
            self._watch.hear(key, provider_id)
        return self._watch.nudge(provider_id)

    async def fate(self, call: KnownCall) -> Fate | None:
        """How a call of Replicate's ended, by its id or by what a webhook told of it; the others list nothing."""
        entry = self._catalog.get(call.model)
        provider_id = call.provider_id or self._watch.heard(call.key)
        if call.provider != Provider.REPLICATE.value or entry is None or provider_id is None:
            return None
        training = Capability.TRAINING in entry.model.capabilities
        try:
            state = await self._replicate.look(
                f"/v1/{'trainings' if training else 'predictions'}/{provider_id}"
            )
        except Trouble as trouble:
            _log.info("Replicate does not say how %s ended: %s", provider_id, trouble.words)
            return None
        return fate_of(state, training=training) if isinstance(state, dict) else None

    async def start(self) -> None:
        """Nothing to make ready: clients are built on first use."""

    async def close(self) -> None:
        """Close the connections of this event loop."""
        for part in (*self._images.values(), *self._texts.values(), self.pexels, self._replicate):
            if hasattr(part, "close"):
                await part.close()

    def run(self, spec: Spec, known: Known, live: Live) -> AsyncIterator[Event]:
        """Make it; every failure is one Failed at the end."""
        return self._run(spec, known, live)

    async def _run(self, spec: Spec, known: Known, live: Live) -> AsyncGenerator[Event, None]:
        if isinstance(spec, DownloadSpec):
            yield Failed(
                kind=FailureKind.BAD_REQUEST, words=f"{spec.model} is hosted; there is nothing to download."
            )
            return
        waiting = self._waiting(spec, known)
        names = [spec.model, *(spec.fallback_models if isinstance(spec, ImageSpec) else ())]
        if waiting is not None:
            names = names[names.index(waiting.model) :] if waiting.model in names else [waiting.model]
        said: list[str] = []
        tried = False
        for at, name in enumerate(names):
            try:
                async with aclosing(self._attempt(spec, name, waiting, live)) as events:
                    async for event in events:
                        yield event
            except Trouble as trouble:
                said.append(trouble.words if len(names) == 1 else f"{name}: {trouble.words}")
                tried = tried or trouble.tried
                if at + 1 == len(names) or _stays(trouble):
                    yield dataclasses.replace(trouble.failed(), words=" ".join(said), tried=tried)
                    return
                waiting = None
            else:
                return

    def _waiting(self, spec: Spec, known: Known) -> KnownCall | None:
        entry = self._catalog.get(spec.model)
        if isinstance(spec, TextSpec) and not known.text and entry is not None and text.is_free(entry):
            return None  # nothing was paid and nothing shown: it may simply be asked again
        return open_call(known.calls)

    async def _attempt(
        self, spec: ImageSpec | TextSpec | TrainingSpec, name: str, waiting: KnownCall | None, live: Live
    ) -> AsyncGenerator[Event, None]:
        entry = self._usable(spec, name, sending=waiting is None)
        breaker = self._breaker(entry)
        order = await self._order(spec, entry, waiting)
        if waiting is None and not breaker.enter():
            words = breaker.reason() or f"{breaker.name} is being tried by another call."
            resting = Trouble(FailureKind.PROVIDER_DOWN, words, retry_after=breaker.wait())
            resting.tried = False
            raise resting
        try:
            async with aclosing(self._events(order, waiting, live)) as events:
                async for event in events:
                    if isinstance(event, _FINAL):
                        breaker.succeeded()
                    yield event
        except Trouble as trouble:
            breaker.failed(trouble.kind, trouble.words, trouble.retry_after)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            breaker.left()
            raise

    def _events(
        self, order: Order[Any], waiting: KnownCall | None, live: Live
    ) -> AsyncGenerator[Event, None]:
        if order.entry.provider is Provider.PEXELS:
            return self.pexels.run(order.spec, live)
        caller: Any = self._images.get(order.entry.provider)
        if isinstance(order.spec, TextSpec):
            caller = self._texts["chat" if self._catalog.elsewhere(order.entry) else "responses"]
        elif isinstance(order.spec, TrainingSpec):
            caller = self._trainings
        call = PaidCall(caller, order, live, self._clock, self._settings.hosted_unknown_seconds)
        return call.fresh() if waiting is None else call.resumed(waiting)

    def _usable(self, spec: ImageSpec | TextSpec | TrainingSpec, name: str, *, sending: bool) -> Entry:
        entry = self._catalog.get(name)
        if entry is None:
            raise Trouble(FailureKind.BAD_REQUEST, f"{name} is no hosted model of this server.")
        if (reason := self._catalog.unavailable(entry, self._today())) is not None:
            retired = entry.model.retired_on is not None and entry.model.retired_on <= self._today()
            raise Trouble(FailureKind.BAD_REQUEST if retired else FailureKind.AUTHENTICATION, reason)
        fault = _unfit(spec, entry) if sending else None
        if fault is not None:
            raise Trouble(FailureKind.BAD_REQUEST, fault)
        return entry

    async def _order(
        self, spec: ImageSpec | TextSpec | TrainingSpec, entry: Entry, waiting: KnownCall | None
    ) -> Order[Any]:
        key = waiting.key if waiting is not None else new_key(self._clock)
        if isinstance(spec, ImageSpec):
            return await self._image_order(spec, entry, key)
        files = spec.images if isinstance(spec, TextSpec) else tuple(image.file for image in spec.images)
        wanted = tuple(Conditioning(kind=ConditioningKind.REFERENCE_IMAGE, file=file) for file in files)
        return Order(
            key=key,
            spec=spec,
            entry=entry,
            estimate=self.estimate(spec),
            references=await held.opened(wanted, self._open_file),
        )

    async def _image_order(self, spec: ImageSpec, entry: Entry, key: str) -> Order[ImageSpec]:
        wanted = held.usable(spec, entry)
        references: tuple[Reference, ...] = await held.opened(wanted, self._open_file)
        return Order(
            key=key,
            spec=spec,
            entry=entry,
            estimate=entry.price.estimate(spec.quality, spec.width, spec.height, len(wanted)),
            references=references,
            mask=await held.read(spec.mask, self._open_file) if spec.mask is not None else None,
            fallback_from=spec.model if entry.model.key != spec.model else None,
        )

    def _breaker(self, entry: Entry) -> Breaker:
        name = "TEXT_BASE_URL" if self._catalog.elsewhere(entry) else entry.provider.value.capitalize()
        name = {"Openai": "OpenAI"}.get(name, name)
        if name not in self._breakers:
            failures, rest = self._settings.hosted_breaker_failures, self._settings.hosted_breaker_seconds
            self._breakers[name] = Breaker(name, self._clock, failures, rest)
        return self._breakers[name]

    def _today(self) -> datetime.date:
        return datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC).date()


def _writers(settings: HostedSettings, clock: Clock) -> dict[str, Any]:
    own = text.Responses(settings, clock, settings.openai_base_url, settings.openai_api_key or "")
    other = text.Chat(settings, clock, settings.text_base_url or "", settings.text_api_key or "none")
    return {"responses": own, "chat": other}


def _stays(trouble: Trouble) -> bool:
    return trouble.kind in _STAYS or trouble.open or trouble.made


def _unfit(spec: ImageSpec | TextSpec | TrainingSpec, entry: Entry) -> str | None:
    model = entry.model
    if isinstance(spec, ImageSpec):
        return check(spec, entry)
    if isinstance(spec, TrainingSpec):
        return None if Capability.TRAINING in model.capabilities else f"{model.key} cannot be trained."
    if Capability.TEXT not in model.capabilities:
        return f"{model.key} writes no text."
    if len(spec.images) > model.max_references:
        return f"{model.key} reads at most {model.max_references} pictures; {len(spec.images)} were given."
    return None
