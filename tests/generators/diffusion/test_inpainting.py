"""Repainting a part of a picture: equal to the stock inpainting pipelines, in company with rows that do not."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from PIL import Image, ImageChops, ImageOps

from generators.diffusion.asks import Ask
from generators.diffusion.engine import Engine
from generators.diffusion.failures import BadAskError
from generators.diffusion.families.inpainting import mask_of
from generators.events import Failed, Phase
from tests.generators.diffusion import tiny, tiny_flow
from tests.generators.diffusion.company import Company, distance, gradient, stock

TOLERANCE = 5e-6
BOX = (8, 16, 40, 48)
FLOWS = {
    "sd3": "StableDiffusion3InpaintPipeline",
    "flux": "FluxInpaintPipeline",
    "z-image": "ZImageInpaintPipeline",
    "qwen-image": "QwenImageInpaintPipeline",
    "flux2-klein": "Flux2KleinInpaintPipeline",
}


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()


def mask() -> bytes:
    """As the contract says it."""
    return png(white_mask())


def white_mask() -> Image.Image:
    """White inside the box, as the stock pipelines want it."""
    whole = Image.new("L", (tiny.SIDE, tiny.SIDE), 0)
    whole.paste(255, BOX)
    return whole


def repainting(key: str, **more: Any) -> Ask:
    return tiny.ask(key, init_image=gradient(), mask=mask(), **({"strength": 1.0} | more))


def expected(kind: str, pipeline: Any, request: Ask, **more: Any) -> Any:
    """The stock inpainting pipeline's latents; numbers by its own names."""
    made_by = getattr(diffusers, kind)
    takes = made_by.__init__.__annotations__
    parts = {name: part for name, part in pipeline.components.items() if name in takes}
    if request.scheduler is not None:
        chosen = getattr(diffusers, request.scheduler)
        parts["scheduler"] = chosen.from_config(pipeline.scheduler.config)
    whole = made_by(**parts).to(tiny.DEVICE)
    whole.set_progress_bar_config(disable=True)
    assert request.init_image is not None
    options = {
        "prompt": request.prompt,
        "image": Image.open(io.BytesIO(request.init_image)).convert("RGB"),
        "mask_image": white_mask(),
        "strength": request.strength,
        "width": request.width,
        "height": request.height,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "generator": torch.Generator("cpu").manual_seed(request.seed),
        "output_type": "latent",
    }
    return whole(**(options | more)).images[0]


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_unets_repaint_as_the_stock_pipelines_do_beside_rows_that_do_not(
    tmp_path: Path, sd_folder: Path, sdxl_folder: Path, family: str
) -> None:
    folder = {"sd": sd_folder, "sdxl": sdxl_folder}[family]
    kind = {"sd": "StableDiffusionInpaintPipeline", "sdxl": "StableDiffusionXLInpaintPipeline"}[family]
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    plain = tiny.ask(folder.name, seed=1)
    asks = [
        repainting(folder.name, seed=2, scheduler="DDIMScheduler"),
        repainting(folder.name, seed=3, scheduler="EulerAncestralDiscreteScheduler", guidance=1.0),
        repainting(folder.name, seed=4, scheduler="DPMSolverMultistepScheduler", strength=0.6, steps=8),
        repainting(folder.name, seed=5, scheduler="HeunDiscreteScheduler", strength=0.5, steps=6),
    ]
    neighbour, *runs = Company(tmp_path, folder).staggered(plain, *asks)
    assert len({run.state.share for run in (neighbour, *runs) if run.state}) == 1
    assert distance(neighbour, stock(pipeline, plain)) < TOLERANCE
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, expected(kind, pipeline, request)) < TOLERANCE, request.scheduler
    exact = dataclasses.replace(asks[1], exact=True)
    alone, _ = Company(tmp_path, folder).staggered(exact, plain)
    assert distance(alone, expected(kind, pipeline, exact)) == 0.0


@pytest.mark.parametrize("family", sorted(FLOWS))
def test_flow_transformers_repaint_as_the_stock_pipelines_do(tmp_path: Path, family: str) -> None:
    folder = tmp_path / family
    tiny_flow.MAKERS[family]().save_pretrained(folder)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    asks = [
        repainting(family, guidance=4.0, strength=0.6, steps=5),
        repainting(family, guidance=4.0, seed=3),
    ]
    *runs, _ = Company(tmp_path, folder).staggered(*asks, tiny.ask(family, guidance=4.0))
    for run, request in zip(runs, asks, strict=True):
        more = {"true_cfg_scale": 4.0, "negative_prompt": " "} if family == "qwen-image" else {}
        made = expected(FLOWS[family], pipeline, request, **more)
        if family == "flux2-klein":
            made = closed(pipeline, made)
        assert distance(run, made) < 2 * TOLERANCE


