"""The trial before the first request: the curve of rows is known before anybody asks, and nobody waits for it."""

from pathlib import Path
from typing import Any

import pytest

from generators.diffusion.capacity import SAMPLES
from generators.diffusion.families.sd import StableDiffusion
from generators.diffusion.work import Work
from tests.generators.diffusion import tiny
from tests.generators.diffusion.company import Company


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The row counts of all forwards."""
    whole, seen = StableDiffusion.denoise, list[int]()

    def denoise(self: Any, pipeline: Any, states: Any) -> Any:
        seen.append(sum(state.rows for state in states))
        return whole(self, pipeline, states)

    monkeypatch.setattr(StableDiffusion, "denoise", denoise)
    return seen


def warmed(folder: Path, *sources: Path, **more: Any) -> Work:
    work = Company(folder, *sources, warm_up_seconds=600.0, **more).work
    work.warm(lambda: False)
    return work


def test_rising_rows_are_tried_and_the_curve_is_kept(
    tmp_path: Path, sd_folder: Path, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Work, "_clock", lambda _: float(len(rows))
    )  # a forward takes a second, whatever its rows
    work = warmed(tmp_path, sd_folder, max_rows=4)
    assert rows == [1] * SAMPLES + [2] * SAMPLES + [4] * SAMPLES
    assert work.residents.keys() == ["tiny-sd"]
    rows.clear()
    warmed(tmp_path, sd_folder, max_rows=4)
    assert rows == []  # it was read from the disk


def test_a_request_ends_the_trial_after_the_forward_that_runs(
    tmp_path: Path, sd_folder: Path, rows: list[int]
) -> None:
    work = Company(tmp_path, sd_folder, warm_up_seconds=600.0).work
    work.warm(lambda: len(rows) >= 2)
    assert len(rows) == 2


def test_too_little_memory_in_the_trial_limits_the_rows(
    tmp_path: Path, sd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    whole = StableDiffusion.denoise
    shares: list[Any] = []

    def denoise(self: Any, pipeline: Any, states: Any) -> Any:
        shares.append(states[0].share)
        if len(states) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return whole(self, pipeline, states)

    monkeypatch.setattr(StableDiffusion, "denoise", denoise)
    work = warmed(tmp_path, sd_folder)
    assert work.cap(("tiny-sd", shares[0])) == 2


def test_no_trial_is_made_where_none_is_wanted(tmp_path: Path, sd_folder: Path, rows: list[int]) -> None:
    work = Company(tmp_path, sd_folder, device="cpu").work
    work.warm(lambda: False)  # on a CPU, unless it is set
    assert rows == []
    assert work.residents.keys() == ["tiny-sd"]


def test_a_trial_that_fails_gives_compiled_blocks_up_and_the_request_is_served(
    tmp_path: Path, sdxl_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    whole = torch.nn.Module.compile

    def without_compiler(_graph: Any, _inputs: Any) -> Any:
        raise RuntimeError("no C++ compiler")

    def compiling(self: torch.nn.Module, **options: Any) -> None:
        whole(self, backend=without_compiler, **options)

    torch._dynamo.reset()
    monkeypatch.setattr(torch.nn.Module, "compile", compiling)
    company = Company(tmp_path, sdxl_folder, warm_up_seconds=600.0, compile_blocks=True)
    company.work.warm(lambda: False)
    (run,) = company.join_all(tiny.ask("tiny-sdxl"))
    assert run.state is not None
    assert run.state.done
    assert not run.resident.compiled  # type: ignore[union-attr]  # it is not released here
