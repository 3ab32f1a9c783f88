"""Serving while a trainer holds a part of the same accelerator: idle weights leave, forwards are half as large."""

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from generators.diffusion.engine import Engine
from generators.diffusion.runs import Run
from tests.generators.diffusion import tiny

ROWS = 4


@dataclasses.dataclass
class Forwards:
    """How many requests each forward took; the first waits until the test lets it go."""

    engine: Engine
    sizes: list[int] = dataclasses.field(default_factory=list)
    gate: threading.Event = dataclasses.field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        work: Any = self.engine._work
        plain = work.forward

        def forward(runs: Sequence[Run]) -> dict[Run, BaseException]:
            assert self.gate.wait(60)
            self.sizes.append(len(runs))
            found: dict[Run, BaseException] = plain(runs)
            return found

        work.forward = forward

    def all_in(self, pictures: Sequence[tiny.Sent]) -> None:
        """Let go when all pictures are ready: admission is one queue."""
        assert len(pictures) == ROWS
        self.engine._prepare.submit(lambda: None).result(60)
        self.gate.set()


@pytest.fixture
def accelerated(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine with a loaded checkpoint that takes its CPU for an accelerator with room for four rows."""
    tiny.send(engine, tiny.ask("tiny-sd", guidance=1.0)).made()
    work: Any = engine._work
    monkeypatch.setattr(work, "device", dataclasses.replace(work.device, kind="mps"))
    monkeypatch.setattr(work, "cap", lambda _share: ROWS)
    return engine


def pictures(engine: Engine) -> list[tiny.Sent]:
    return [tiny.send(engine, tiny.ask("tiny-sd", seed=seed, guidance=1.0, steps=6)) for seed in range(ROWS)]


def test_forwards_beside_a_trainer_take_half_as_many_rows(accelerated: Engine) -> None:
    forwards = Forwards(accelerated)
    with accelerated.reserve(exclusively=False, elsewhere=False) as reservation:
        reservation.ready.result(60)
        beside = pictures(accelerated)
        forwards.all_in(beside)
        for one in beside:
            one.made()

    assert max(forwards.sizes) == ROWS // 2
    assert sum(forwards.sizes) == ROWS * 6


def test_forwards_are_whole_again_when_the_trainer_is_gone(accelerated: Engine) -> None:
    forwards = Forwards(accelerated)
    with accelerated.reserve(exclusively=False, elsewhere=False) as reservation:
        reservation.ready.result(60)
    after = pictures(accelerated)
    forwards.all_in(after)
    for one in after:
        one.made()

    assert max(forwards.sizes) == ROWS
    assert sum(forwards.sizes) == ROWS * 6


def test_idle_checkpoint_makes_room_for_a_trainer_here_and_stays_for_one_elsewhere(
    accelerated: Engine,
) -> None:
    with accelerated.reserve(exclusively=False, elsewhere=True) as reservation:
        reservation.ready.result(60)
        assert set(accelerated.state().loaded) == {"tiny-sd", "tiny-sdxl"}
    with accelerated.reserve(exclusively=False, elsewhere=False) as reservation:
        reservation.ready.result(60)
        assert accelerated.state().loaded == ()


def test_picture_beside_a_trainer_is_the_same_picture(accelerated: Engine) -> None:
    asked = tiny.ask("tiny-sd", exact=True, seed=9)
    before = tiny.send(accelerated, asked).made()
    with accelerated.reserve(exclusively=False, elsewhere=False) as reservation:
        reservation.ready.result(60)
        during = tiny.send(accelerated, asked).made()
    assert during.data == before.data
