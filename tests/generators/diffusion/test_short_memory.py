"""Memory that does not suffice: smaller forwards, smaller tiles, idle checkpoints that leave, and words when nothing helps."""

import re
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators.diffusion.engine import Engine
from generators.events import Failed, FailureKind
from tests.generators.diffusion import tiny

Build = Callable[..., Engine]


def test_too_little_memory_is_met_with_smaller_forwards(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from generators.diffusion.families.sd import StableDiffusion

    whole = StableDiffusion.denoise
    sizes: list[int] = []

    def denoise(self: Any, pipeline: Any, states: Any) -> Any:
        rows = sum(state.rows for state in states)
        sizes.append(rows)
        if rows > 2:
            raise torch.OutOfMemoryError("out of memory")
        return whole(self, pipeline, states)

    monkeypatch.setattr(StableDiffusion, "denoise", denoise)
    for sent in [tiny.send(engine, tiny.ask("tiny-sd", seed=seed, steps=30)) for seed in range(4)]:
        sent.made()
    assert 4 in sizes
    assert sizes.count(4) == 1  # it learned


def test_a_decode_short_of_memory_is_done_again_in_tiles(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from generators.diffusion.families.sd import StableDiffusion

    whole = StableDiffusion.decode
    tiled: list[bool] = []

    def decode(self: Any, pipeline: Any, latents: Any, size: Any) -> Any:
        tiled.append(pipeline.vae.use_tiling and pipeline.vae.tile_latent_min_size < latents.shape[-1])
        if not tiled[-1]:
            raise torch.OutOfMemoryError("out of memory")
        return whole(self, pipeline, latents, size)

    monkeypatch.setattr(StableDiffusion, "decode", decode)
    made = tiny.send(engine, tiny.ask("tiny-sd")).made()
    assert tiled == [False, True]
    assert made.facts.parameters["decodedInTiles"] is True
    assert (made.facts.width, made.facts.height) == (64, 64)


def test_a_decode_short_of_memory_takes_ever_smaller_tiles(
    build: Build, sd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from generators.diffusion.families.sd import StableDiffusion

    engine = build(sd_folder, vae_tiling=0)
    tiles: list[int | None] = []
    whole = StableDiffusion.decode

    def decode(self: Any, pipeline: Any, latents: Any, size: Any) -> Any:
        tiles.append(pipeline.vae.tile_sample_min_size if pipeline.vae.use_tiling else None)
        if tiles[-1] is None or tiles[-1] > 128:
            raise torch.OutOfMemoryError("out of memory")
        return whole(self, pipeline, latents, size)

    monkeypatch.setattr(StableDiffusion, "decode", decode)
    made = tiny.send(engine, tiny.ask("tiny-sd", width=512, steps=1)).made()
    assert tiles == [None, 256, 128]
    assert (made.facts.width, made.facts.height) == (512, 64)


def test_a_decode_that_the_smallest_tiles_do_not_help_fails_with_words(
    build: Build, sd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from generators.diffusion.families.sd import StableDiffusion

    attempts: list[int] = []

    def decode(self: Any, pipeline: Any, latents: Any, size: Any) -> Any:
        attempts.append(pipeline.vae.tile_sample_min_size)
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(StableDiffusion, "decode", decode)
    failed = tiny.send(build(sd_folder), tiny.ask("tiny-sd", width=256, steps=1)).end()
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.OUT_OF_MEMORY
    assert len(attempts) == 2  # whole, 128


@pytest.mark.parametrize("stage", ["encode", "denoise", "decode"])
def test_what_a_failed_attempt_held_is_let_go_before_the_next_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    import torch

    from generators.diffusion.families.sd import StableDiffusion

    whole = getattr(StableDiffusion, stage)
    held: list[weakref.ref[Any]] = []
    alive: list[bool] = []

    def attempt(self: Any, *given: Any) -> Any:
        alive.extend(one() is not None for one in held)
        if not held:
            activations = torch.zeros(8)
            held.append(weakref.ref(activations))
            raise torch.OutOfMemoryError("out of memory")
        return whole(self, *given)

    tiny.send(engine, tiny.ask("tiny-sdxl", steps=1)).made()  # idle: something that can be unloaded
    monkeypatch.setattr(StableDiffusion, stage, attempt)
    tiny.send(engine, tiny.ask("tiny-sd", steps=1)).made()
    assert alive
    assert not any(alive)


def test_large_pictures_are_decoded_in_tiles_and_small_ones_whole(build: Build, sd_folder: Path) -> None:
    tiling, whole = build(sd_folder, vae_tiling=64), build(sd_folder, vae_tiling=0)
    small, large = tiny.ask("tiny-sd", exact=True), tiny.ask("tiny-sd", exact=True, width=128)
    assert tiny.send(tiling, small).made().data == tiny.send(whole, small).made().data
    assert tiny.send(tiling, large).made().data != tiny.send(whole, large).made().data


def test_an_encode_short_of_memory_unloads_what_is_idle_and_goes_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from generators.diffusion.families.sdxl import StableDiffusionXL

    tiny.send(engine, tiny.ask("tiny-sd")).made()
    whole = StableDiffusionXL.encode

    def encode(self: Any, *args: Any) -> Any:
        if "tiny-sd" in engine.state().loaded:
            raise torch.OutOfMemoryError("out of memory")
        return whole(self, *args)

    monkeypatch.setattr(StableDiffusionXL, "encode", encode)
    tiny.send(engine, tiny.ask("tiny-sdxl")).made()
    assert engine.state().loaded == ("tiny-sdxl",)


def test_a_picture_that_never_fits_is_refused_with_the_reason(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from generators.diffusion.families.sd import StableDiffusion

    def denoise(self: Any, pipeline: Any, states: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB.")

    monkeypatch.setattr(StableDiffusion, "denoise", denoise)
    end = tiny.send(engine, tiny.ask("tiny-sd")).end()
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.OUT_OF_MEMORY
    assert re.fullmatch(
        r"The device's memory does not suffice for this picture of 64x64 "
        r"\(2.50 GiB more are needed at once, \d+\.\d GiB are free\); ask for a smaller size\.",
        end.words,
    )
    tiny.send(engine, tiny.ask("tiny-sdxl")).made()
