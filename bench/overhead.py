"""What the whole server costs over the bare engine: mutation to DRAFT, with watchers that take every preview.

A real server process (embedded PostgreSQL, event loop, decoder) and, in this process, the same engine without it
make the same picture in turn, and each of the server's is compared with the mean of the bare ones before and after
it, so that a machine that grows slower or faster favours neither.
Two figures a round: seconds as a person waits for them (from sending the mutation until the last watcher has the
DRAFT, against from asking the engine until it gives PNG bytes), and seconds of processor time (the server with all
its children against this process). The second cares less what else the machine does, and so does the fastest picture
of each: whatever else runs only ever makes one slower.
What the server does for a picture hardly depends on how long a step takes: `--sides` makes steps longer.
Other programs disturb single rounds by several per cent, so ask for many: with the median of what is more goes the
interval that holds 95 % of the medians of 2,000 resamples of the rounds (percentile bootstrap, Efron 1979).
"around" = seconds before the engine takes the request and after it has given bytes. "beside" = processor seconds of
everything but the thread that denoises: the event loop, decoding and packing, PostgreSQL.

    python -m bench.overhead [--rounds 40] [--watchers 10] [--steps 30] [--model mid] [--sides 128,256] [--engine process]
"""

import argparse
import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
import pathlib
import random
import statistics
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psutil
import structlog

from bench.models import MODELS, saved
from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.settings import DiffusionSettings
from generators.events import ImageMade, LatentsSaved, Report
from generators.generator import Known
from generators.spec import FileRef, ImageSpec
from tests.running import RunningServer
from tests.transport import sockets

GENERATE = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) { job { id } userErrors { message } }
}"""
WATCH = """
subscription ($job: ID!) {
  jobProgress(jobId: $job) {
    sequence status phase fraction variants { step steps preview { dataUri } variant { status generationTimeMs } }
  }
}"""
PROMPT = "a woman with red hair"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spent:
    """One picture: seconds waited, of processor time, in the engine itself, of processor time beside denoising."""

    wall: float
    processor: float
    engine: float = 0.0
    beside: float = 0.0


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for in each round."""

    side: int
    steps: int
    seed: int


async def bare(generator: DiffusionGenerator, wish: Wish) -> Spent:
    """The engine alone."""
    spec = ImageSpec(
        variant_id="bare",
        model="model",
        prompt=PROMPT,
        width=wish.side,
        height=wish.side,
        steps=wish.steps,
        seed=wish.seed,
        guidance=5.0,
    )
    began, used = time.perf_counter(), time.process_time()
    async for event in generator.run(spec, Known(), Unwatched()):
        assert isinstance(event, ImageMade | LatentsSaved), event
    return Spent(wall=time.perf_counter() - began, processor=time.process_time() - used)


class Served:
    """The server with its watchers."""

    def __init__(self, server: RunningServer, watchers: list[sockets.Socket]) -> None:
        self._server = server
        self._watchers = watchers
        self._count = 0

    async def picture(self, wish: Wish) -> Spent:
        """One picture from the mutation to the last watcher's DRAFT."""
        used, threads = self._used(), self._threads()
        began = time.perf_counter()  # counting takes milliseconds of its own
        asked = {
            "prompt": PROMPT,
            "count": 1,
            "width": wish.side,
            "height": wish.side,
            "steps": wish.steps,
            "seed": str(wish.seed),
            "guidance": 5.0,
            "models": ["model"],
        }
        answer = await asyncio.to_thread(self._post, GENERATE, {"input": asked})
        job = answer["data"]["generateImages"]["job"]["id"]
        self._count += 1
        engine = await asyncio.gather(*(self._watch(one, job) for one in self._watchers))
        wall = time.perf_counter() - began
        processor = self._used() - used
        denoising = max(after - threads.get(name, 0.0) for name, after in self._threads().items())
        return Spent(wall=wall, processor=processor, engine=max(engine), beside=processor - denoising)

    async def _watch(self, socket: sockets.Socket, job: str) -> float:
        await socket.subscribe(WATCH, str(self._count), variables={"job": job})
        engine = 0.0
        while True:
            message = json.loads(await socket.connection.recv())
            if message["type"] == "complete":
                return engine
            assert message["type"] == "next", message
            (told,) = message["payload"]["data"]["jobProgress"]["variants"]
            if told["variant"]["status"] == "DRAFT":
                engine = told["variant"]["generationTimeMs"] / 1000

    def _post(self, query: str, variables: dict[str, Any]) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self._server.url}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def _threads(self) -> dict[int, float]:
        """Processor seconds of each thread of the server and its children; the one that denoises is the busiest."""
        found: dict[int, float] = {}
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                found |= {one.id: one.user_time + one.system_time for one in process.threads()}
        return found

    def _used(self) -> float:
        """Processor seconds of the server and everything that it started."""
        total = 0.0
        for one in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                total += times.user + times.system
        return total

    def _processes(self) -> list[psutil.Process]:
        process = psutil.Process(self._server.pid)
        return [process, *process.children(recursive=True)]


