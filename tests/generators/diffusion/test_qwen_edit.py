"""Qwen-Image-Edit in mixed company: with one, two and no references each request equals the stock pipeline."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from generators.diffusion.asks import Ask, Piece
from generators.diffusion.checkpoints import Shelf
from tests.generators.diffusion import tiny, tiny_flow, worn
from tests.generators.diffusion.company import Company, distance

TOLERANCE = 5e-6


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """References of 64 pixels a side instead of 1024: both sides compute with the library's own constants."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as library

    monkeypatch.setattr(library, "VAE_IMAGE_SIZE", 64 * 64)
    monkeypatch.setattr(library, "CONDITION_IMAGE_SIZE", 56 * 56)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_flow.saved(tiny_flow.qwen_edit(), tmp_path_factory.mktemp("edit") / "qwen-edit")


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Any:
    """The stock pipeline over the same files."""
    import diffusers
    import torch

    from generators.diffusion.families.qwen_reading import reader

    made = diffusers.DiffusionPipeline.from_pretrained(folder, processor=reader(folder), dtype=torch.float32)
    made.set_progress_bar_config(disable=True)
    return made.to(tiny.DEVICE)


def ask(number: int, *turns: int, **more: Any) -> Ask:
    pieces = tuple(
        Piece(sha256=f"{turn}", data=wide(turn) if turn % 2 else worn.picture(turn)) for turn in turns
    )
    plain = {
        "prompt": ("a woman", "the red hair and the woman", "hair")[number % 3],
        "negative_prompt": (None, "the hair")[number % 2],
        "steps": 3 + number % 2,
        "guidance": (4.0, 1.0, 6.5)[number % 3],
        "seed": 70 + number,
        "references": pieces,
    }
    return tiny.ask("qwen-edit", **(plain | more))


def wide(turn: int) -> bytes:
    """A picture of other proportions, so with another number of tokens."""
    file = io.BytesIO()
    Image.open(io.BytesIO(worn.picture(turn))).resize((128, 32)).save(file, format="PNG")
    return file.getvalue()


def stock(pipeline: Any, request: Ask) -> Any:
    import torch

    options: dict[str, Any] = {
        "width": request.width,
        "height": request.height,
        "num_inference_steps": request.steps,
        "true_cfg_scale": request.guidance,
        "generator": torch.Generator("cpu").manual_seed(request.seed),
        "output_type": "latent",
    }
    negative = request.negative_prompt or " "
    if request.references:
        pictures = [Image.open(io.BytesIO(piece.data)).convert("RGB") for piece in request.references]
        return pipeline(image=pictures, prompt=request.prompt, negative_prompt=negative, **options).images[0]
    import diffusers

    parts = {name: part for name, part in pipeline.components.items() if name != "processor"}
    plain = diffusers.QwenImagePipeline(**parts)  # the edit pipeline takes no request without a picture
    plain.set_progress_bar_config(disable=True)
    positive, _ = pipeline.encode_prompt(request.prompt)
    unconditional, _ = pipeline.encode_prompt(negative)
    return plain(prompt_embeds=positive, negative_prompt_embeds=unconditional, **options).images[0]


def test_references_in_mixed_company_equal_the_stock_pipeline(
    tmp_path: Path, folder: Path, pipeline: Any
) -> None:
    asks = [ask(0), ask(1, 0), ask(2, 2), ask(3, 2, 1), ask(4, 0, 3), ask(5)]
    runs = Company(tmp_path, folder).staggered(*asks)
    assert len({run.state.share for run in runs if run.state}) == 3
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, stock(pipeline, request)) < TOLERANCE
    other = ask(1, 2)
    assert distance(runs[1], stock(pipeline, other)) > 1e-4  # the reference matters


def test_language_model_sees_the_references_too(tmp_path: Path, folder: Path) -> None:
    company = Company(tmp_path, folder)
    one, other, none = (company.join(ask(1, *turns)).state for turns in ((0,), (2,), ()))
    assert one is not None
    assert other is not None
    assert none is not None
    first, second = one.inputs["prompt"][-1], other.inputs["prompt"][-1]
    assert first.shape == second.shape
    assert float((first - second).abs().max()) > 1e-3
    assert none.inputs["prompt"][-1].shape[1] < first.shape[1]


def test_exact_with_two_references_equals_the_stock_pipeline_bit_for_bit(
    tmp_path: Path, folder: Path, pipeline: Any
) -> None:
    request = ask(0, 0, 1, exact=True)
    run, *_ = Company(tmp_path, folder).staggered(request, ask(1, 0), ask(2, 0, 1))
    assert distance(run, stock(pipeline, request)) == 0.0


def test_edit_checkpoint_says_that_it_reads_references_itself(tmp_path: Path, folder: Path) -> None:
    from generators.catalog import Capability

    (entry,) = Shelf(tiny.settings(tmp_path, folder)).checkpoints()
    model = entry.model()
    assert entry.family == "qwen-image-edit"
    assert Capability.REFERENCE_IMAGES in model.capabilities
    assert (model.reference_adapter, model.max_references) == (False, 4)
    assert Capability.IMAGE_TO_IMAGE not in model.capabilities
