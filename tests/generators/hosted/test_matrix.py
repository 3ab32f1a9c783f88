"""Every fault on every provider, the real client against its strict peer: one cell each, none left out.

The table below says what comes of each; a case without a row for a voice fails. What only one provider can do is in
that provider's own file.
"""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from generators.events import CallIntended, FailureKind, Phase
from tests.patience import PATIENCE
from tests.peers.clock import VirtualTime
from tests.peers.runs import Bench, Watcher, kinds, known_call
from tests.peers.serving import HTML, Faults, serving
from tests.peers.voices import VOICES, Voice

pytestmark = pytest.mark.asyncio

MADE, LOST = "made", "OUTCOME_UNKNOWN"
DOWN, DOWN_FOR_GOOD, LATE = "PROVIDER_DOWN, again", "PROVIDER_DOWN", "TIMEOUT, again"
PAID = [name for name in VOICES if name != "Pexels"]
FOUND = ("Replicate, picture", "Replicate, training")
"""What was lost there is found again in the account's list."""


def _row(usual: str, **others: str) -> dict[str, str]:
    named = {"Pexels": others.pop("pexels", usual)}
    for name in FOUND:
        named[name] = others.get("replicate", usual)
    return {name: named.get(name, usual) for name in VOICES}


CASES: Mapping[str, Mapping[str, str]] = {
    "success": _row(MADE),
    "behind a path of its own": _row(MADE),
    "unreachable": _row(DOWN),
    "cut before it was seen": _row(LOST, pexels=DOWN),
    "done, and the answer lost": _row(LOST, pexels=DOWN, replicate=MADE),
    "half the answer, then cut": _row(LOST, pexels=DOWN, replicate=MADE),
    "slow body": _row(LOST, pexels=LATE, replicate=MADE),
    "silence": _row(LOST, pexels=LATE),
    "HTML instead of JSON": _row(LOST, pexels=DOWN),
    "a gateway's 502 in HTML": _row(LOST, pexels=DOWN),
    "half a result": {
        **_row(DOWN_FOR_GOOD, pexels=DOWN, replicate=DOWN),
        "OpenAI, text": LOST,
        "any text endpoint": LOST,
    },
}
STATUSES = {
    400: FailureKind.BAD_REQUEST,
    401: FailureKind.AUTHENTICATION,
    402: FailureKind.OUT_OF_CREDIT,
    403: FailureKind.AUTHENTICATION,
    404: FailureKind.BAD_REQUEST,
    409: FailureKind.BAD_REQUEST,
    413: FailureKind.BAD_REQUEST,
    422: FailureKind.BAD_REQUEST,
    429: FailureKind.RATE_LIMITED,
    500: FailureKind.PROVIDER_DOWN,
    503: FailureKind.PROVIDER_DOWN,
    504: FailureKind.TIMEOUT,
}
RETRYABLE = {FailureKind.RATE_LIMITED, FailureKind.PROVIDER_DOWN, FailureKind.TIMEOUT}
STEPS = {
    "OpenAI, picture": [(Phase.DENOISING, 1, 3), (Phase.DENOISING, 2, 3)],
    "OpenAI, edit": [(Phase.DENOISING, 1, 3), (Phase.DENOISING, 2, 3)],
    "OpenAI, text": [(Phase.WRITING, 0, 0)],
    "any text endpoint": [(Phase.WRITING, 0, 0)],
    "Replicate, picture": [(Phase.DENOISING, at, 4) for at in (1, 2, 3)],
    "Replicate, training": [(Phase.TRAINING, at, 10) for at in (1, 2, 3)],
    "Recraft, picture": [(Phase.WAITING_FOR_PROVIDER, 0, 0)],
    "Recraft, refinement": [(Phase.WAITING_FOR_PROVIDER, 0, 0)],
    "Gemini": [(Phase.WAITING_FOR_PROVIDER, 0, 0), (Phase.DECODING, 0, 0)],
    "Pexels": [(Phase.WAITING_FOR_PROVIDER, 0, 0), (Phase.DOWNLOADING, 0, 0)],
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stand:
    """One voice, its peer and its bench."""

    voice: Voice
    peer: Any
    faults: Faults
    bench: Bench

    def fault(self, kind: str, **facts: Any) -> None:
        """Order that for the paid call."""
        self.faults.add(kind, path=self.voice.path, method=self.voice.method, **facts)

    async def run(self, *earlier: Any) -> list[Any]:
        """One run, as after those events."""
        known = known_call(list(earlier)) if earlier else None
        return await self.bench.run(self.voice.asks(self.bench), known)

    def sent(self) -> int:
        """How many paid calls arrived."""
        return self.faults.count(self.voice.method, self.voice.path)


@contextlib.asynccontextmanager
async def standing(name: str, time: VirtualTime, **changes: Any) -> AsyncIterator[Stand]:
    """`at` = the path that the peer is served under; `url` = another address than the peer's."""
    voice = VOICES[name]
    peer = voice.peer(time)
    at = changes.pop("at", "")
    with serving(Starlette(routes=[Mount(at, peer.app)]) if at else peer.app) as served:
        peer.base = f"{served.url}{at}"
        bench = Bench(time, **{**voice.settings(changes.pop("url", peer.base)), **changes})
        bench.live = Watcher(watching=True)
        try:
            yield Stand(voice=voice, peer=peer, faults=served.faults, bench=bench)
        finally:
            await bench.generator.close()


def _outcome(events: list[Any]) -> str:
    if kinds(events)[-1] != "Failed":
        return MADE
    return f"{events[-1].kind.value}{', again' if events[-1].retryable else ''}"


HOW: Mapping[str, Mapping[str, Any]] = {
    "cut before it was seen": {"kind": "cut"},
    "done, and the answer lost": {"kind": "lost"},
    "half the answer, then cut": {"kind": "short"},
    "slow body": {"kind": "drip"},
    "silence": {"kind": "hang"},
    "HTML instead of JSON": {
        "kind": "answer",
        "status": 200,
        "body": HTML,
        "headers": {"content-type": "text/html"},
    },
    "a gateway's 502 in HTML": {
        "kind": "answer",
        "status": 502,
        "body": HTML,
        "headers": {"content-type": "text/html"},
    },
}
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "slow body": {"hosted_call_seconds": 0.4, "hosted_send_seconds": 0.4},
    "silence": {"hosted_call_seconds": 0.4, "hosted_send_seconds": 0.4},
    "behind a path of its own": {"at": "/gate/way"},
    "unreachable": {"url": "http://127.0.0.1:9"},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", VOICES)
async def test_each_fault_has_its_outcome_at_each_provider(time: VirtualTime, name: str, case: str) -> None:
    async with standing(name, time, **CHANGES.get(case, {})) as stand:
        if case in HOW:
            stand.fault(**HOW[case])
        elif case == "half a result":
            stand.voice.halve(stand.peer, stand.faults)

        events = await stand.run()

        assert _outcome(events) == CASES[case][name], events[-1]
        assert sum(isinstance(event, CallIntended) for event in events) == (name in PAID)
        assert stand.sent() == (0 if case == "unreachable" else 1)
        if _outcome(events) == LOST:  # nobody sends it again, however often the task comes back
            assert "CallUnknown" in kinds(events)
            again = await stand.run(*events)
            assert (_outcome(again), stand.sent()) == (LOST, 1)


@pytest.mark.parametrize("name", VOICES)
async def test_each_status_has_its_kind_at_each_provider(time: VirtualTime, name: str) -> None:
    async with standing(name, time) as stand:
        for status, kind in STATUSES.items():
            stand.faults.add(**stand.voice.answer(status))
            before = stand.sent()

            events = await stand.run()

            ended = [("CallIntended", "CallEnded", "Failed"), ("Failed",)][name not in PAID]
            assert tuple(kinds(events)) == ended, status
            failed = events[-1]
            assert (failed.kind, failed.retryable) == (kind, kind in RETRYABLE), status
            assert "It said no." in failed.words
            assert stand.sent() - before == 1
            time.now += failed.retry_after or 0
        assert stand.voice.billed(stand.peer) == 0


@pytest.mark.parametrize("name", VOICES)
async def test_rate_limit_is_waited_out_and_then_the_call_succeeds(time: VirtualTime, name: str) -> None:
    async with standing(name, time) as stand:
        stand.faults.add(**stand.voice.answer(429))
        first = await stand.run()
        assert (_outcome(first), first[-1].retry_after) == ("RATE_LIMITED, again", 3.0)

        early = await stand.run(*first)
        assert (kinds(early), stand.sent()) == (["Failed"], 1)  # nothing is sent within the three seconds
        time.now += 3
        assert _outcome(await stand.run(*first)) == MADE
        assert stand.voice.billed(stand.peer) == 1


@pytest.mark.parametrize("name", VOICES)
async def test_progress_is_told(time: VirtualTime, name: str) -> None:
    async with standing(name, time) as stand:
        await stand.run()

        told = [(r.phase, r.step, r.steps) for r in stand.bench.live.reports if hasattr(r, "phase")]
        assert [step for step in told if step in STEPS[name]][: len(STEPS[name])] == STEPS[name]


@pytest.mark.parametrize("name", VOICES)
async def test_cancel_ends_the_run_and_leaves_nothing_broken(time: VirtualTime, name: str) -> None:
    async with standing(name, time) as stand:
        if stand.voice.hold is None:
            stand.fault("hang")
        else:
            stand.voice.hold(stand.peer)
        task = asyncio.create_task(stand.run())
        await (stand.faults.arrived() if stand.voice.hold is None else stand.bench.live.stepped.wait())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE)

        assert len(getattr(stand.peer, "canceled", [])) == (stand.voice.hold is not None)
        assert _outcome(await stand.run()) == MADE


