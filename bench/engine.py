"""The step engine against the stock pipeline, called one after another or with static batches.

Requests arrive staggered, every quarter of what one of them takes alone; "same" = equal steps and guidance,
"mixed" = each its own. Makespan, time to the first step, mean and p99 latency (nearest rank, so the worst of
eight), from arrival to PNG bytes, as ratios to the stock pipeline called one after another, all from one run;
medians over rounds. Random weights.

On a CPU the clock is the time that this one thread had the processor, and waiting for an arrival is skipped, so a
busy machine does not count; decoding and packing then stand in the engine's way, as they do not in the server.
On a GPU (`--device cuda`) it is the wall's, and the device is waited for.

    python -m bench.engine [--models tiny,mid] [--rounds 3] [--requests 8] [--device cpu]

`sdxl` and `dit` are for a GPU: see bench/models.py.
"""

import argparse
import contextlib
import dataclasses
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.models import MODELS, saved
from generators.diffusion.asks import Ask
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.engine import turn_of
from generators.diffusion.runs import Run
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.tuning import denoiser_of
from generators.diffusion.turns import Turns
from generators.diffusion.work import Work
from generators.events import Failed, ImageMade, LatentsSaved, Phase, Report, Stepped

STATIC_BATCH = 4
PROMPTS = ("a woman", "a man with red hair", "portrait of the woman", "a face")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    """One request: when it arrived, took its first step and was a PNG; seconds since the start."""

    arrived: float
    stepped: float
    ended: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """One way of serving: seconds."""

    makespan: float
    first_step: float
    latency: float
    p99: float

    @classmethod
    def of(cls, timings: list[Timing]) -> "Outcome":
        """Over all requests."""
        latencies = [one.ended - one.arrived for one in timings]
        return cls(
            makespan=max(one.ended for one in timings),
            first_step=statistics.mean(one.stepped - one.arrived for one in timings),
            latency=statistics.mean(latencies),
            p99=sorted(latencies)[math.ceil(0.99 * len(latencies)) - 1],
        )


class Clock:
    """Seconds of this thread's processor time, or of the wall; idle time before an arrival is skipped."""

    def __init__(self, device: str) -> None:
        self._wall = device != "cpu"
        self._start = self._read()
        self._skipped = 0.0

    def now(self) -> float:
        """Since the start."""
        return self._read() - self._start + self._skipped

    def skip_to(self, moment: float) -> None:
        """Nothing to do before then."""
        self._skipped += max(0.0, moment - self.now())

    def _read(self) -> float:
        if not self._wall:
            return time.thread_time()
        import torch

        torch.cuda.synchronize()
        return time.perf_counter()


class Marks:
    """A `Live` that notes when the first step was done."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.first: float | None = None

    def report(self, event: Report) -> None:
        """Note the time."""
        if self.first is None and isinstance(event, Stepped) and event.phase is Phase.DENOISING:
            self.first = self._clock.now()

    def preview_wanted(self) -> bool:
        """Nobody watches."""
        return False

    def sharp_wanted(self) -> bool:
        """Nobody watches."""
        return False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked for: request number n arrives at n * gap seconds."""

    requests: list[Ask]
    gap: float

    def arrived(self, number: int) -> float:
        """When that one came."""
        return number * self.gap


def stock_in_turn(pipeline: Any, load: Load, clock: Clock, batch: int) -> list[Timing]:
    """First come, first served; up to `batch` that wait with equal steps and guidance go together."""
    left = list(range(len(load.requests)))
    timings = []
    while left:
        clock.skip_to(load.arrived(left[0]))
        first = load.requests[left[0]]
        group = [
            number
            for number in left
            if load.arrived(number) <= clock.now()
            and (load.requests[number].steps, load.requests[number].guidance) == (first.steps, first.guidance)
        ][:batch]
        left = [number for number in left if number not in group]
        stepped, ended = call(pipeline, [load.requests[number] for number in group], clock)
        timings += [Timing(arrived=load.arrived(number), stepped=stepped, ended=ended) for number in group]
    return timings


