"""The step engine against the stock pipeline, called one after another or with static batches.

Requests arrive staggered, every quarter of what one of them takes alone; "same" = equal steps and guidance,
"mixed" = each its own. Makespan, time to the first step, mean and worst latency, as ratios to the stock
pipeline called one after another, all from one run on one machine; medians over rounds. Random weights.

    python -m bench.engine [--models tiny,mid] [--rounds 3] [--requests 8] [--device auto] [--threads 1]

`sdxl` is a model of SDXL's size, for a GPU.
"""

import argparse
import contextlib
import dataclasses
import queue
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from generators.diffusion.asks import Ask
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.engine import Engine
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.starter import clip_tokenizer, random_pipeline, text_config
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
    worst: float

    @classmethod
    def of(cls, timings: list[Timing]) -> "Outcome":
        """Over all requests."""
        latencies = [one.ended - one.arrived for one in timings]
        return cls(
            makespan=max(one.ended for one in timings),
            first_step=statistics.mean(one.stepped - one.arrived for one in timings),
            latency=statistics.mean(latencies),
            worst=max(latencies),
        )


class Marks:
    """A `Live` that notes when the first step was done."""

    def __init__(self) -> None:
        self.first: float | None = None

    def report(self, event: Report) -> None:
        """Note the time."""
        if self.first is None and isinstance(event, Stepped) and event.phase is Phase.DENOISING:
            self.first = time.perf_counter()

    def preview_wanted(self) -> bool:
        """Nobody watches."""
        return False


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


def in_order(
    requests: list[Ask], gap: float, serve: Callable[["queue.Queue[tuple[int, float]]", float], list[Timing]]
) -> Outcome:
    """Put each request into the queue when it arrives, while `serve` works it off."""
    arrivals: queue.Queue[tuple[int, float]] = queue.Queue()
    start = time.perf_counter()

    def arrive() -> None:
        for number in range(len(requests)):
            time.sleep(max(0.0, start + number * gap - time.perf_counter()))
            arrivals.put((number, time.perf_counter() - start))

    thread = threading.Thread(target=arrive)
    thread.start()
    outcome = Outcome.of(serve(arrivals, start))
    thread.join()
    return outcome


def one_after_another(pipeline: Any, requests: list[Ask]) -> Callable[[Any, float], list[Timing]]:
    """The stock pipeline, first come, first served."""

    def serve(arrivals: "queue.Queue[tuple[int, float]]", start: float) -> list[Timing]:
        timings = []
        for _ in requests:
            number, arrived = arrivals.get()
            stepped, ended = call(pipeline, [requests[number]])
            timings.append(Timing(arrived=arrived, stepped=stepped - start, ended=ended - start))
        return timings

    return serve


def static_batches(pipeline: Any, requests: list[Ask]) -> Callable[[Any, float], list[Timing]]:
    """The stock pipeline on whatever waits with equal steps and guidance."""

    def serve(arrivals: "queue.Queue[tuple[int, float]]", start: float) -> list[Timing]:
        timings: list[Timing] = []
        waiting: list[tuple[int, float]] = []
        while len(timings) < len(requests):
            waiting += [arrivals.get()] if not waiting else []
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting.append(arrivals.get_nowait())
            first = requests[waiting[0][0]]
            batch = [
                item
                for item in waiting
                if (requests[item[0]].steps, requests[item[0]].guidance) == (first.steps, first.guidance)
            ][:STATIC_BATCH]
            waiting = [item for item in waiting if item not in batch]
            stepped, ended = call(pipeline, [requests[number] for number, _ in batch])
            timings += [
                Timing(arrived=arrived, stepped=stepped - start, ended=ended - start) for _, arrived in batch
            ]
        return timings

    return serve


