"""Runs a generator as the executor would: collects the durable events, keeps what was reported."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

from generators.events import Drawn, Event, Report
from generators.generator import Known, KnownCall
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from generators.spec import Conditioning, ConditioningKind, FileRef, ImageSpec
from tests.peers.clock import VirtualTime


class Watcher:
    """The droppable side of a run."""

    def __init__(self, *, watching: bool = False) -> None:
        self.reports: list[Any] = []
        self.stepped = asyncio.Event()
        self._watching = watching

    def report(self, event: Report) -> None:
        """Keep it."""
        self.reports.append(event)
        if not isinstance(event, Drawn) and event.step:
            self.stepped.set()

    def preview_wanted(self) -> bool:
        """As said at the beginning."""
        return self._watching

    def sharp_wanted(self) -> bool:
        """Never."""
        return False


class Files:
    """A private store of bytes."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def add(self, data: bytes, media_type: str = "image/png") -> FileRef:
        """Keep those bytes."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.kept[sha256] = data
        return FileRef(sha256=sha256, size=len(data), media_type=media_type)

    async def open(self, file: FileRef) -> bytes:
        """Read them."""
        try:
            return self.kept[file.sha256]
        except KeyError as error:
            raise FileNotFoundError(file.sha256) from error


def spec(model: str, **changes: Any) -> ImageSpec:
    """One picture of 1024x1024."""
    facts: dict[str, Any] = {
        "variant_id": "v1",
        "model": model,
        "prompt": "a red fox reading",
        "width": 1024,
        "height": 1024,
        "steps": 0,
        "seed": 7,
        "owner_id": "user-1",
        **changes,
    }
    return ImageSpec(**facts)


def reference(
    file: FileRef, kind: ConditioningKind = ConditioningKind.REFERENCE_IMAGE, **facts: Any
) -> Conditioning:
    """A picture that holds the likeness."""
    return Conditioning(kind=kind, file=file, **facts)


class Bench:
    """A generator with its files and its time."""

    def __init__(self, time: VirtualTime, **settings: Any) -> None:
        self.time = time
        self.files = Files()
        settings = {
            "hosted_allow_private": True,
            "hosted_call_seconds": 5.0,
            "hosted_send_seconds": 2.0,
            **settings,
        }
        self.settings = HostedSettings(**settings)
        self.generator = HostedGenerator(self.settings, self.files.open, time.clock())
        self.live = Watcher()

    async def run(
        self, spec: Any, known: Known | None = None, until: Callable[[Event], bool] = lambda _event: False
    ) -> list[Any]:
        """Every durable event, up to and with the first for which `until` holds; then the run is dropped."""
        events: list[Any] = []
        running = self.generator.run(spec, known or Known(), self.live)
        try:
            async for event in running:
                events.append(event)
                if until(event):
                    break
        finally:
            await running.aclose()  # type: ignore[attr-defined]  # the generator stands still here
        return events


def known_call(events: list[Any], **changes: Any) -> Known:
    """What an executor would have committed of those events."""
    from generators.events import CallAccepted, CallEnded, CallIntended, CallUnknown

    facts: dict[str, Any] = {}
    for event in events:
        match event:
            case CallIntended():
                facts = {"key": event.key, "provider": event.provider, "model": event.model}
            case CallAccepted():
                facts["provider_id"] = event.provider_id
            case CallUnknown():
                facts["unknown"] = True
            case CallEnded():
                facts |= {"ended": True, "succeeded": event.succeeded}
            case _:
                pass
    return Known(calls=(KnownCall(**{**facts, **changes}),) if facts else ())


def kinds(events: list[Any]) -> list[str]:
    """The events' names, to be compared at a glance."""
    return [type(event).__name__ for event in events]