@contextlib.contextmanager
def model(name: str) -> Iterator[tuple[pathlib.Path, int]]:
    """A folder with a random checkpoint called "model", and its side."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "model"
        saved(name, folder)
        yield folder, MODELS[name][1]


@contextlib.asynccontextmanager
async def served(
    folder: pathlib.Path, scratch: pathlib.Path, watchers: int, engine: str = "thread"
) -> AsyncIterator[Served]:
    """A server over that checkpoint, and open sockets."""
    only = {"LOCAL_CHECKPOINTS": str(folder), "BUILTIN_CHECKPOINTS": "0", "STARTER_CHECKPOINT": "0"}
    server = RunningServer(scratch, {**only, "ENGINE": engine})
    await asyncio.to_thread(server.start)
    try:
        async with contextlib.AsyncExitStack() as stack:
            address = server.url.removeprefix("http://")
            opened = [
                await stack.enter_async_context(sockets.ready(address, max_size=None))
                for _ in range(watchers)
            ]
            yield Served(server, opened)
    finally:
        await asyncio.to_thread(server.end)


async def measure(arguments: argparse.Namespace) -> None:
    """Rounds in turn, a row of the table for each side."""
    with model(arguments.model) as (folder, side), tempfile.TemporaryDirectory() as scratch:
        chosen = DiffusionSettings(
            data_dir=pathlib.Path(scratch) / "bare",
            local_checkpoints=(str(folder),),
            builtin_checkpoints=False,
            starter_checkpoint=False,
            threads=1,
        )
        generator = DiffusionGenerator(chosen, _no_file)
        await generator.start()
        heading(arguments)
        there = pathlib.Path(scratch) / "server"
        async with served(folder, there, arguments.watchers, arguments.engine) as server:
            for chosen_side in arguments.sides or [side]:
                alone, whole = [], []
                for seed in range(arguments.rounds + 1):
                    wish = Wish(side=chosen_side, steps=arguments.steps, seed=seed)
                    alone.append(await bare(generator, wish))
                    whole.append(await server.picture(wish))
                after = Wish(side=chosen_side, steps=arguments.steps, seed=0)
                alone.append(await bare(generator, after))
                row(f"{chosen_side} px", alone[1:], whole[1:], arguments.steps)  # the first pays for loading
        await generator.close()


def heading(arguments: argparse.Namespace) -> None:
    """Say what is measured."""
    words = f"{arguments.model}, {arguments.steps} steps, {arguments.watchers} watchers, {arguments.rounds} rounds"
    words += f", ENGINE={arguments.engine}"
    print(f"{words}; medians, seconds; (95 % of resampled medians; the fastest pictures of both)")
    print("| | a step | bare | server | more | processor, bare | server | more | around | beside |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")


def row(name: str, alone: list[Spent], whole: list[Spent], steps: int) -> None:
    """Medians over the rounds, how sure what is more is, and the fastest picture of each against the other's."""
    cells = [name, f"{statistics.median(one.wall for one in alone) / steps:.3f}"]
    for kind in ("wall", "processor"):
        bares = [getattr(one, kind) for one in alone]
        wholes = [getattr(one, kind) for one in whole]
        more = [
            (served / statistics.mean(around) - 1) * 100
            for served, around in zip(wholes, itertools.pairwise(bares), strict=True)
        ]
        cells += [f"{statistics.median(bares):.2f}", f"{statistics.median(wholes):.2f}"]
        least = (min(wholes) / min(bares) - 1) * 100
        low, high = interval(more)
        cells.append(f"{statistics.median(more):+.1f} % ({low:+.1f}..{high:+.1f}; {least:+.1f})")
    cells.append(f"{statistics.median(one.wall - one.engine for one in whole):.2f}")
    cells.append(f"{statistics.median(one.beside for one in whole):.2f}")
    print("| " + " | ".join(cells) + " |", flush=True)


def interval(values: list[float]) -> tuple[float, float]:
    """Between which values 95 % of the medians of 2,000 resamples lie; the draws are the same in every run."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(2_000))
    return medians[49], medians[1_949]


async def _no_file(file: FileRef) -> bytes:
    raise FileNotFoundError(file.sha256)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--watchers", type=int, default=10)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--model", default="mid", choices=sorted(MODELS))
    parser.add_argument("--engine", default="thread", choices=["thread", "process"])
    parser.add_argument(
        "--sides",
        type=lambda text: [int(side) for side in text.split(",")],
        help="pixels; default: the model's",
    )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
