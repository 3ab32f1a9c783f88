"""Runs: stopping and resuming changes nothing; rates warm up, hold and fall."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from training.starter.optimizers import Muon, optimizers_for, orthogonal, rate_at
from training.starter.runs import Plan, Run, StepLosses, draws


def _run(folder: Path, steps: int) -> tuple[Run, Callable[[int], StepLosses]]:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 6))
    plan = Plan(folder, steps=steps, rate=0.02, warmup=3, decay=4, save_every=5, log_every=2, average=0.9)
    run = Run(plan, model, optimizers_for(model, rate=0.02, decay=0.01, adam_names=("2.",)))

    def losses_of(step: int) -> StepLosses:
        rows = torch.randn(8, 6, generator=draws(3, step)[1])
        return {"loss": (model(rows) - rows).square().mean()}

    return run, losses_of


def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    whole, losses = _run(tmp_path / "whole", 12)
    whole.train(losses)
    first, losses = _run(tmp_path / "broken", 12)

    def stopped_after_seven(step: int) -> StepLosses:
        if step == 7:
            first.stop()
        return losses(step)

    first.train(stopped_after_seven)
    assert first.step == 8
    second, losses = _run(tmp_path / "broken", 12)
    assert second.resume()
    second.train(losses)
    assert second.step == whole.step == 12
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name])
        assert torch.equal(whole.average[name], second.average[name])


def test_the_state_before_the_decay_is_kept_for_a_longer_run(tmp_path: Path) -> None:
    run, losses = _run(tmp_path, 12)
    run.train(losses)
    longer, _ = _run(tmp_path, 40)
    assert longer.resume("stable.pt")
    assert longer.step == 8


def test_a_folder_without_a_state_is_not_resumed(tmp_path: Path) -> None:
    run, _ = _run(tmp_path, 3)
    assert not run.resume()
    assert run.step == 0


def test_the_log_tells_losses_and_the_time_left(tmp_path: Path) -> None:
    run, losses = _run(tmp_path, 12)
    run.train(losses, every=lambda now: {"figure": float(now.step)})
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [2, 4, 6, 8, 10, 12]
    assert [line["figure"] for line in lines if "figure" in line] == [5.0, 10.0]
    assert lines[-1]["left_s"] == 0


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.25), (3, 1.0), (50, 1.0), (90, 1.0), (95, 1 - 0.5**0.5), (100, 0.0)]
)
def test_rates_warm_up_hold_and_fall(step: int, share: float) -> None:
    assert rate_at(step, steps=100, warmup=4, decay=10) == pytest.approx(share)


def test_orthogonal_matrices_have_singular_values_near_one() -> None:
    matrices = torch.randn(3, 24, 60, generator=torch.Generator().manual_seed(2))
    values = torch.linalg.svdvals(orthogonal(matrices))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_muon_moves_tall_and_wide_matrices_against_their_gradients_by_equal_singular_steps() -> None:
    torch.manual_seed(3)
    weights = [nn.Parameter(torch.zeros(shape)) for shape in ((12, 30), (30, 12), (12, 30))]
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    Muon(weights, lr=0.1).step()
    for weight in weights:
        assert weight.grad is not None
        steps = torch.linalg.svdvals(weight.detach()) / (0.1 * 0.2 * 30**0.5)
        assert steps.min() > 0.6
        assert steps.max() < 1.3
        assert (weight * weight.grad).sum() < 0


def test_kernels_go_to_muon_and_vectors_to_adam() -> None:
    model = nn.Conv2d(3, 5, 3)
    adam, muon = optimizers_for(model, rate=0.1, decay=0.0, adam_names=())
    assert isinstance(muon, Muon)
    assert [tuple(p.shape) for p in muon.param_groups[0]["params"]] == [(5, 3, 3, 3)]
    assert [tuple(p.shape) for p in adam.param_groups[0]["params"]] == [(5,)]
