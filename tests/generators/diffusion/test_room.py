"""Memory: what a checkpoint needs, and who waits or is refused when it is not there."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.diffusion import room
from generators.diffusion.devices import discover
from generators.diffusion.engine import Engine
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
    exact = numbers * 4 * room.MARGIN + room.OVERHEAD
    assert room.needed(sd_folder, device) == pytest.approx(exact, rel=1e-3)
    half = dataclasses.replace(device, dtype="bfloat16")
    assert room.needed(sd_folder, half) == pytest.approx(numbers * 2 * room.MARGIN + room.OVERHEAD, rel=1e-3)


def test_on_a_cpu_nothing_is_refused_for_memory(sd_folder: Path) -> None:
    assert room.free(discover(device="cpu", threads=1)) is None


def test_a_checkpoint_that_never_fits_is_refused_with_numbers(
    build: Build, sd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free", lambda _: GIB // 2)
    end = tiny.send(build(sd_folder), tiny.ask("tiny-sd")).end()
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.OUT_OF_MEMORY
    assert end.words == "The checkpoint needs 1.0 GiB of the device's memory; 0.5 GiB are free."


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
