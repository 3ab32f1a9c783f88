"""Tiny checkpoints on disk, made once per run of the tests; torch on one thread."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generators.diffusion.engine import Engine
from generators.diffusion.importing import uncollected
from tests.generators.diffusion import tiny

os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # on an accelerator float32 means float32, in child processes too


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    with uncollected():
        import torch

        from generators.diffusion import loading

    torch.set_num_threads(1)
    loading.quiet()


@pytest.fixture(scope="session")
def sd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny-sd"
    tiny.sd().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sdxl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny-sdxl"
    tiny.sdxl().save_pretrained(folder)
    return folder


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """Engines over given folders, closed at the end."""
    built: list[Engine] = []

    def one(*sources: Path, **more: object) -> Engine:
        built.append(tiny.engine(tmp_path, *sources, **more))
        return built[-1]

    yield one
    for engine in built:
        engine.close()


@pytest.fixture
def engine(tmp_path: Path, sd_folder: Path, sdxl_folder: Path) -> Iterator[Engine]:
    """Over the tiny SD and SDXL checkpoints, no saves."""
    built = tiny.engine(tmp_path, sd_folder, sdxl_folder)
    yield built
    built.close()
