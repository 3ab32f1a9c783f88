"""The threaded engine: pictures, cancel, previews, failures, fairness."""

import dataclasses
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from structlog.testing import capture_logs

from generators.diffusion import saving
from generators.diffusion.engine import Engine
from generators.events import Failed, FailureKind, Phase, Stepped
from tests.generators.diffusion import tiny
from tests.generators.diffusion.company import stock

Build = Callable[..., Engine]


def pixels(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def levels_apart(one: bytes, other: bytes) -> int:
    """Worst difference in 1/255."""
    return max(ImageChops.difference(pixels(one), pixels(other)).tobytes())


def test_many_requests_come_out_within_one_level_of_exact(engine: Engine) -> None:
    asks = [
        tiny.ask(key, seed=seed, guidance=guidance, steps=4 + seed)
        for key in ("tiny-sd", "tiny-sdxl")
        for seed, guidance in ((1, 5.0), (2, 1.0), (3, 7.0))
    ]
    shared = [tiny.send(engine, request) for request in asks]
    exact = [tiny.send(engine, dataclasses.replace(request, exact=True)) for request in asks]
    for one, other in zip(shared, exact, strict=True):
        assert levels_apart(one.made().data, other.made().data) <= 1


def test_exact_gives_equal_bytes_in_any_company_and_equals_the_stock_picture(
    engine: Engine, sd_folder: Path
) -> None:
    import diffusers
    import torch

    request = tiny.ask("tiny-sd", exact=True)
    alone = tiny.send(engine, request).made()
    crowd = [tiny.send(engine, tiny.ask("tiny-sd", seed=seed)) for seed in range(4)]
    again = tiny.send(engine, request).made()
    for one in crowd:
        one.made()
    assert again.data == alone.data
    assert again.facts.parameters == alone.facts.parameters
    pipeline = diffusers.DiffusionPipeline.from_pretrained(sd_folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    assert pixels(alone.data) == stock(pipeline, request, "pil")


def test_another_seed_gives_another_picture(engine: Engine) -> None:
    one, other = (tiny.send(engine, tiny.ask("tiny-sd", seed=seed)).made() for seed in (1, 2))
    assert levels_apart(one.data, other.data) > 1
    assert (one.facts.seed, other.facts.seed) == (1, 2)


def test_facts_tell_what_was_really_run(engine: Engine) -> None:
    made = tiny.send(engine, tiny.ask("tiny-sd", scheduler="HeunDiscreteScheduler", steps=5)).made()
    assert made.media_type == "image/png"
    assert (made.facts.model, made.facts.width, made.facts.height) == ("tiny-sd", 64, 64)
    assert made.facts.steps == 9  # a second-order scheduler: 2 n - 1
    told = made.facts.parameters
    assert (told["stepsAsked"], told["steps"], told["scheduler"]) == (5, 9, "HeunDiscreteScheduler")
    assert (told["determinism"], told["dtype"]) == ("FAST", "float32")
    assert told["device"] == "cpu" or tiny.DEVICE != "cpu"
    assert "note" not in told


def test_a_run_whose_save_fails_is_told_and_the_others_go_on(
    build: Build, sd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = build(sd_folder, save_every_steps=2)

    def capture(state: Any) -> Any:
        if state.generator.initial_seed() == 1:
            raise RuntimeError("two devices")
        raise saving.UnsavableError

    monkeypatch.setattr(saving, "capture", capture)
    sent = [tiny.send(engine, tiny.ask("tiny-sd", seed=seed)) for seed in (1, 2)]
    failed = sent[0].end()
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.retryable) == (FailureKind.INTERNAL, True)
    assert failed.words == "The engine failed: RuntimeError: two devices"
    sent[1].made()


def test_an_engine_whose_device_is_gone_tells_everybody_now_and_later(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.send(engine, tiny.ask("tiny-sd")).made()

    def gone(_runs: Any) -> Any:
        raise RuntimeError("unspecified launch failure")

    monkeypatch.setattr(engine._work, "forward", gone)
    for request in (tiny.ask("tiny-sd"), tiny.ask("tiny-sdxl")):
        failed = tiny.send(engine, request).end()
        assert isinstance(failed, Failed)
        assert failed.words == "The engine failed: RuntimeError: unspecified launch failure"


def test_every_step_is_reported_in_order(engine: Engine) -> None:
    sent = tiny.send(engine, tiny.ask("tiny-sd", steps=5))
    sent.made()
    denoised = [(event.step, event.steps) for event in sent.live.steps if event.phase is Phase.DENOISING]
    assert denoised == [(step, 5) for step in range(1, 6)]
    order = list(dict.fromkeys(event.phase for event in sent.live.steps))
    assert order[-4:] == [Phase.ENCODING, Phase.DENOISING, Phase.DECODING, Phase.SAVING]


def cancel_at(engine: Engine, step: int, watcher: tiny.Watcher, box: dict[str, Any]) -> None:
    """Cancel from inside the engine's own step, so that nothing depends on timing."""

    def on_report(event: Any) -> None:
        if isinstance(event, Stepped) and event.phase is Phase.DENOISING and event.step == step:
            engine.cancel(box["run"])

    watcher.on_report = on_report


def test_a_cancel_takes_effect_at_the_next_step_and_leaves_the_neighbour_untouched(engine: Engine) -> None:
    undisturbed = tiny.send(engine, tiny.ask("tiny-sd", seed=2, exact=True)).made()
    box: dict[str, Any] = {}
    watcher = tiny.Watcher()
    cancel_at(engine, 3, watcher, box)
    sent = tiny.send(engine, tiny.ask("tiny-sd", seed=1, steps=500), watcher)
    box["run"] = sent.run
    neighbour = tiny.send(engine, tiny.ask("tiny-sd", seed=2)).made()
    assert sent.live.steps[-1].step == 3
    assert sent.box.empty()
    assert levels_apart(neighbour.data, undisturbed.data) <= 1


def test_a_cancel_at_the_last_step_comes_before_decoding(engine: Engine) -> None:
    box: dict[str, Any] = {}
    watcher = tiny.Watcher()
    cancel_at(engine, 6, watcher, box)
    sent = tiny.send(engine, tiny.ask("tiny-sd"), watcher)
    box["run"] = sent.run
    tiny.send(engine, tiny.ask("tiny-sd", seed=2, steps=9)).made()
    assert sent.box.empty()
    assert Phase.DECODING not in {event.phase for event in sent.live.steps}


def test_a_cancel_before_admission_makes_nothing(engine: Engine) -> None:
    sent = tiny.send(engine, tiny.ask("tiny-sd", steps=500))
    engine.cancel(sent.run)
    engine.cancel(sent.run)
    tiny.send(engine, tiny.ask("tiny-sd")).made()
    assert sent.box.empty()


def test_previews_are_made_only_while_somebody_watches(engine: Engine) -> None:
    unwatched = tiny.send(engine, tiny.ask("tiny-sd", exact=True))
    watched = tiny.send(engine, tiny.ask("tiny-sd", exact=True), tiny.Watcher(wanted=True))
    assert unwatched.made().data == watched.made().data
    assert unwatched.live.previews == []
    assert watched.live.previews
    preview = watched.live.previews[-1]
    assert (preview.media_type, preview.width, preview.height) == ("image/webp", 8, 8)
    assert 1 <= preview.step <= 6
    assert Image.open(io.BytesIO(preview.data)).size == (8, 8)


def test_a_prompt_beyond_the_text_encoder_is_told(engine: Engine) -> None:
    kept = tiny.send(engine, tiny.ask("tiny-sd", prompt="a woman")).made()
    assert "truncatedPrompt" not in kept.facts.parameters
    for key in ("tiny-sd", "tiny-sdxl"):
        made = tiny.send(engine, tiny.ask(key, prompt="the " * 75 + "red hair and a woman")).made()
        assert made.facts.parameters["truncatedPrompt"] == "red hair and a woman"


def test_a_request_that_the_checkpoint_cannot_make_fails_alone(engine: Engine) -> None:
    good = tiny.send(engine, tiny.ask("tiny-sd"))
    unknown = tiny.send(engine, tiny.ask("tiny-sd", scheduler="NoScheduler")).end()
    unreadable = tiny.send(engine, tiny.ask("tiny-sd", init_image=b"no picture")).end()
    absent = tiny.send(engine, tiny.ask("absent")).end()
    assert isinstance(unknown, Failed)
    assert isinstance(unreadable, Failed)
    assert isinstance(absent, Failed)
    assert (unknown.kind, unknown.retryable) == (FailureKind.BAD_REQUEST, False)
    assert unreadable.words == "The initial image cannot be read."
    assert (absent.kind, absent.words) == (
        FailureKind.NO_CHECKPOINT,
        "No local checkpoint has the key 'absent'.",
    )
    good.made()


def test_a_fault_of_one_row_does_not_touch_its_neighbours(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generators.diffusion.families.sd import StableDiffusion

    whole = StableDiffusion.denoise

    def denoise(self: Any, pipeline: Any, states: Any) -> Any:
        if any(state.width == 72 for state in states):
            raise ArithmeticError("one row is bad")
        return whole(self, pipeline, states)

    monkeypatch.setattr(StableDiffusion, "denoise", denoise)
    with capture_logs() as lines:
        bad = tiny.send(engine, tiny.ask("tiny-sd", width=72, request="req-1"))
        good = tiny.send(engine, tiny.ask("tiny-sd"))
        end = bad.end()
    assert isinstance(end, Failed)
    assert (end.kind, end.retryable) == (FailureKind.INTERNAL, True)
    assert "one row is bad" in end.words
    [told] = [line for line in lines if line["event"] == "the engine failed"]
    assert (told["request_id"], type(told["exc_info"])) == ("req-1", ArithmeticError)
    good.made()


def test_numbers_that_overflow_are_a_failure_not_a_black_picture(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generators.diffusion.families.sd import StableDiffusion

    whole = StableDiffusion.denoise
    monkeypatch.setattr(
        StableDiffusion, "denoise", lambda *args: [one * float("nan") for one in whole(*args)]
    )
    end = tiny.send(engine, tiny.ask("tiny-sd")).end()
    assert isinstance(end, Failed)
    assert (end.kind, "left the range" in end.words) == (FailureKind.INTERNAL, True)


def test_a_long_run_does_not_hold_back_a_short_one(build: Build, sd_folder: Path) -> None:
    engine = build(sd_folder, max_rows=2)
    long = tiny.send(engine, tiny.ask("tiny-sd", steps=1000))
    short = tiny.send(engine, tiny.ask("tiny-sd", steps=5))
    short.made()
    assert long.box.empty()
    assert long.live.steps[-1].steps == 999  # the 1000th would lie beyond the table of noise levels


def test_a_closed_engine_ends_its_threads_and_takes_nothing_more(build: Build, sd_folder: Path) -> None:
    engine = build(sd_folder)
    sent = tiny.send(engine, tiny.ask("tiny-sd", steps=1000))
    engine.close()
    assert sent.box.empty()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("likeness-")] == []
    with pytest.raises(RuntimeError, match="closed"):
        tiny.send(engine, tiny.ask("tiny-sd"))


def test_the_least_recently_used_checkpoint_leaves_for_another(
    build: Build, sd_folder: Path, sdxl_folder: Path
) -> None:
    engine = build(sd_folder, sdxl_folder, max_resident=1)
    for key in ("tiny-sd", "tiny-sdxl", "tiny-sd"):
        tiny.send(engine, tiny.ask(key)).made()
    assert engine.state().loaded == ("tiny-sd",)


@pytest.mark.parametrize("stage", ["encode", "decode"])
def test_a_slow_encode_or_decode_does_not_stall_the_steps_of_others(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    from generators.diffusion.families.sdxl import StableDiffusionXL

    whole = getattr(StableDiffusionXL, stage)
    stepped, began, waited = threading.Event(), threading.Event(), list[bool]()

    def slow(self: Any, *args: Any) -> Any:
        began.set()
        waited.append(stepped.wait(30))
        return whole(self, *args)

    monkeypatch.setattr(StableDiffusionXL, stage, slow)
    watcher = tiny.Watcher()

    def on_report(event: Any) -> None:
        if began.is_set() and event.phase is Phase.DENOISING:
            stepped.set()

    watcher.on_report = on_report
    other = tiny.send(engine, tiny.ask("tiny-sd", steps=900), watcher)
    held = tiny.send(engine, tiny.ask("tiny-sdxl", steps=2))
    held.made()
    engine.cancel(other.run)
    assert waited == [True]  # a step of the other request was made while this one was being worked on


def test_previews_by_a_tiny_autoencoder_show_the_picture_itself(build: Build, tmp_path: Path) -> None:
    pipeline = tiny.sd("tiny", seed=3)
    pipeline.save_pretrained(tmp_path / "tiny-sharp")
    pipeline.vae.save_pretrained(tmp_path / "preview")
    extras = (f"preview:sd={tmp_path / 'preview'}",)
    engine = build(tmp_path / "tiny-sharp", local_extras=extras, previews="autoencoder")
    watcher = tiny.Watcher(wanted=True)
    made = tiny.send(engine, tiny.ask("tiny-sharp", exact=True, steps=9), watcher).made()
    plain = tiny.send(engine, tiny.ask("tiny-sharp", exact=True, steps=9)).made()
    assert made.data == plain.data
    last = watcher.previews[-1]
    assert (last.media_type, last.width, last.height) == ("image/webp", 64, 64)
    if last.step == 9:
        assert levels_apart(last.data, made.data) < 60  # WebP, and nothing else, lies between them
    linear = build(tmp_path / "tiny-sharp", local_extras=extras)
    other = tiny.Watcher(wanted=True)
    tiny.send(linear, tiny.ask("tiny-sharp"), other).made()
    assert (other.previews[0].width, other.previews[0].height) == (8, 8)


def test_a_preview_autoencoder_of_another_kind_is_refused_with_the_numbers(
    build: Build, tmp_path: Path, sd_folder: Path
) -> None:
    from diffusers import AutoencoderTiny

    sides = (8, 8)
    AutoencoderTiny(
        encoder_block_out_channels=sides,
        decoder_block_out_channels=sides,
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=16,
    ).save_pretrained(tmp_path / "preview")
    engine = build(sd_folder, local_extras=(f"preview:sd={tmp_path / 'preview'}",), previews="autoencoder")
    end = tiny.send(engine, tiny.ask("tiny-sd")).end()
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.NO_CHECKPOINT
    assert "decodes 16 channels; this checkpoint has 4." in end.words
