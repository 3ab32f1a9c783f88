"""A killed run goes on from its saved state and, under EXACT, gives the bytes of an unbroken one."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.diffusion.engine import Engine
from generators.events import LatentsSaved, Phase
from tests.generators.diffusion import tiny
from tests.generators.diffusion.company import Company, gradient

Build = Callable[..., Engine]
SCHEDULERS = (
    "DDIMScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
    "PNDMScheduler",
    "HeunDiscreteScheduler",
    "LMSDiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
)


@pytest.fixture
def saving(build: Build, sd_folder: Path) -> Engine:
    """An engine that saves at every second step."""
    return build(sd_folder, save_every_steps=2)


@pytest.mark.parametrize(
    "scheduler", [*SCHEDULERS[:5], *(pytest.param(name, marks=pytest.mark.long) for name in SCHEDULERS[5:])]
)
def test_resuming_at_any_save_gives_the_bytes_of_an_unbroken_run(saving: Engine, scheduler: str) -> None:
    request = tiny.ask("tiny-sd", exact=True, steps=7, scheduler=scheduler)
    unbroken = tiny.send(saving, request)
    made = unbroken.made()
    assert [save.step for save in unbroken.saved] == list(range(2, made.facts.steps, 2))
    for save in unbroken.saved:
        again = tiny.send(saving, dataclasses.replace(request, latents=save.data))
        resumed = again.made()
        assert resumed.data == made.data
        assert resumed.facts.parameters == made.facts.parameters
        denoised = [event.step for event in again.live.steps if event.phase is Phase.DENOISING]
        assert denoised == list(range(save.step + 1, made.facts.steps + 1))


def test_an_image_to_image_run_resumes_to_equal_bytes(saving: Engine) -> None:
    request = tiny.ask("tiny-sd", exact=True, steps=10, init_image=gradient(), strength=0.6)
    unbroken = tiny.send(saving, request)
    made = unbroken.made()
    save = unbroken.saved[0]
    assert (save.step, save.steps) == (2, 6)
    assert tiny.send(saving, dataclasses.replace(request, latents=save.data)).made().data == made.data


def test_a_state_saved_in_company_resumes_close_to_exact(saving: Engine) -> None:
    crowd = [tiny.send(saving, tiny.ask("tiny-sd", seed=seed, steps=8)) for seed in range(2)]
    for sent in crowd:
        sent.made()
    save = crowd[1].saved[-1]
    exact = tiny.ask("tiny-sd", seed=1, steps=8, exact=True)
    unbroken = tiny.send(saving, exact).made()
    resumed = tiny.send(saving, dataclasses.replace(exact, latents=save.data)).made()
    assert max(abs(a - b) for a, b in zip(_levels(unbroken.data), _levels(resumed.data), strict=True)) <= 1


def _levels(data: bytes) -> bytes:
    import io

    from PIL import Image

    return Image.open(io.BytesIO(data)).tobytes()


@pytest.mark.parametrize(
    "change", [{"prompt": "the red hair"}, {"seed": 8}, {"steps": 9}, {"guidance": 1.0}, {"width": 72}]
)
def test_a_state_of_another_request_is_not_taken_up(saving: Engine, change: dict[str, object]) -> None:
    request = tiny.ask("tiny-sd", exact=True)
    first = tiny.send(saving, request)
    first.made()
    other = dataclasses.replace(request, **change)  # type: ignore[arg-type]  # values of mixed types
    fresh = tiny.send(saving, other)
    misled = tiny.send(saving, dataclasses.replace(other, latents=first.saved[0].data))
    assert misled.made().data == fresh.made().data
    assert next(event.step for event in misled.live.steps if event.phase is Phase.DENOISING) == 1


@pytest.mark.parametrize("damage", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00not json", b"\xff" * 40])
def test_a_damaged_state_is_ignored(saving: Engine, damage: bytes) -> None:
    request = tiny.ask("tiny-sd", exact=True)
    assert (
        tiny.send(saving, dataclasses.replace(request, latents=damage)).made().data
        == tiny.send(saving, request).made().data
    )


def test_a_truncated_state_is_ignored(saving: Engine) -> None:
    request = tiny.ask("tiny-sd", exact=True)
    first = tiny.send(saving, request)
    made = first.made()
    half = first.saved[0].data[:-10]
    assert tiny.send(saving, dataclasses.replace(request, latents=half)).made().data == made.data


def test_saves_hold_no_pickle_and_stay_small(saving: Engine) -> None:
    sent = tiny.send(saving, tiny.ask("tiny-sd", scheduler="UniPCMultistepScheduler", steps=12))
    sent.made()
    latents = 4 * 8 * 8 * 4
    for save in sent.saved:
        assert save.data[8:9] == b"{"  # a safetensors header
        assert len(save.data) < 10 * latents + 10_000


def test_saves_keep_their_distance_in_time(build: Build, sd_folder: Path) -> None:
    engine = build(sd_folder, save_every_steps=1, save_every_seconds=3600.0)
    sent = tiny.send(engine, tiny.ask("tiny-sd", steps=8))
    sent.made()
    assert sent.saved == []


def test_a_scheduler_that_holds_an_object_is_not_saved_and_goes_on(tmp_path: Path, sd_folder: Path) -> None:
    company = Company(tmp_path, sd_folder, save_every_steps=1)
    run = company.join(tiny.ask("tiny-sd"))
    assert run.state is not None
    run.state.scheduler.noise_sampler = object()  # as the SDE schedulers hold their tree of noise
    company.tick()
    assert company.work.save_due(run)
    assert company.work.save(run) is None
    assert not company.work.save_due(run)
    company.finish()


def test_a_snapshot_is_independent_of_the_steps_that_follow(tmp_path: Path, sd_folder: Path) -> None:
    from generators.diffusion import saving as states

    company = Company(tmp_path, sd_folder)
    run = company.join(tiny.ask("tiny-sd", scheduler="UniPCMultistepScheduler", exact=True))
    company.tick()
    company.tick()
    assert run.state is not None
    snapshot = states.capture(run.state)
    at_once = states.pack(snapshot, "x")
    company.finish()
    assert states.pack(snapshot, "x") == at_once


def test_every_save_says_of_how_many_steps(saving: Engine) -> None:
    sent = tiny.send(saving, tiny.ask("tiny-sd", steps=6))
    sent.made()
    assert [(save.step, save.steps) for save in sent.saved] == [(2, 6), (4, 6)]
    assert all(isinstance(save, LatentsSaved) for save in sent.saved)
