"""The shipped weights' own scripts, run from empty for a few minutes: losses fall, seeds repeat, the format loads.

The steps are a fiftieth of the real ones; everything else is as shipped.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

STAGES = {
    "autoencoder": ("--steps", "100", "--decay", "30"),
    "text": ("--steps", "60", "--decay", "20"),
    "latents": ("--shards", "1"),
    "classifier": ("--steps", "40", "--decay", "10"),
    "vision": ("--steps", "40", "--decay", "10"),
    "denoiser": ("--steps", "60"),
    "joint": ("--steps", "30", "--decay", "10"),
    "wording": ("--steps", "20", "--decay", "10"),
    "usual": ("--steps", "20", "--decay", "10"),
}
FALLS = {"autoencoder": 0.5, "text": 0.85, "classifier": 0.95, "vision": 0.95, "denoiser": 0.9}
"""At most this share of the loss at the beginning is left at the end."""


def _run(stage: str, folder: Path, *options: str) -> None:
    command = [sys.executable, "-m", "training.starter", stage, "--folder", str(folder), *options]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert said.returncode == 0, said.stderr


def _losses(folder: Path, stage: str) -> list[float]:
    lines = [json.loads(line) for line in (folder / stage / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training folder after a short run of every stage."""
    folder = tmp_path_factory.mktemp("reproduction")
    for stage, options in STAGES.items():
        more = () if stage == "latents" else ("--log-every", "10")
        _run(stage, folder, *options, *more)
    return folder


@pytest.mark.parametrize("stage", sorted(FALLS))
def test_the_loss_of_every_stage_falls(folder: Path, stage: str) -> None:
    losses = _losses(folder, stage)
    assert losses[-1] < FALLS[stage] * losses[0], losses


@pytest.mark.parametrize(
    ("stage", "before"), [("joint", "denoiser"), ("wording", "joint"), ("usual", "wording")]
)
def test_a_later_stage_goes_on_where_the_earlier_stood(folder: Path, stage: str, before: str) -> None:
    assert _losses(folder, stage)[-1] < 1.1 * _losses(folder, before)[-1]


def test_the_same_seed_gives_the_same_losses_and_another_does_not(folder: Path, tmp_path: Path) -> None:
    for seed in ("0", "1"):
        _run(
            "autoencoder",
            tmp_path / seed,
            "--steps",
            "20",
            "--decay",
            "30",
            "--log-every",
            "10",
            "--seed",
            seed,
        )
    assert _losses(tmp_path / "0", "autoencoder") == _losses(folder, "autoencoder")[:2]
    assert _losses(tmp_path / "1", "autoencoder") != _losses(folder, "autoencoder")[:2]


def test_what_it_exports_loads_and_draws_with_a_reference(folder: Path) -> None:
    _run("export", folder)
    pipeline = StableDiffusionPipeline.from_pretrained(folder / "export", dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_ip_adapter(folder / "export", subfolder="ip_adapter", weight_name="ip-adapter.safetensors")
    base = pipeline("a woman", ip_adapter_image=_grey(), num_inference_steps=2).images[0]
    again = pipeline("at the beach", ip_adapter_image=base, num_inference_steps=2).images[0]
    assert base.size == again.size == (128, 128)


def _grey() -> object:
    from PIL import Image

    return Image.new("RGB", (128, 128), (128, 128, 128))
