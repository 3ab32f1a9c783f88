"""How late the event loop is, quiet and while the engine denoises in its thread.

A ticker asks to be woken every millisecond; lateness is what it waits beyond that. The time during which the
kernel kept the thread off the processor (/proc/thread-self/schedstat, Linux) is taken off, so a busy machine does
not count against us. Ratios busy : quiet from one run; milliseconds beside them for orientation.

    python -m bench.event_loop [--seconds 8] [--requests 4]
"""

import argparse
import asyncio
import dataclasses
import pathlib
import statistics
import tempfile
import time

from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.settings import DiffusionSettings
from generators.events import ImageMade, Report
from generators.generator import Known
from generators.spec import FileRef, ImageSpec

TICK = 0.001
WARMUP_SECONDS = 120.0
SCHEDSTAT = pathlib.Path("/proc/thread-self/schedstat")


@dataclasses.dataclass(frozen=True)
class Lateness:
    """Milliseconds."""

    p50: float
    p99: float
    p999: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Lateness":
        """The percentiles of many waits."""
        cuts = statistics.quantiles((value * 1000 for value in seconds), n=1000)
        return cls(cuts[499], cuts[989], cuts[998])


class Unwatched:
    """A `Live` that nobody reads."""

    def report(self, event: Report) -> None:
        """Drop it."""

    def preview_wanted(self) -> bool:
        """Never."""
        return False

    def sharp_wanted(self) -> bool:
        """Never."""
        return False


async def tick(seconds: float) -> Lateness:
    """Measure for that long."""
    late: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        waited, began = _off_processor(), time.perf_counter()
        await asyncio.sleep(TICK)
        late.append(max(0.0, time.perf_counter() - began - TICK - (_off_processor() - waited)))
    return Lateness.of(late)


async def denoise(generator: DiffusionGenerator, steps: int, seed: int) -> None:
    """One picture of the starter checkpoint."""
    spec = ImageSpec(
        variant_id=str(seed), model="starter", prompt="a face", width=128, height=128, steps=steps, seed=seed
    )
    async for event in generator.run(spec, Known(), Unwatched()):
        assert isinstance(event, ImageMade), event


async def main(seconds: float, requests: int) -> None:
    """Quiet, busy, quiet again; prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        settings = DiffusionSettings(data_dir=pathlib.Path(folder), builtin_checkpoints=False, threads=1)
        generator = DiffusionGenerator(settings, _no_file)
        await generator.start()
        async with asyncio.timeout(WARMUP_SECONDS):
            await denoise(generator, steps=2, seed=0)
        quiet = await tick(seconds)
        work = [asyncio.create_task(denoise(generator, 1000, seed)) for seed in range(1, requests + 1)]
        await asyncio.sleep(0.2)
        busy = await tick(seconds)
        finished = sum(task.done() for task in work)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        again = await tick(seconds / 2)
        await generator.close()
    print(f"{requests} requests of 1000 steps, {finished} finished while measured; milliseconds late")
    print("| | p50 | p99 | p99.9 |\n| --- | --- | --- | --- |")
    for name, found in (("quiet", quiet), ("denoising", busy), ("quiet again", again)):
        print(f"| {name} | {found.p50:.2f} | {found.p99:.2f} | {found.p999:.2f} |")
    print(f"denoising : quiet at p99 = {busy.p99 / max(quiet.p99, 1e-6):.1f}")


def _off_processor() -> float:
    try:
        return int(SCHEDSTAT.read_text().split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


async def _no_file(file: FileRef) -> bytes:
    raise FileNotFoundError(file.sha256)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--requests", type=int, default=4)
    given = parser.parse_args()
    asyncio.run(main(given.seconds, given.requests))
