"""Step caches: for runs alone, in memory of their own, and never silently wrong for a neighbour."""

from pathlib import Path
from typing import Any

import pytest

from generators.diffusion.engine import turn_of
from generators.diffusion.step_cache import cacheable
from tests.generators.diffusion import tiny, tiny_flow
from tests.generators.diffusion.company import Company, distance

ALWAYS = 1e9  # a threshold that nothing exceeds: every step after the first skips the blocks
NEVER = 1e-12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cached") / "flux"
    tiny_flow.flux().save_pretrained(made)
    return made


def counting(company: Company, folder: Path) -> list[int]:
    """Counts the calls of the block after the first."""
    calls: list[int] = []
    run = company.join(tiny.ask(folder.name, guidance=2.0, steps=1))
    assert run.resident is not None
    block = run.resident.pipeline.transformer.single_transformer_blocks[0]
    block.norm.register_forward_hook(lambda *_: calls.append(1))
    company.finish()
    company.runs.clear()
    calls.clear()
    return calls


def test_blocks_are_skipped_while_little_changes_and_the_run_is_alone_and_says_so(
    tmp_path: Path, folder: Path
) -> None:
    company = Company(tmp_path, folder, step_cache=ALWAYS)
    calls = counting(company, folder)
    (run,) = company.join_all(tiny.ask("flux", guidance=2.0, steps=6))
    assert run.state is not None
    assert run.alone
    assert run.number in turn_of(run).share  # type: ignore[operator]  # a tuple
    assert len(calls) == 1
    assert run.state.notes["stepCache"] == ALWAYS


def test_a_threshold_that_is_always_exceeded_changes_nothing(tmp_path: Path, folder: Path) -> None:
    request = tiny.ask("flux", guidance=2.0)
    (plain,) = Company(tmp_path, folder).join_all(request)
    company = Company(tmp_path, folder, step_cache=NEVER)
    calls = counting(company, folder)
    (run,) = company.join_all(request)
    assert plain.state is not None
    assert distance(run, plain.state.latents[0]) == 0.0
    assert len(calls) == 6


def test_cached_runs_in_turn_do_not_touch_each_other_nor_an_exact_neighbour(
    tmp_path: Path, folder: Path
) -> None:
    asks = [tiny.ask("flux", seed=seed, guidance=2.0, steps=5 + seed) for seed in range(3)]
    exact = tiny.ask("flux", seed=9, guidance=2.0, exact=True)
    alone: list[Any] = []
    for request in asks:
        (run,) = Company(tmp_path, folder, step_cache=ALWAYS).join_all(request)
        assert run.state is not None
        alone.append(run.state.latents[0])
    (plain,) = Company(tmp_path, folder).join_all(exact)
    assert plain.state is not None
    *runs, neighbour = Company(tmp_path, folder, step_cache=ALWAYS).staggered(*asks, exact)
    for run, expected in zip(runs, alone, strict=True):
        assert distance(run, expected) == 0.0
    assert not neighbour.state.cache  # type: ignore[union-attr]  # it has one
    assert distance(neighbour, plain.state.latents[0]) == 0.0


def test_a_forward_that_failed_half_way_is_computed_anew(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generators.diffusion.families.flux import Flux

    request = tiny.ask("flux", guidance=2.0, steps=4)
    company = Company(tmp_path, folder, step_cache=ALWAYS)
    calls = counting(company, folder)
    whole, failed = Flux.denoise, list[int]()

    def denoise(self: Any, pipeline: Any, states: Any) -> Any:
        made = whole(self, pipeline, states)
        if states[0].index == 2 and not failed:
            failed.append(1)
            raise MemoryError
        return made

    monkeypatch.setattr(Flux, "denoise", denoise)
    company.join_all(request)
    assert failed == [1]
    assert len(calls) == 2  # the first step, and the one after the fault


def test_unets_have_no_blocks_to_skip(tmp_path: Path, sd_folder: Path) -> None:
    request = tiny.ask("tiny-sd")
    (run,) = Company(tmp_path, sd_folder, step_cache=ALWAYS).join_all(request)
    assert run.state is not None
    assert not cacheable(run.resident.pipeline.unet)  # type: ignore[union-attr]  # it is not released here
    assert (run.alone, run.state.cache) == (False, None)
    assert "stepCache" not in run.state.notes
