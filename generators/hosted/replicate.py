"""Pictures through Replicate: by model, by version, by deployment; watched by our own polling.

A call has an id, can be listed and stopped, and its results vanish after an hour, so they are fetched at once.
"""

import asyncio
import datetime
from collections.abc import AsyncGenerator, Mapping
from decimal import Decimal
from typing import Any

from generators.events import FailureKind, Phase, Stepped, TextGrown
from generators.generator import Live
from generators.hosted.calls import Made, Order, Reference, Sent
from generators.hosted.clock import Clock
from generators.hosted.failures import Trouble
from generators.hosted.held import image_made
from generators.hosted.http import Fetcher
from generators.hosted.openai import data_url
from generators.hosted.replicate_api import NAME, ReplicateApi
from generators.hosted.replicate_wire import (
    FINAL,
    SEED_LIMIT,
    ended_badly,
    inputs_of,
    output_url,
    progress,
    same_call,
)
from generators.hosted.settings import HostedSettings
from generators.spec import ImageSpec

_INLINE_BYTES = 256 * 1024  # larger data addresses are refused by Replicate
_LOOKS_FAILED = 20  # in a row, with growing pauses up to 30 s: about eight minutes
_CLOCK_SKEW = 60.0
_HEARD_KEPT = 1000


class Watch:
    """Looks at one prediction or training until it ends; a webhook makes the next look happen at once."""

    def __init__(self, api: ReplicateApi, settings: HostedSettings, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._pause = settings.hosted_poll_seconds
        self._nudges: dict[str, asyncio.Event] = {}
        self._heard: dict[str, str] = {}

    def hear(self, key: str, provider_id: str) -> None:
        """A webhook told which id our call `key` has: what was lost with an answer."""
        if len(self._heard) >= _HEARD_KEPT:
            self._heard.pop(next(iter(self._heard)))
        self._heard[key] = provider_id

    def heard(self, key: str) -> str | None:
        """The id that a webhook told for that call."""
        return self._heard.get(key)

    def nudge(self, provider_id: str) -> bool:
        """News of that call arrived; whether somebody here waits for it."""
        event = self._nudges.get(provider_id)
        if event is not None:
            event.set()
        return event is not None

    async def states(
        self, path: str, first: Mapping[str, Any] | None, until: float
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Every state seen, the final one last; ends without one when `until` (seconds since 1970) has passed."""
        provider_id = path.rsplit("/", 1)[-1]
        nudge = self._nudges.setdefault(provider_id, asyncio.Event())
        try:
            state = first if first is not None else await self._look(path)
            yield state
            while state.get("status") not in FINAL and self._clock.now() < until:
                await self._wait(nudge)
                state = await self._look(path)
                yield state
        finally:
            self._nudges.pop(provider_id, None)

    async def _look(self, path: str) -> Mapping[str, Any]:
        for failed in range(_LOOKS_FAILED):
            try:
                state = await self._api.look(path)
            except Trouble as trouble:
                if not trouble.retryable or failed == _LOOKS_FAILED - 1:
                    trouble.open = True  # the call itself goes on
                    raise
                await self._clock.sleep(max(trouble.retry_after or 0.0, min(30.0, 0.5 * 2**failed)))
            else:
                if isinstance(state, dict) and "status" in state:
                    return state
        silent = Trouble(FailureKind.PROVIDER_DOWN, "Replicate does not say how the call stands.")
        silent.open = True
        raise silent

    async def _wait(self, nudge: asyncio.Event) -> None:
        waits = {asyncio.ensure_future(self._clock.sleep(self._pause)), asyncio.ensure_future(nudge.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            nudge.clear()


class ReplicateImages:
    """Makes pictures with any model that Replicate serves."""

    name = NAME
    resumable = True

    def __init__(
        self, settings: HostedSettings, clock: Clock, api: ReplicateApi, watch: Watch, fetcher: Fetcher
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._api = api
        self._watch = watch
        self._fetcher = fetcher
        self._taken: set[str] = (
            set()
        )  # ids of calls seen here, so that a lost one is never mistaken for another's

    async def send(self, order: Order[ImageSpec], live: Live) -> Sent:
        """POST; Replicate names the prediction at once."""
        live.report(Stepped(phase=Phase.WAITING_FOR_PROVIDER))
        urls = tuple([await self._place(reference) for reference in order.references])
        made = inputs_of(order.spec, order.entry, order.references, urls)
        wire = order.entry.wire_name(order.spec.quality)
        extra = hook(self._settings, order.key)

        async def act(client: Any) -> None:
            path, _, version = wire.partition(":")
            if version:
                await client.predictions.async_create(version=version, input=made, **extra)
            elif path.startswith("deployments/"):
                deployment = path.removeprefix("deployments/")
                await client.deployments.predictions.async_create(deployment, input=made, **extra)
            else:
                await client.models.predictions.async_create(path, input=made, **extra)

        prediction = await self._api.change(act)
        return named(prediction, self._taken)

    async def finish(
        self, order: Order[ImageSpec], sent: Sent, live: Live
    ) -> AsyncGenerator[TextGrown | Made, None]:
        """Poll until it ends, then fetch the picture at once."""
        assert sent.provider_id is not None
        self._taken.add(sent.provider_id)
        until = order.begun + self._settings.hosted_run_seconds
        last: Mapping[str, Any] = {}
        async for last in self._watch.states(f"/v1/predictions/{sent.provider_id}", sent.answer, until):
            _report(last, live)
        if last.get("status") not in FINAL:
            raise await self._given_up(order, sent.provider_id)
        if last.get("status") != "succeeded":
            trouble = ended_badly(last)
            if trouble.kind is FailureKind.CANCELED and last.get("started_at"):
                trouble.billed = order.estimate  # public models bill what had begun
            raise trouble
        yield await self._made(order, last, live)

    async def find(self, order: Order[ImageSpec], /) -> str | None:
        """What a webhook told, else the one listed prediction that can only be this call; None = none, or several."""
        if (told := self._watch.heard(order.key)) is not None:
            return told
        earliest = order.begun - _CLOCK_SKEW
        found: set[str] = set()
        async for row in self._api.listed("/v1/predictions"):
            created = _seconds(row.get("created_at"))
            if created is not None and created < earliest:
                break
            if row.get("id") not in self._taken and same_call(row, order.spec, order.entry):
                found.add(str(row["id"]))
        return found.pop() if len(found) == 1 else None

    async def stop(self, provider_id: str, /) -> None:
        """Cancel the prediction."""
        await self._api.change(lambda client: client.predictions.async_cancel(provider_id))

    async def _given_up(self, order: Order[ImageSpec], provider_id: str) -> Trouble:
        trouble = Trouble(FailureKind.TIMEOUT, "The prediction did not end in time and was canceled.")
        trouble.billed = order.estimate
        try:
            await self.stop(provider_id)
        except Trouble as refused:
            trouble.words += f" Canceling it failed: {refused.words}"
        return trouble

    async def _place(self, reference: Reference) -> str:
        if len(reference.data) <= _INLINE_BYTES:
            return data_url(reference.data, reference.media_type)
        name = f"reference.{reference.media_type.rsplit('/', 1)[-1]}"
        return await self._api.upload(reference.data, name, reference.media_type)

    async def _made(self, order: Order[ImageSpec], prediction: Mapping[str, Any], live: Live) -> Made:
        cost = order.estimate
        url = output_url(prediction)
        if url is None:
            words = "Replicate made the picture, but keeps it no longer than an hour and has deleted it."
            raise _lost(Trouble(FailureKind.PROVIDER_DOWN, words, retryable=False), cost)
        live.report(Stepped(phase=Phase.DOWNLOADING))
        try:
            picture = await self._fetcher.picture(url)
        except Trouble as trouble:
            if not trouble.retryable:
                raise _lost(trouble, cost) from trouble
            trouble.open = True  # asked for again by its id, the picture costs nothing
            raise
        bar = progress(prediction.get("logs"))
        form = order.entry.inputs
        metrics = prediction.get("metrics") or {}
        final = image_made(
            order,
            picture,
            self._clock,
            cost,
            provider_id=str(prediction["id"]),
            version=prediction.get("version"),
            seed=order.spec.seed % SEED_LIMIT if form is not None and form.seed else None,
            steps=bar[1] if bar else 0,
            providerSeconds=metrics.get("predict_time"),
        )
        return Made(final=final, cost=cost)


def hook(settings: HostedSettings, key: str) -> dict[str, Any]:
    """The webhook arguments of a call; empty where polling alone is configured."""
    url = settings.replicate_webhook_url
    return {"webhook": f"{url}?call={key}", "webhook_events_filter": ["completed"]} if url else {}


def named(answer: Mapping[str, Any], taken: set[str]) -> Sent:
    """What a create call answered; without an id its fate is unknown."""
    provider_id = answer.get("id")
    if not isinstance(provider_id, str):
        raise Trouble(FailureKind.PROVIDER_DOWN, "Replicate did not name the call.", ambiguous=True)
    taken.add(provider_id)
    return Sent(provider_id=provider_id, answer=answer)


def _report(prediction: Mapping[str, Any], live: Live) -> None:
    bar = progress(prediction.get("logs"))
    if bar is None:
        live.report(Stepped(phase=Phase.WAITING_FOR_PROVIDER))
    else:
        live.report(Stepped(phase=Phase.DENOISING, step=bar[0], steps=bar[1]))


def _lost(trouble: Trouble, cost: Decimal) -> Trouble:
    trouble.made, trouble.billed = True, cost
    return trouble


def _seconds(when: Any) -> float | None:
    try:
        return datetime.datetime.fromisoformat(str(when)).timestamp()
    except ValueError:
        return None
