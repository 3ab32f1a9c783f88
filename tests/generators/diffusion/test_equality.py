"""The stock pipeline as oracle: the engine in mixed company makes the same latents."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from generators.diffusion.asks import Ask
from tests.generators.diffusion import tiny
from tests.generators.diffusion.company import Company, distance, gradient, stock

TOLERANCE = 5e-6
SCHEDULERS = (
    "DDIMScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
    "HeunDiscreteScheduler",
    "PNDMScheduler",
    "LCMScheduler",
    "DEISMultistepScheduler",
    "KDPM2AncestralDiscreteScheduler",
)
PROMPTS = ("a woman", "the red hair", "", "a man and the woman", "hair")


@pytest.fixture(params=["sd", "sdxl"], scope="module")
def checkpoint(request: pytest.FixtureRequest, sd_folder: Path, sdxl_folder: Path) -> tuple[str, Path, Any]:
    """(key, folder, stock pipeline)."""
    import diffusers
    import torch

    folder = {"sd": sd_folder, "sdxl": sdxl_folder}[request.param]
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return folder.name, folder, pipeline


def mixed(key: str, schedulers: tuple[str, ...]) -> list[Ask]:
    """Requests that differ in everything that may differ within one forward."""
    return [
        tiny.ask(
            key,
            prompt=PROMPTS[number % len(PROMPTS)],
            negative_prompt=(None, "", "the hair")[number % 3],
            steps=4 + number % 4,
            guidance=(5.0, 1.0, 8.5)[number % 3],
            seed=100 + number,
            scheduler=name,
        )
        for number, name in enumerate(schedulers)
    ]


def test_ten_schedulers_in_one_loop_equal_the_stock_pipeline(
    tmp_path: Path, checkpoint: tuple[str, Path, Any]
) -> None:
    key, folder, pipeline = checkpoint
    asks = mixed(key, SCHEDULERS)
    runs = Company(tmp_path, folder).staggered(*asks)
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, stock(pipeline, request)) < TOLERANCE, request.scheduler


def test_image_to_image_and_text_to_image_share_a_loop_and_equal_the_stock_pipelines(
    tmp_path: Path, checkpoint: tuple[str, Path, Any]
) -> None:
    key, folder, pipeline = checkpoint
    plain = mixed(key, ("DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"))
    refined = [
        dataclasses.replace(request, init_image=gradient(), strength=strength, steps=8)
        for request, strength in zip(plain, (0.3, 0.6, 1.0), strict=True)
    ]
    asks = [request for pair in zip(plain, refined, strict=True) for request in pair]
    runs = Company(tmp_path, folder).staggered(*asks)
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, stock(pipeline, request)) < TOLERANCE, (request.scheduler, request.strength)
    assert [len(run.state.timesteps) for run in runs[1::2] if run.state] == [2, 4, 8]


@pytest.mark.parametrize(
    "name", [*SCHEDULERS[:5], *(pytest.param(name, marks=pytest.mark.long) for name in SCHEDULERS[5:])]
)
def test_exact_in_mixed_company_equals_the_stock_pipeline_bit_for_bit(
    tmp_path: Path, checkpoint: tuple[str, Path, Any], name: str
) -> None:
    key, folder, pipeline = checkpoint
    exact = dataclasses.replace(mixed(key, (name,))[0], exact=True)
    company = Company(tmp_path, folder)
    run, *_ = company.staggered(exact, *mixed(key, SCHEDULERS[:3]))
    assert distance(run, stock(pipeline, exact)) == 0.0


def test_another_timestep_or_prompt_is_far_off_so_the_tolerance_means_something(
    tmp_path: Path, checkpoint: tuple[str, Path, Any]
) -> None:
    key, folder, pipeline = checkpoint
    request = tiny.ask(key)
    (run,) = Company(tmp_path, folder).staggered(request)
    assert distance(run, stock(pipeline, dataclasses.replace(request, prompt="the red hair"))) > 1e-3
    assert distance(run, stock(pipeline, dataclasses.replace(request, steps=7))) > 1e-3


def test_negative_prompt_none_and_empty_differ_on_sdxl_as_in_the_stock_pipeline(
    tmp_path: Path, sdxl_folder: Path
) -> None:
    none, empty = Company(tmp_path, sdxl_folder).staggered(
        tiny.ask("tiny-sdxl"), tiny.ask("tiny-sdxl", negative_prompt="")
    )
    assert none.state is not None
    assert empty.state is not None
    assert distance(none, empty.state.latents[0]) > 1e-3
