"""A training run in a folder: resumable state, averaged weights, log with time left.

Knows steps and files; what a step does is passed in. A run that was stopped and
resumed takes the same steps as an unbroken one, since every random number a step
uses is derived from the seed and the step's number.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.starter.optimizers import rate_at

StepLosses = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a run lasts and where it lives.

    `decay` is the number of steps over which the rate falls at the end; the state before
    it is kept as stable.pt, from which a later, longer run continues.
    """

    folder: Path
    steps: int
    rate: float
    seed: int = 0
    warmup: int = 100
    decay: int = 0
    save_every: int = 500
    log_every: int = 50
    average: float = 0.998
    clip: float = 1.0


def draws(seed: int, step: int) -> tuple[random.Random, torch.Generator]:
    """The random numbers of one step: the same for the same seed and step."""
    mixed = (seed * 1_000_003 + step) & 0x7FFF_FFFF_FFFF
    return random.Random(mixed), torch.Generator().manual_seed(mixed)


def averaged(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights, to be moved towards the model's by `Run`."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


class Run:
    """One model being trained by a plan."""

    def __init__(self, plan: Plan, model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
        self.plan = plan
        self.model = model
        self.optimizers = optimizers
        self.average = averaged(model)
        self.step = 0
        self.cpu_seconds = 0.0
        self._stopping = False
        plan.folder.mkdir(parents=True, exist_ok=True)
        self._base_rates = [[g["lr"] for g in o.param_groups] for o in optimizers]

    def resume(self, name: str = "state.pt") -> bool:
        """Take up a saved state; False when there is none."""
        path = self.plan.folder / name
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.average = state["average"]
        self.step = state["step"]
        self.cpu_seconds = state["cpu_seconds"]
        return True

    def begin_from(self, path: Path) -> None:
        """Take the weights, and their average, of another run; the steps start anew."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]

    def save(self, name: str = "state.pt") -> None:
        """Write the whole state; a crash while writing leaves the old file."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "average": self.average,
            "step": self.step,
            "cpu_seconds": self.cpu_seconds,
        }
        path = self.plan.folder / name
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def train(
        self,
        losses_of: Callable[[int], StepLosses],
        *,
        every: Callable[[Run], Mapping[str, float]] | None = None,
    ) -> None:
        """Run to the plan's end, or until SIGTERM; `every` adds figures at each save.

        `losses_of(step)` returns named losses; "loss" is the one minimised.
        """
        before = signal.signal(signal.SIGTERM, lambda _number, _frame: self.stop())
        try:
            self._train(losses_of, every)
        finally:
            signal.signal(signal.SIGTERM, before)

    def stop(self) -> None:
        """End after the step that is under way, with its state saved."""
        self._stopping = True

    def _train(
        self,
        losses_of: Callable[[int], StepLosses],
        every: Callable[[Run], Mapping[str, float]] | None,
    ) -> None:
        plan, seen, since, counted = self.plan, dict[str, list[float]](), time.time(), 0
        while self.step < plan.steps and not self._stopping:
            if plan.decay and self.step == plan.steps - plan.decay:
                self.save("stable.pt")
            used = time.process_time()
            for name, value in self._step(losses_of).items():
                seen.setdefault(name, []).append(value)
            self.cpu_seconds += time.process_time() - used
            self.step += 1
            counted += 1
            if self.step % plan.log_every == 0:
                means = {name: sum(values) / len(values) for name, values in seen.items()}
                self._log(means, (time.time() - since) / counted)
                seen, since, counted = {}, time.time(), 0
            if self.step % plan.save_every == 0:
                self.save()
                if every is not None:
                    self._log(every(self), 0.0)
        self.save()

    def _step(self, losses_of: Callable[[int], StepLosses]) -> dict[str, float]:
        plan = self.plan
        share = rate_at(self.step, steps=plan.steps, warmup=plan.warmup, decay=plan.decay)
        for optimizer, rates in zip(self.optimizers, self._base_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share
            optimizer.zero_grad(set_to_none=True)
        losses = losses_of(self.step)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self._move_average()
        return {name: value.item() for name, value in losses.items()}

    def _move_average(self) -> None:
        """Follow the weights slowly, faster at both ends: early ones are poor, the last ones are best."""
        plan, share = self.plan, min(self.plan.average, (1 + self.step) / (10 + self.step))
        left = plan.steps - self.step
        if left < plan.decay:
            share = min(share, 1 - 1 / max(8, left / 3))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - share)

    def _log(self, figures: Mapping[str, float], seconds: float) -> None:
        """Write a line; `seconds` per step give the time left, 0 leaves it out."""
        line: dict[str, Any] = {"step": self.step, "of": self.plan.steps}
        line |= {name: round(value, 5) for name, value in figures.items()}
        line["cpu_s"] = round(self.cpu_seconds)
        if seconds:
            line |= {
                "wall_per_step": round(seconds, 4),
                "left_s": round((self.plan.steps - self.step) * seconds),
            }
        with (self.plan.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")


def be_modest(threads: int, niceness: int = 10) -> None:
    """Leave the machine to others: a low priority, a fixed number of threads."""
    torch.set_num_threads(threads)
    if os.getpriority(os.PRIO_PROCESS, 0) < niceness:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
