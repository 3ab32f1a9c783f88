"""Requests join, step, are cancelled, killed and resumed at random: each still makes its own picture."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from generators.diffusion import saving
from generators.diffusion.asks import Ask
from generators.diffusion.runs import Run
from tests.generators.diffusion import tiny
from tests.generators.diffusion.company import Company, box_mask, distance, gradient, stock

TOLERANCE = 5e-6
ASKS = st.builds(
    lambda number, exact, steps, scheduler, begins: tiny.ask(
        "tiny-sd",
        seed=number,
        steps=steps,
        guidance=1.0 if number % 2 else 6.0,
        scheduler=scheduler,
        exact=exact,
        **begins,
    ),
    st.integers(0, 3),
    st.booleans(),
    st.integers(2, 5),
    st.sampled_from(["DDIMScheduler", "UniPCMultistepScheduler", "EulerAncestralDiscreteScheduler"]),
    st.sampled_from(
        [
            {},
            {"init_image": gradient(), "strength": 0.7},
            {"init_image": gradient(), "strength": 0.7, "mask": box_mask()},
            {"init_image": gradient(), "strength": 1.0, "mask": box_mask()},
        ]
    ),
)


class Loop(RuleBasedStateMachine):
    """The engine's work, driven in any order."""

    folder: ClassVar[Path]
    pipeline: ClassVar[Any]
    expected: ClassVar[dict[Ask, Any]] = {}
    company: ClassVar[Company]
    repainted: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.company.runs.clear()

    @property
    def going(self) -> list[Run]:
        return [run for run in self.company.runs if run.state is not None and not run.state.done]

    @rule(request=ASKS)
    def join(self, request: Ask) -> None:
        self.company.join(request)

    @rule()
    def tick(self) -> None:
        self.company.tick()

    @precondition(lambda self: self.going)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.going))
        run.cancel()
        self.company.runs.remove(run)
        self.company.work.release(run)

    @precondition(lambda self: self.going)
    @rule(data=st.data())
    def kill_and_resume(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.going))
        assert run.state is not None
        step = run.state.index
        saved = saving.pack(saving.capture(run.state), run.ask.fingerprint)
        self.company.runs.remove(run)
        self.company.work.release(run)
        again = self.company.join(dataclasses.replace(run.ask, latents=saved))
        assert again.state is not None
        assert again.state.index == step

    @invariant()
    def finished_runs_made_their_own_picture(self) -> None:
        for run in [run for run in self.company.runs if run not in self.going]:
            self.company.runs.remove(run)
            plain = dataclasses.replace(run.ask, latents=None, exact=False)
            if plain not in self.expected:
                self.expected[plain] = stock(self.pipeline, plain)
            off = distance(run, self.expected[plain])
            assert off == 0.0 if run.ask.exact else off < TOLERANCE, (off, plain)
            type(self).repainted += run.ask.mask is not None

    @override
    def teardown(self) -> None:
        self.company.finish()
        self.finished_runs_made_their_own_picture()


@pytest.fixture(scope="module")
def machine(sd_folder: Path) -> type[Loop]:
    import diffusers
    import torch

    Loop.pipeline = diffusers.DiffusionPipeline.from_pretrained(sd_folder, dtype=torch.float32)
    Loop.pipeline.set_progress_bar_config(disable=True)
    Loop.company = Company(Path(tempfile.gettempdir()), sd_folder)
    return Loop


def check(machine: type[Loop], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=[Phase.generate],  # shrinking costs minutes, and a failure names its request anyway
            report_multiple_bugs=False,
        ),
    )


def test_joins_cancels_kills_and_resumes_leave_every_picture_as_it_should_be(machine: type[Loop]) -> None:
    machine.repainted = 0
    check(machine, examples=8, steps=20)
    assert machine.repainted > 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_same_for_much_longer(machine: type[Loop]) -> None:
    check(machine, examples=60, steps=40)
