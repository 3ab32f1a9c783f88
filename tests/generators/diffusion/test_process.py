"""The engine in a process of its own: the same pictures, and a crash that the server survives."""

import asyncio
import dataclasses
import io
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from generators.diffusion import remote_child, serving
from generators.diffusion.asks import Ask
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.devices import several_gpus
from generators.diffusion.engine import Engine, EngineState
from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.remote import ProcessEngine
from generators.diffusion.runs import Post, Run
from generators.diffusion.serving import Fleet, engines
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.wire import Sender
from generators.events import Failed, FailureKind, LatentsSaved, Phase, Stepped
from generators.spec import FileRef
from tests.generators.diffusion import tiny


@pytest.fixture(scope="module")
def remote(sd_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessEngine]:
    chosen = tiny.settings(tmp_path_factory.mktemp("process"), sd_folder, save_every_steps=2)
    engine = ProcessEngine(chosen, Shelf(chosen))
    engine.start()
    yield engine
    engine.close()


def send(engine: ProcessEngine, request: Ask, live: tiny.Watcher | None = None) -> tiny.Sent:
    box: queue.Queue[object] = queue.Queue()
    watcher = live or tiny.Watcher()
    return tiny.Sent(run=engine.submit(request, watcher, box.put), live=watcher, box=box)  # type: ignore[arg-type]


def test_a_process_makes_the_bytes_that_a_thread_makes(remote: ProcessEngine, engine: Engine) -> None:
    request = tiny.ask("tiny-sd", exact=True)
    watched = send(remote, request, tiny.Watcher(wanted=True))
    assert watched.made().data == tiny.send(engine, request).made().data
    denoised = [event.step for event in watched.live.steps if event.phase is Phase.DENOISING]
    assert denoised == [1, 2, 3, 4, 5, 6]
    assert send(remote, tiny.ask("tiny-sd", scheduler="No")).end() == Failed(
        kind=FailureKind.BAD_REQUEST, words="The scheduler 'No' does not go with this checkpoint."
    )
    long = send(remote, tiny.ask("tiny-sd", steps=60), tiny.Watcher(wanted=True))
    long.made()
    assert long.live.previews


def test_a_cancel_reaches_the_process(remote: ProcessEngine) -> None:
    watcher = tiny.Watcher()
    box: list[tiny.Sent] = []

    def on_report(event: object) -> None:
        if isinstance(event, Stepped) and event.phase is Phase.DENOISING and event.step == 3:
            remote.cancel(box[0].run)

    watcher.on_report = on_report
    box.append(send(remote, tiny.ask("tiny-sd", steps=900), watcher))
    send(remote, tiny.ask("tiny-sd", steps=30)).made()
    left = [box[0].box.get_nowait() for _ in range(box[0].box.qsize())]
    assert all(isinstance(event, LatentsSaved) and event.step <= 3 for event in left)
    assert watcher.steps[-1].step == 3


def test_a_crash_fails_its_requests_and_the_next_one_goes_on_where_they_stood(remote: ProcessEngine) -> None:
    request = tiny.ask("tiny-sd", exact=True, steps=40)
    unbroken = send(remote, request).made()
    watcher = tiny.Watcher()

    def on_report(event: object) -> None:
        if isinstance(event, Stepped) and event.step == 10 and remote._child is not None:
            os.kill(remote._child.pid, signal.SIGKILL)

    watcher.on_report = on_report
    crashed = send(remote, request, watcher)
    end = crashed.end()
    assert isinstance(end, Failed)
    assert (end.kind, end.retryable) == (FailureKind.INTERNAL, True)
    assert end.words.startswith("The engine's process ended with status -9")
    assert crashed.saved
    again = send(remote, dataclasses.replace(request, latents=crashed.saved[-1].data))
    assert again.made().data == unbroken.data
    first = next(event.step for event in again.live.steps if event.phase is Phase.DENOISING)
    assert first == crashed.saved[-1].step + 1
    assert [thread.name for thread in threading.enumerate()].count("likeness-engine-tell") == 1