def call(pipeline: Any, batch: list[Ask], clock: Clock) -> tuple[float, float]:
    """One call of the stock pipeline to PNG bytes: when the first step was done, and the end."""
    import torch

    from generators.diffusion.pictures import png

    marks: list[float] = []

    def on_step(_pipeline: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if step == 0:
            marks.append(clock.now())
        return tensors

    made = pipeline(
        prompt=[one.prompt for one in batch],
        width=batch[0].width,
        height=batch[0].height,
        num_inference_steps=batch[0].steps,
        guidance_scale=batch[0].guidance,
        generator=[torch.Generator("cpu").manual_seed(one.seed) for one in batch],
        callback_on_step_end=on_step,
    )
    for picture in made.images:
        png(picture)
    return marks[0], clock.now()


def stepwise(work: Work, load: Load, clock: Clock) -> list[Timing]:
    """The engine's own work and turns, on this thread."""
    turns, runs = Turns(), list[Run]()
    ended: dict[int, float] = {}
    waiting = list(range(len(load.requests)))

    def ending(number: int) -> Callable[[LatentsSaved | ImageMade | Failed], None]:
        def post(event: LatentsSaved | ImageMade | Failed) -> None:
            if isinstance(event, Failed):
                raise SystemExit(event.words)
            ended[number] = clock.now()

        return post

    marks = [Marks(clock) for _ in load.requests]
    while waiting or runs:
        if not runs:
            clock.skip_to(load.arrived(waiting[0]))
        while waiting and load.arrived(waiting[0]) <= clock.now():
            number = waiting.pop(0)
            run = Run(ask=load.requests[number], live=marks[number], post=ending(number), number=number)
            work.admit(run)
            runs.append(run)
        runs = tick(work, turns, runs)
    return [
        Timing(arrived=load.arrived(number), stepped=marks[number].first or 0.0, ended=ended[number])
        for number in range(len(load.requests))
    ]


def tick(work: Work, turns: Turns, runs: list[Run]) -> list[Run]:
    """One forward as the engine makes it; those that are not done."""
    chosen = {turn.number for turn in turns.choose([turn_of(run) for run in runs], work.cap)}
    going = [run for run in runs if run.number in chosen]
    for run in runs:
        run.waited = 0 if run in going else run.waited + 1
    if failures := work.forward(going):
        raise SystemExit(str(failures))
    for run in going:
        run.tell(Phase.DENOISING)
        if run.state is not None and run.state.done:
            work.decode(run)()
            work.release(run)
    return [run for run in runs if run.state is not None]


def asks(kind: str, side: int, count: int) -> list[Ask]:
    """The requests: "same" or "mixed" parameters."""
    steps = [20] * count if kind == "same" else [10 + 5 * (number % 5) for number in range(count)]
    guidance = [5.0] * count if kind == "same" else [3.0 + number % 4 for number in range(count)]
    return [
        Ask(
            checkpoint="model",
            prompt=PROMPTS[number % len(PROMPTS)],
            width=side,
            height=side,
            steps=steps[number],
            guidance=guidance[number],
            seed=number,
            owner=f"owner-{number}",
        )
        for number in range(count)
    ]


@contextlib.contextmanager
def served(name: str, device: str) -> Iterator[tuple[Any, Work, int]]:
    """(stock pipeline, the engine's work, side) over one random checkpoint."""
    side = MODELS[name][1]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        denoiser = denoiser_of(saved(name, folder))
        size = sum(weights.numel() for weights in denoiser.parameters()) / 1e6
        chosen = DiffusionSettings(
            data_dir=Path(scratch),
            local_checkpoints=(str(folder),),
            builtin_checkpoints=False,
            starter_checkpoint=False,
            device=device,
            threads=1,
            save_every_steps=0,
        )
        work = Work(chosen, Shelf(chosen))
        print(f"\n{name}: {type(denoiser).__name__} {size:.1f} M, {side} px. {work.device.describe()}")
        for _ in range(3):  # every row count is judged before anything is measured
            stepwise(work, Load(requests=asks("same", side, 4), gap=0.0), Clock(device))
        yield stock(folder, work), work, side


def stock(folder: Path, work: Work) -> Any:
    """The same checkpoint as people call it."""
    import diffusers
    import torch

    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=getattr(torch, work.device.dtype))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(work.device.torch_name)


def compare(name: str, arguments: argparse.Namespace) -> None:
    """One table per kind of requests."""
    device = arguments.device
    with served(name, device) as (pipeline, work, side):
        call(pipeline, asks("same", side, 1), Clock(device))
        for kind in ("same", "mixed"):
            requests = asks(kind, side, arguments.requests)
            clock = Clock(device)
            call(pipeline, requests[:1], clock)
            load = Load(requests=requests, gap=clock.now() / 4)
            rounds = [
                {
                    "stock, one after another": Outcome.of(stock_in_turn(pipeline, load, Clock(device), 1)),
                    "stock, static batches": Outcome.of(
                        stock_in_turn(pipeline, load, Clock(device), STATIC_BATCH)
                    ),
                    "engine": Outcome.of(stepwise(work, load, Clock(device))),
                }
                for _ in range(arguments.rounds)
            ]
            table(kind, rounds)


def table(kind: str, rounds: list[dict[str, Outcome]]) -> None:
    """Ratios to the first way, medians over rounds."""
    base = next(iter(rounds[0]))
    print(f"  {kind:6}{'':26}{'makespan':>10}{'first step':>12}{'latency':>10}{'p99':>10}")
    for way in rounds[0]:
        ratios = [
            statistics.median(getattr(one[way], field) / getattr(one[base], field) for one in rounds)
            for field in ("makespan", "first_step", "latency", "p99")
        ]
        print(
            f"    {way:28}"
            + "".join(f"{ratio:>{width}.2f}" for ratio, width in zip(ratios, (10, 12, 10, 10), strict=True))
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="tiny,mid")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments = parser.parse_args()
    for name in arguments.models.split(","):
        compare(name, arguments)


if __name__ == "__main__":
    main()