def call(pipeline: Any, batch: list[Ask]) -> tuple[float, float]:
    """One call of the stock pipeline to PNG bytes: when the first step was done, and the end."""
    import torch

    from generators.diffusion.pictures import png

    marks: list[float] = []

    def on_step(_pipeline: Any, _step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        marks.append(time.perf_counter())
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
    return marks[0], time.perf_counter()


def stepwise(engine: Engine, requests: list[Ask]) -> Callable[[Any, float], list[Timing]]:
    """The engine."""

    def serve(arrivals: "queue.Queue[tuple[int, float]]", start: float) -> list[Timing]:
        ends: queue.Queue[tuple[int, float]] = queue.Queue()
        marks = [Marks() for _ in requests]
        arrived = [0.0] * len(requests)

        def ending(number: int) -> Callable[[LatentsSaved | ImageMade | Failed], None]:
            def post(event: LatentsSaved | ImageMade | Failed) -> None:
                if isinstance(event, Failed):
                    raise SystemExit(event.words)
                if isinstance(event, ImageMade):
                    ends.put((number, time.perf_counter()))

            return post

        for _ in requests:
            number, arrived_at = arrivals.get()
            arrived[number] = arrived_at
            engine.submit(requests[number], marks[number], ending(number))
        ended = dict(ends.get() for _ in requests)
        return [
            Timing(
                arrived=arrived[number],
                stepped=(marks[number].first or 0.0) - start,
                ended=ended[number] - start,
            )
            for number in range(len(requests))
        ]

    return serve


def xl(channels: tuple[int, ...], depth: tuple[int, ...], side: int) -> Any:
    """An SDXL pipeline with random weights and a UNet of that width and depth."""
    import torch
    from diffusers import (
        AutoencoderTiny,
        EulerDiscreteScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    tokenizer = clip_tokenizer(("woman", "hair"))
    config = CLIPTextConfig(**text_config(len(tokenizer)))
    plain = ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (len(channels) - 1)
    return StableDiffusionXLPipeline(
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        text_encoder=CLIPTextModel(config),
        text_encoder_2=CLIPTextModelWithProjection(config),
        unet=UNet2DConditionModel(
            sample_size=side // 8,
            block_out_channels=channels,
            down_block_types=plain,
            up_block_types=tuple(name.replace("Down", "Up") for name in reversed(plain)),
            layers_per_block=2,
            cross_attention_dim=128,
            attention_head_dim=tuple(width // 64 for width in channels),
            transformer_layers_per_block=depth,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=6 * 256 + 64,
        ),
        vae=AutoencoderTiny(),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
    )


MODELS: dict[str, tuple[Callable[[], Any], int]] = {
    "tiny": (random_pipeline, 128),
    "mid": (lambda: xl((64, 128, 192), (1, 1, 2), 128), 128),
    "sdxl": (lambda: xl((320, 640, 1280), (1, 2, 10), 1024), 1024),
}


@contextlib.contextmanager
def served(name: str, arguments: argparse.Namespace) -> Iterator[tuple[Any, Engine, int]]:
    """(stock pipeline, engine, side) over one random checkpoint."""
    import diffusers

    build, side = MODELS[name]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        built = build()
        size = sum(weights.numel() for weights in built.unet.parameters()) / 1e6
        built.save_pretrained(folder)
        chosen = DiffusionSettings(
            data_dir=Path(scratch),
            local_checkpoints=(str(folder),),
            builtin_checkpoints=False,
            starter_checkpoint=False,
            device=arguments.device,
            threads=arguments.threads,
            save_every_steps=0,
        )
        engine = Engine(chosen, Shelf(chosen))
        engine.start()
        warm(engine, asks("same", side, 4))
        described = engine.state().device or ""
        print(f"\n{name}: UNet {size:.1f} M, {side} px. {described}")
        import torch

        torch.set_num_threads(arguments.threads)  # of this thread; the engine's have theirs from the settings
        pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
        if not described.startswith("CPU"):
            pipeline.to("cuda", torch.bfloat16)
        pipeline.set_progress_bar_config(disable=True)
        yield pipeline, engine, side
        engine.close()


def warm(engine: Engine, requests: list[Ask]) -> None:
    """Let every shape be computed once, so that no first time is measured."""
    done: queue.Queue[Any] = queue.Queue()
    for request in requests * 3:
        engine.submit(request, Marks(), done.put)
    for _ in requests * 3:
        if isinstance(event := done.get(), Failed):
            raise SystemExit(event.words)


def compare(name: str, arguments: argparse.Namespace) -> None:
    """One table per kind of requests."""
    with served(name, arguments) as (pipeline, engine, side):
        call(pipeline, asks("same", side, 1))
        for kind in ("same", "mixed"):
            requests = asks(kind, side, arguments.requests)
            begun = time.perf_counter()
            call(pipeline, requests[:1])
            gap = (time.perf_counter() - begun) / 4
            ways = {
                "stock, one after another": one_after_another(pipeline, requests),
                "stock, static batches": static_batches(pipeline, requests),
                "engine": stepwise(engine, requests),
            }
            rounds = [
                {way: in_order(requests, gap, serve) for way, serve in ways.items()}
                for _ in range(arguments.rounds)
            ]
            table(kind, rounds)


def table(kind: str, rounds: list[dict[str, Outcome]]) -> None:
    """Ratios to the first way, medians over rounds."""
    base = next(iter(rounds[0]))
    print(f"  {kind:6}{'':26}{'makespan':>10}{'first step':>12}{'latency':>10}{'worst':>10}")
    for way in rounds[0]:
        ratios = [
            statistics.median(getattr(one[way], field) / getattr(one[base], field) for one in rounds)
            for field in ("makespan", "first_step", "latency", "worst")
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
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU; more of them disturb each other")
    arguments = parser.parse_args()
    for name in arguments.models.split(","):
        compare(name, arguments)


if __name__ == "__main__":
    main()
