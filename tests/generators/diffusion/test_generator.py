"""The bridge: specs in, events out, on an event loop."""

import asyncio
import io
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from generators.catalog import Capability, Provider
from generators.diffusion.generator import DiffusionGenerator
from generators.events import Event, Failed, FailureKind, ImageMade, LatentsSaved, Phase
from generators.generator import Known, KnownLatents
from generators.spec import Conditioning, ConditioningKind, Determinism, FileRef, ImageSpec, TextSpec
from tests.generators.diffusion import tiny
from tests.generators.diffusion.company import gradient

pytestmark = pytest.mark.asyncio
PICTURE = FileRef(sha256="a" * 64, size=1, media_type="image/png")
LOST = FileRef(sha256="b" * 64, size=1, media_type="image/png")


async def open_file(ref: FileRef) -> bytes:
    if ref == LOST:
        raise FileNotFoundError(ref.sha256)
    return gradient(100)


@pytest_asyncio.fixture
async def generator(tmp_path: Path, sd_folder: Path) -> AsyncIterator[DiffusionGenerator]:
    built = DiffusionGenerator(tiny.settings(tmp_path, sd_folder, save_every_steps=2), open_file)
    await built.start()
    yield built
    await built.close()


def spec(**more: Any) -> ImageSpec:
    plain: dict[str, Any] = {
        "variant_id": "v1",
        "model": "tiny-sd",
        "prompt": "a woman",
        "width": 64,
        "height": 64,
        "steps": 5,
        "seed": 3,
    }
    return ImageSpec(**(plain | more))


async def events(generator: DiffusionGenerator, asked: Any, known: Known | None = None) -> list[Event]:
    return [event async for event in generator.run(asked, known or Known(), tiny.Watcher())]


async def test_a_run_ends_with_a_png_of_the_size_asked_for(generator: DiffusionGenerator) -> None:
    *_, made = await events(generator, spec(width=72, height=64))
    assert isinstance(made, ImageMade)
    with Image.open(io.BytesIO(made.data)) as picture:
        assert (picture.format, picture.size, picture.info) == ("PNG", (72, 64), {})
    assert (made.facts.width, made.facts.height, made.facts.seed, made.facts.steps) == (72, 64, 3, 5)
    assert "sizeAsked" not in made.facts.parameters


async def test_a_size_beyond_the_checkpoint_is_reduced_to_native_and_told(
    generator: DiffusionGenerator,
) -> None:
    *_, made = await events(generator, spec(width=1600, height=800))
    assert isinstance(made, ImageMade)
    assert (made.facts.width, made.facts.height) == (88, 64)
    assert made.facts.parameters["sizeAsked"] == [1600, 800]
    assert (made.facts.parameters["width"], made.facts.parameters["height"]) == (88, 64)


async def test_guidance_none_is_the_checkpoints_own(generator: DiffusionGenerator) -> None:
    *_, made = await events(generator, spec())
    assert isinstance(made, ImageMade)
    assert made.facts.parameters["guidance"] == 7.5


async def test_an_initial_image_is_held_by_its_weight_and_recorded(generator: DiffusionGenerator) -> None:
    held = Conditioning(kind=ConditioningKind.INIT_IMAGE, weight=0.4, file=PICTURE, source_id="x")
    prompt = Conditioning(kind=ConditioningKind.PROMPT)
    *_, made = await events(generator, spec(steps=10, conditioning=(prompt, held)))
    assert isinstance(made, ImageMade)
    assert made.facts.conditioning == (prompt, held)
    assert made.facts.parameters["initImageStrength"] == 0.6
    assert made.facts.steps == 6


async def test_conditioning_that_the_checkpoint_cannot_use_is_told_not_claimed(
    generator: DiffusionGenerator,
) -> None:
    seen = Conditioning(kind=ConditioningKind.IP_ADAPTER, file=PICTURE)
    shape = Conditioning(kind=ConditioningKind.CONTROLNET, file=PICTURE)
    *_, made = await events(generator, spec(conditioning=(seen, shape)))
    assert isinstance(made, ImageMade)
    assert made.facts.conditioning == ()
    assert made.facts.parameters["conditioningSkipped"] == ["IP_ADAPTER", "CONTROLNET"]