def test_a_process_whose_device_is_gone_ends_for_a_new_one(
    tmp_path: Path, sd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent does after such an end what it does after any other."""
    ended: queue.Queue[int] = queue.Queue()
    monkeypatch.setattr(os, "_exit", ended.put)
    child = remote_child.Child(tiny.settings(tmp_path, sd_folder), Sender(io.BytesIO(), "told"))
    tiny.send(child.engine, tiny.ask("tiny-sd")).made()

    def gone(_runs: object) -> object:
        raise RuntimeError("unspecified launch failure")

    monkeypatch.setattr(child.engine._work, "forward", gone)
    child.obey("submit", 1, tiny.ask("tiny-sd"))
    assert ended.get(timeout=60) == remote_child.BROKEN
    child.engine.close()


def test_the_process_ends_with_its_server(tmp_path: Path, sd_folder: Path) -> None:
    code = (
        "import os, pathlib, sys;"
        "from generators.diffusion.checkpoints import Shelf;"
        "from generators.diffusion.remote import ProcessEngine;"
        "from generators.diffusion.settings import DiffusionSettings;"
        f"s = DiffusionSettings(data_dir=pathlib.Path({str(tmp_path)!r}), builtin_checkpoints=False);"
        "e = ProcessEngine(s, Shelf(s)); e.start(); print(e._child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    end = time.monotonic() + 30
    while time.monotonic() < end and _alive(pid):
        time.sleep(0.05)  # the kernel tells nobody but its parent, which is dead
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", maxsplit=1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Idle:
    """An engine that only says how busy it is."""

    def __init__(self, busy: int, *loaded: str) -> None:
        self.taken: list[str] = []
        self.log: list[str] = []
        self._state = EngineState(
            preparing=0, ready=busy, finishing=0, loaded=loaded, device="x", forwards=1, rows=2
        )

    def start(self) -> None:
        self.log.append("start")

    def close(self) -> None:
        self.log.append("close")

    def submit(self, ask: Ask, live: tiny.Watcher, post: Post) -> Run:
        self.taken.append(ask.checkpoint)
        return Run(ask=ask, live=live, post=post, number=1)

    def state(self) -> EngineState:
        return self._state


def test_a_fleet_sends_requests_where_their_checkpoint_is_loaded_unless_it_is_much_busier() -> None:
    warm, cold, drowned = Idle(2, "a"), Idle(0, "b"), Idle(9, "a", "b", "c")
    fleet = Fleet([warm, cold, drowned])  # type: ignore[list-item]  # stand-ins with what is needed
    for key in ("a", "b", "c"):
        fleet.submit(tiny.ask(key), tiny.Watcher(), lambda _: None)
    assert (warm.taken, cold.taken, drowned.taken) == (["a"], ["b", "c"], [])
    state = fleet.state()
    assert (state.ready, state.loaded, state.device, state.rows) == (11, ("a", "b", "c"), "x; x; x", 6)


def test_a_fleet_grows_by_what_is_found_after_its_start(tmp_path: Path) -> None:
    first, found = Idle(9), Idle(0)
    fleet = Fleet([first], lambda: [found])  # type: ignore[list-item]  # stand-ins with what is needed
    fleet.submit(tiny.ask("a"), tiny.Watcher(), lambda _: None)
    fleet.start()
    assert fleet._growing is not None
    fleet._growing.join()
    fleet.submit(tiny.ask("b"), tiny.Watcher(), lambda _: None)
    assert (first.taken, found.taken) == (["a"], ["b"])
    fleet.close()
    assert (first.log, found.log) == (["start", "close"], ["start", "close"])


def test_auto_makes_an_engine_for_every_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Noted(Idle):
        def __init__(self, chosen: DiffusionSettings, _shelf: Shelf) -> None:
            super().__init__(0)
            made.append(chosen.device)

    monkeypatch.setattr(serving, "Engine", Noted)
    monkeypatch.setattr(serving, "visible_gpus", lambda: 3)
    monkeypatch.setattr(serving, "several_gpus", lambda: True)
    chosen = tiny.settings(tmp_path, device="auto")
    fleet = engines(chosen, Shelf(chosen))
    fleet.start()
    fleet.close()
    assert made == ["auto", "cuda:1", "cuda:2"]
    monkeypatch.setattr(serving, "several_gpus", lambda: False)
    assert isinstance(engines(chosen, Shelf(chosen)), Noted)


def test_device_files_tell_whether_there_are_several_gpus(tmp_path: Path) -> None:
    (tmp_path / "dri").mkdir()
    for name in ("nvidia0", "nvidiactl", "nvidia-uvm", "dri/renderD128", "dri/renderD129"):
        (tmp_path / name).touch()
    assert not several_gpus(tmp_path)  # two render nodes without ROCm's own device are no proof
    (tmp_path / "kfd").touch()
    assert several_gpus(tmp_path)
    (tmp_path / "kfd").unlink()
    (tmp_path / "nvidia1").touch()
    assert several_gpus(tmp_path)


def test_two_devices_make_two_engines_and_both_work(tmp_path: Path, sd_folder: Path) -> None:
    chosen = tiny.settings(tmp_path, sd_folder, device="cpu,cpu")
    fleet = engines(chosen, Shelf(chosen))
    assert isinstance(fleet, Fleet)
    sents = [tiny.send(fleet, tiny.ask("tiny-sd", seed=seed)) for seed in range(4)]  # type: ignore[arg-type]
    for sent in sents:
        sent.made()
    assert fleet.state().forwards >= 12
    fleet.close()


@pytest.mark.parametrize(("name", "kind"), [("thread", Engine), ("process", ProcessEngine)])
def test_the_setting_chooses_the_engine(tmp_path: Path, name: str, kind: type) -> None:
    async def open_file(ref: FileRef) -> bytes:
        raise FileNotFoundError(ref.sha256)

    generator = DiffusionGenerator(tiny.settings(tmp_path, engine=name), open_file)
    assert isinstance(generator.engine, kind)
    asyncio.run(generator.close())


def test_a_fleet_of_no_engines_is_refused() -> None:
    with pytest.raises(ValueError, match="DEVICE names no device"):
        Fleet([])