@pytest.mark.parametrize("name", VOICES)
async def test_key_is_never_in_words_or_logs(
    time: VirtualTime, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    [(field, key)] = VOICES[name].keys.items()
    secret = f"{key}-secret-part"
    with caplog.at_level(logging.DEBUG):
        async with standing(name, time, **{field: secret}) as stand:
            refused = await stand.run()
            echo = stand.voice.answer(400, f"Nobody knows {secret} here.")
            stand.faults.add(**echo | {"path": "", "method": ""})
            echoed = await stand.run()

    assert refused[-1].kind is FailureKind.AUTHENTICATION
    assert "Nobody knows [key] here." in echoed[-1].words
    assert "secret-part" not in repr([refused, echoed])
    assert "secret-part" not in caplog.text


@pytest.mark.parametrize("name", ["Recraft, picture", "any text endpoint"])
async def test_other_endpoints_learn_nothing_that_the_environment_says_for_openai(
    time: VirtualTime, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-mine")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway-Token: mine")
    async with standing(name, time) as stand:
        assert _outcome(await stand.run()) == MADE
        seen = {header for headers in stand.faults.headers for header in headers}

    assert "authorization" in seen
    assert not {"openai-organization", "openai-project", "x-gateway-token"} & seen


async def test_no_cell_is_left_out() -> None:
    for case, row in CASES.items():
        assert set(row) == set(VOICES), case
    assert set(STEPS) == set(VOICES)
    assert set(HOW) | set(CHANGES) | {"success", "half a result"} == set(CASES)