async def test_a_lost_initial_image_fails_before_anything_runs(generator: DiffusionGenerator) -> None:
    lost = Conditioning(kind=ConditioningKind.INIT_IMAGE, weight=0.5, file=LOST)
    (failed,) = await events(generator, spec(conditioning=(lost,)))
    assert failed == Failed(kind=FailureKind.BAD_REQUEST, words="The initial image is no longer stored.")
    assert generator.engine_state().preparing == 0


async def test_an_unknown_checkpoint_fails_with_its_reason(generator: DiffusionGenerator) -> None:
    (failed,) = await events(generator, spec(model="absent"))
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.NO_CHECKPOINT
    assert failed.words == (
        "No local image generation models available (absent: No local checkpoint has the key 'absent'.)"
    )


async def test_a_text_is_not_made_here(generator: DiffusionGenerator) -> None:
    (failed,) = await events(generator, TextSpec(model="tiny-sd", instructions="", prompt=""))
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.BAD_REQUEST


async def test_a_killed_run_goes_on_from_its_known_latents_to_equal_bytes(
    generator: DiffusionGenerator,
) -> None:
    exact = spec(determinism=Determinism.EXACT, steps=9)
    unbroken: ImageMade | None = None
    saved: list[LatentsSaved] = []
    async for event in generator.run(exact, Known(), tiny.Watcher()):
        if isinstance(event, LatentsSaved):
            saved.append(event)
        elif isinstance(event, ImageMade):
            unbroken = event
    assert unbroken is not None
    assert saved
    known = Known(latents=KnownLatents(data=saved[0].data, step=saved[0].step))
    *_, resumed = await events(generator, exact, known)
    assert isinstance(resumed, ImageMade)
    assert resumed.data == unbroken.data


async def test_cancelling_the_consumer_frees_the_row_within_a_step(generator: DiffusionGenerator) -> None:
    watcher = tiny.Watcher()
    loop, third = asyncio.get_running_loop(), asyncio.Event()

    def on_report(event: Any) -> None:
        if event.phase is Phase.DENOISING and event.step == 3:
            loop.call_soon_threadsafe(third.set)

    watcher.on_report = on_report

    async def consume() -> None:
        async for _ in generator.run(spec(steps=900), Known(), watcher):
            pass

    task = asyncio.create_task(consume())
    await third.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    seen = len(watcher.steps)
    *_, made = await events(generator, spec())
    assert isinstance(made, ImageMade)
    assert generator.engine_state().ready == 0
    assert len(watcher.steps) <= seen + 1


async def test_the_catalog_row_tells_what_the_checkpoint_can(generator: DiffusionGenerator) -> None:
    (model,) = generator.models()
    assert (model.key, model.provider, model.default_steps) == ("tiny-sd", Provider.LOCAL, 30)
    assert (model.native_size.width, model.native_size.height) == (64, 64)
    assert {Capability.TEXT_TO_IMAGE, Capability.IMAGE_TO_IMAGE, Capability.PREVIEW} <= model.capabilities
    assert generator.best_model() == model


async def test_the_loop_is_free_while_torch_loads_and_denoises(generator: DiffusionGenerator) -> None:
    waiting = asyncio.create_task(events(generator, spec(steps=20)))
    late, turns = 0.0, 0
    while not waiting.done():
        before = time.thread_time()  # what others take from this thread is no work on the loop
        await asyncio.sleep(0)
        late, turns = max(late, time.thread_time() - before), turns + 1
    assert isinstance(waiting.result()[-1], ImageMade)
    assert turns > 100
    assert late < 1.0


async def test_importing_the_generator_imports_no_torch() -> None:
    code = (
        "import sys, generators.diffusion.generator, generators.diffusion.settings, generators.diffusion.devices;"
        "bad = {'torch', 'diffusers', 'transformers', 'numpy', 'PIL', 'huggingface_hub'} & set(sys.modules);"
        "print(*sorted(bad))"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
