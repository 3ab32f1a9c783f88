"""Memory: what a checkpoint needs, and who waits or is refused when it is not there."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators.diffusion import room
from generators.diffusion.devices import discover
from generators.diffusion.engine import Engine
from generators.diffusion.tuning import Tuning
from generators.events import Failed, FailureKind, Phase, Stepped
from tests.generators.diffusion import tiny

Build = Callable[..., Engine]
GIB = 2**30


def test_the_need_is_the_weights_in_the_devices_dtype_with_a_margin(sd_folder: Path) -> None:
    device = discover(device="cpu", threads=1)
    numbers = sum(
        weights.numel()
        for part in ("unet", "vae", "text_encoder")
        for weights in getattr(tiny.sd(), part).parameters()
    )
    exact = numbers * 4 * room.MARGIN + room.CPU_OVERHEAD
    assert room.needed(sd_folder, device) == pytest.approx(exact, rel=1e-3)
    half = dataclasses.replace(device, dtype="bfloat16")
    small = room.needed(sd_folder, half)
    assert small == pytest.approx(numbers * 2 * room.MARGIN + room.CPU_OVERHEAD, rel=1e-3)
    gpu = dataclasses.replace(half, kind="cuda")
    assert room.needed(sd_folder, gpu) == small + room.OVERHEAD - room.CPU_OVERHEAD


def test_what_waits_in_main_memory_or_is_quantised_is_not_counted_on_a_gpu(sd_folder: Path) -> None:
    gpu = dataclasses.replace(discover(device="cpu", threads=1), kind="cuda", dtype="bfloat16")
    parts = {
        part: sum(weights.numel() for weights in getattr(tiny.sd(), part).parameters())
        for part in ("unet", "vae", "text_encoder")
    }

    def weights(**words: str) -> int:
        return room.needed(sd_folder, gpu, Tuning(**words)) - room.OVERHEAD  # type: ignore[arg-type]  # words only

    def scaled(numbers: int) -> Any:
        return pytest.approx(numbers * room.MARGIN, rel=2e-3)

    assert weights(offload="blocks") == scaled(2 * parts["vae"])
    assert weights(offload="encoders") == scaled(2 * (parts["vae"] + parts["unet"]))
    assert weights(quantization="fp8") == scaled(2 * (parts["vae"] + parts["text_encoder"]) + parts["unet"])


def test_free_main_memory_is_the_machines_or_what_is_left_of_the_containers_limit(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       8 kB\nMemAvailable:       2048 kB\n")
    assert room.available(meminfo, tmp_path) == 2 * 2**20
    (tmp_path / "memory.max").write_text("1048576\n")
    (tmp_path / "memory.current").write_text("48576\n")
    assert room.available(meminfo, tmp_path) == 1_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert room.available(meminfo, tmp_path) == 2 * 2**20
    assert room.available(tmp_path / "absent", tmp_path) is None


def test_a_checkpoint_that_never_fits_is_refused_with_numbers(
    build: Build, sd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free", lambda _: GIB // 10)
    end = tiny.send(build(sd_folder, device="cpu"), tiny.ask("tiny-sd")).end()
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.OUT_OF_MEMORY
    assert end.words == "The checkpoint needs 0.3 GiB of the device's memory; 0.1 GiB are free."


def test_an_idle_checkpoint_leaves_for_one_that_needs_its_room(
    build: Build, sd_folder: Path, sdxl_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = build(sd_folder, sdxl_folder)
    monkeypatch.setattr(room, "free", lambda _: 0 if engine.state().loaded else 2 * GIB)
    tiny.send(engine, tiny.ask("tiny-sd")).made()
    tiny.send(engine, tiny.ask("tiny-sdxl")).made()
    assert engine.state().loaded == ("tiny-sdxl",)


def test_a_request_whose_checkpoint_does_not_fit_beside_a_busy_one_waits_for_it(
    build: Build, sd_folder: Path, sdxl_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = build(sd_folder, sdxl_folder)
    monkeypatch.setattr(room, "free", lambda _: 0 if engine.state().loaded else 2 * GIB)
    order: list[str] = []
    second: list[tiny.Sent] = []

    def on_report(event: object) -> None:
        if isinstance(event, Stepped) and event.phase is Phase.DENOISING:
            order.append("first")
            if event.step == 2:
                second.append(tiny.send(engine, tiny.ask("tiny-sdxl"), later))

    first_watcher, later = tiny.Watcher(), tiny.Watcher()
    first_watcher.on_report = on_report
    later.on_report = lambda _: order.append("second")
    first = tiny.send(engine, tiny.ask("tiny-sd", steps=30), first_watcher)
    first.made()
    second[0].made()
    assert order.count("first") == 30
    last_first = len(order) - 1 - order[::-1].index("first")
    denoised = [event for event in later.steps if event.phase is Phase.DENOISING]
    assert len(denoised) == 6
    assert order[last_first + 1 :].count("second") >= 6
