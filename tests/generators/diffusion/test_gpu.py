"""On an accelerator: `pytest -m gpu`. The same promises as on a CPU, at the dtype that the device computes in."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from generators.diffusion.engine import Engine
from tests.generators.diffusion import tiny

pytestmark = pytest.mark.gpu
Build = Callable[..., Engine]


@pytest.fixture(autouse=True)
def accelerator() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA or ROCm device")


def test_exact_gives_equal_bytes_alone_and_in_company(build: Build, sdxl_folder: Path) -> None:
    engine = build(sdxl_folder, device="cuda")
    request = tiny.ask("tiny-sdxl", exact=True, steps=20)
    alone = tiny.send(engine, request).made()
    crowd = [tiny.send(engine, tiny.ask("tiny-sdxl", seed=seed, steps=20)) for seed in range(6)]
    again = tiny.send(engine, request).made()
    for one in crowd:
        one.made()
    assert again.data == alone.data


def test_fp32_in_company_is_within_one_level_of_exact(build: Build, sdxl_folder: Path) -> None:
    engine = build(sdxl_folder, device="cuda", dtype="float32")
    shared = [tiny.send(engine, tiny.ask("tiny-sdxl", seed=seed)) for seed in range(4)]
    exact = [tiny.send(engine, tiny.ask("tiny-sdxl", seed=seed, exact=True)) for seed in range(4)]
    for one, other in zip(shared, exact, strict=True):
        pictures = [Image.open(io.BytesIO(made.made().data)) for made in (one, other)]
        assert max(ImageChops.difference(*pictures).tobytes()) <= 1


def test_a_resumed_run_gives_the_bytes_of_an_unbroken_one(build: Build, sdxl_folder: Path) -> None:
    import dataclasses

    engine = build(sdxl_folder, device="cuda", save_every_steps=4)
    request = tiny.ask("tiny-sdxl", exact=True, steps=12)
    unbroken = tiny.send(engine, request)
    made = unbroken.made()
    resumed = tiny.send(engine, dataclasses.replace(request, latents=unbroken.saved[0].data))
    assert resumed.made().data == made.data


def test_the_description_names_the_device(build: Build, sdxl_folder: Path) -> None:
    engine = build(sdxl_folder, device="cuda")
    tiny.send(engine, tiny.ask("tiny-sdxl")).made()
    described = engine.state().device
    assert described is not None
    assert "GiB" in described