def closed(pipeline: Any, made: Any) -> Any:
    """FLUX.2 gives its latents in the VAE's scale; back to tokens."""
    vae = pipeline.vae
    squares = pipeline._patchify_latents(made[None])
    spread = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
    return pipeline._pack_latents((squares - vae.bn.running_mean.view(1, -1, 1, 1)) / spread)[0]


@pytest.fixture(scope="module")
def nine_channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint made for inpainting: nine input channels."""
    folder = tmp_path_factory.mktemp("inpaint") / "tiny-inpaint"
    parts = tiny.sd().components
    torch.manual_seed(5)
    parts["unet"] = tiny.unet(64, in_channels=9)
    pipeline = diffusers.StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False)
    pipeline.save_pretrained(folder)
    return folder


def test_a_denoiser_made_for_inpainting_sees_mask_and_picture(tmp_path: Path, nine_channels: Path) -> None:
    pipeline = diffusers.DiffusionPipeline.from_pretrained(nine_channels, dtype=torch.float32)
    asks = [
        repainting("tiny-inpaint", seed=2),
        repainting("tiny-inpaint", seed=3, guidance=1.0, strength=0.6, steps=8),
    ]
    runs = Company(tmp_path, nine_channels).staggered(*asks)
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, expected("StableDiffusionInpaintPipeline", pipeline, request)) < TOLERANCE


def test_a_denoiser_made_for_inpainting_refuses_a_picture_from_nothing(
    tmp_path: Path, nine_channels: Path
) -> None:
    with pytest.raises(
        BadAskError, match="only repaints a part of a picture: give an initial image and a mask"
    ):
        Company(tmp_path, nine_channels).join(tiny.ask("tiny-inpaint"))


def test_a_repainted_run_resumes_to_equal_bytes(build: Callable[..., Engine], sd_folder: Path) -> None:
    engine = build(sd_folder, save_every_steps=2)
    unbroken = tiny.send(engine, repainting("tiny-sd", exact=True, steps=8))
    made = unbroken.made()
    request = dataclasses.replace(unbroken.run.ask, latents=unbroken.saved[0].data)
    assert tiny.send(engine, request).made().data == made.data
    other = tiny.send(engine, dataclasses.replace(request, mask=png(ImageOps.invert(white_mask()))))
    assert other.made().data != made.data  # another mask is another request: the state is not taken up
    assert next(event.step for event in other.live.steps if event.phase is Phase.DENOISING) == 1


def test_what_is_outside_the_mask_stays_and_what_is_inside_changes(tmp_path: Path, sd_folder: Path) -> None:
    company = Company(tmp_path, sd_folder)
    (run,) = company.join_all(repainting("tiny-sd"))
    assert run.state is not None
    assert run.state.kept is not None
    outside = run.state.kept.mask == 0
    same = (run.state.latents == run.state.kept.clean) | ~outside
    assert bool(same.all())
    assert not bool((run.state.latents == run.state.kept.clean).all())


def test_white_means_repainted_and_what_is_transparent_stays() -> None:
    white = mask_of(mask(), 64, 64)
    assert (int(white.sum()), float(white[0, 0, 20, 10]), float(white[0, 0, 0, 0])) == (1024, 1.0, 0.0)
    brush = Image.new("RGBA", (tiny.SIDE, tiny.SIDE), (255, 255, 255, 0))
    brush.paste((255, 255, 255, 255), BOX)
    assert torch.equal(mask_of(png(brush), 64, 64), white)


@pytest.mark.parametrize("box", [None, (9, 17, 12, 20)], ids=["nothing", "between-the-latents"])
def test_a_mask_that_marks_nothing_is_refused_in_words(
    engine: Engine, box: tuple[int, int, int, int] | None
) -> None:
    whole = Image.new("L", (tiny.SIDE, tiny.SIDE), 0)
    if box is not None:
        whole.paste(255, box)
    end = tiny.send(engine, tiny.ask("tiny-sd", init_image=gradient(), mask=png(whole))).end()
    assert isinstance(end, Failed)
    assert end.words == "The mask marks nothing that can be painted anew: make its white part larger."


def test_the_finished_picture_is_the_initial_one_wherever_the_mask_is_black(engine: Engine) -> None:
    request = repainting("tiny-sd")
    made = Image.open(io.BytesIO(tiny.send(engine, request).made().data))
    assert request.init_image is not None
    source = Image.open(io.BytesIO(request.init_image)).convert("RGB").resize(made.size)
    box = ImageChops.difference(made, source).getbbox()
    assert box == BOX


def test_a_mask_that_is_no_picture_is_refused_in_words(engine: Engine) -> None:
    end = tiny.send(engine, tiny.ask("tiny-sd", init_image=gradient(), mask=b"no picture")).end()
    assert isinstance(end, Failed)
    assert end.words == "The mask cannot be read."
