"""Trainings in their process: what comes out, how they go on after a kill, how they end with their server."""

import asyncio
import contextlib
import dataclasses
import io
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.trainer.orders import Lesson, Order
from generators.events import (
    AdapterMade,
    Event,
    Failed,
    FailureKind,
    LatentsSaved,
    SampleMade,
)
from generators.generator import Known, KnownLatents
from generators.spec import (
    Conditioning,
    ConditioningKind,
    FileRef,
    TrainingImage,
    TrainingSpec,
)
from tests.generators.diffusion import tiny
from tests.generators.diffusion.trainings import (
    Files,
    Heard,
    gone,
    image,
    made,
    metadata,
    run,
    trainers,
    training,
)

pytestmark = pytest.mark.asyncio


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def spec(files: Files, sd_folder: Path) -> TrainingSpec:
    return training(files, sd_folder.name)


@pytest_asyncio.fixture
async def generator(
    tmp_path: Path, files: Files, sd_folder: Path, sdxl_folder: Path
) -> AsyncIterator[DiffusionGenerator]:
    settings = tiny.settings(tmp_path, sd_folder, sdxl_folder, training_save_seconds=0.0)
    made = DiffusionGenerator(settings, files.open)
    yield made
    await made.close()


@dataclasses.dataclass(frozen=True)
class Finished:
    """A training that nobody disturbed."""

    events: list[Event]
    live: Heard
    folder: Path

    @property
    def adapter(self) -> AdapterMade:
        made = self.events[-1]
        assert isinstance(made, AdapterMade)
        return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, sd_folder: Path) -> Finished:
    files, live, folder = Files(), Heard(), tmp_path_factory.mktemp("finished")

    async def train() -> list[Event]:
        settings = tiny.settings(folder, sd_folder, training_save_seconds=0.0)
        generator = DiffusionGenerator(settings, files.open)
        events = await run(generator, training(files, sd_folder.name), live=live)
        await generator.close()
        return events

    return Finished(asyncio.run(train()), live, folder)


async def test_training_ends_with_an_adapter_that_tells_alpha_rank_and_name(
    finished: Finished, spec: TrainingSpec
) -> None:
    events, live = finished.events, finished.live

    assert [event.step for event in events if isinstance(event, SampleMade)] == [3, 6, 9, 12]
    made = events[-1]
    assert isinstance(made, AdapterMade)
    assert (made.rank, made.model) == (4, spec.model)
    assert made.parameters["judgedBy"] == "held-out loss"
    scores = made.parameters["scores"]
    assert isinstance(scores, list)
    assert [score["step"] for score in scores if isinstance(score, dict)] == [3, 6, 9, 12]
    told = metadata(made.data)
    lora = json.loads(told["lora_adapter_metadata"])
    assert (lora["unet.r"], lora["unet.lora_alpha"]) == (4, 4)
    named = json.loads(told["likeness"])
    assert (named["trigger"], named["class_prompt"], named["step"]) == (
        "zwx",
        "woman",
        made.parameters["chosenStep"],
    )
    assert live.losses[-1][0] == 12
    assert all(loss is not None and 0 < loss < 10 for _, loss in live.losses)
    assert list((finished.folder / "training").glob("run-*")) == []
    assert trainers(finished.folder) == []


async def test_one_picture_is_enough_and_is_learned_in_the_resolution_asked_for(
    generator: DiffusionGenerator, files: Files, spec: TrainingSpec
) -> None:
    one = training(files, spec.model, images=spec.images[:1], steps=4, resolution=100)

    *events, made = await run(generator, one)

    assert isinstance(made, AdapterMade)
    assert made.parameters["scores"] is not None
    assert made.parameters["resolution"] == 96  # its multiple of 8
    sample = next(event for event in events if isinstance(event, SampleMade))
    with Image.open(io.BytesIO(sample.data)) as picture:
        assert picture.size == (96, 96)


async def test_training_that_goes_on_ends_with_the_bytes_of_an_unbroken_one(
    finished: Finished, generator: DiffusionGenerator, spec: TrainingSpec
) -> None:
    saved = [event for event in finished.events if isinstance(event, LatentsSaved)]
    assert [one.step for one in saved] == list(range(1, 12))

    live = Heard()
    known = Known(latents=KnownLatents(data=saved[4].data, step=saved[4].step))
    resumed = await run(generator, spec, known, live)

    assert min(step for step, _ in live.losses) > 5  # a report may be dropped, a step is not done again
    assert [event.step for event in resumed if isinstance(event, SampleMade)] == [6, 9, 12]
    first, second = finished.adapter, resumed[-1]
    assert isinstance(second, AdapterMade)
    if tiny.DEVICE == "cpu":  # an accelerator adds gradients up in any order
        assert second.data == first.data
        assert second.parameters["scores"] == first.parameters["scores"]


def plain_order(folder: Path) -> Order:
    """Of a checkpoint that nobody loads."""
    return Order(
        folder=str(folder), lock="", source="", family="sd", device="cpu", lessons=(), trigger="zwx",
        class_prompt="woman", base_model="tiny", side=64, rank=4, steps=9, learning_rate=1e-3, seed=0,
        sample_steps=2, guidance=1.0,
    )  # fmt: skip


async def test_state_of_another_training_is_not_taken_up(tmp_path: Path) -> None:
    import torch

    from generators.diffusion.trainer.keeping import Record, load_state, save_state

    def optimized(rank: int) -> tuple[torch.optim.AdamW, dict[str, torch.Tensor]]:
        weights = {"a.lora_A.weight": torch.ones(rank, 3, requires_grad=True)}
        optimizer = torch.optim.AdamW(weights.values())
        torch.autograd.backward(weights["a.lora_A.weight"].sum())
        optimizer.step()
        return optimizer, weights

    order = dataclasses.replace(plain_order(tmp_path), resume="state")
    optimizer, weights = optimized(4)
    save_state(order, "state", optimizer, weights, Record(step=7, scores=[(7, -0.5)]))

    same, fresh = optimized(4)
    wide, untouched = optimized(8)

    assert load_state(order, same, fresh).step == 7
    assert load_state(order, wide, untouched).step == 0


async def test_killed_trainer_is_a_failure_worth_another_try(
    generator: DiffusionGenerator, files: Files, spec: TrainingSpec, tmp_path: Path
) -> None:
    events: list[Event] = []

    async for event in generator.run(training(files, spec.model, steps=5000), Known(), Heard()):
        events.append(event)
        if isinstance(event, LatentsSaved) and event.step >= 3:
            for process in trainers(tmp_path):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    last = events[-1]
    assert isinstance(last, Failed)
    assert (last.kind, last.retryable) == (FailureKind.INTERNAL, True)
    assert "signal 9" in last.words
    assert list((tmp_path / "training").glob("run-*")) == []


async def test_trainer_dies_with_its_server(tmp_path: Path, sd_folder: Path) -> None:
    import multiprocessing

    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve_until_killed, args=(there, str(tmp_path), str(sd_folder)))
    server.start()
    assert await asyncio.to_thread(here.recv) == "training"
    assert len(trainers(tmp_path)) == 1
    assert server.pid is not None

    os.kill(server.pid, signal.SIGKILL)

    await gone(tmp_path)
    await asyncio.to_thread(server.join)
    left = list((tmp_path / "training").glob("run-*"))
    assert len(left) == 1
    another = DiffusionGenerator(tiny.settings(tmp_path, sd_folder), Files().open)
    another._trainings.start()
    assert list((tmp_path / "training").glob("run-*")) == []


def serve_until_killed(told: Any, folder: str, checkpoint: str) -> None:
    """A server that trains for ever."""

    async def work() -> None:
        files, live = Files(), Heard()
        generator = DiffusionGenerator(tiny.settings(Path(folder), Path(checkpoint)), files.open)
        spec = training(files, Path(checkpoint).name, steps=100_000)
        task = asyncio.create_task(run(generator, spec, live=live))
        await live.step.wait()
        told.send("training")
        await task

    asyncio.run(work())


async def test_pictures_are_the_same_while_a_training_runs_and_cancelled_it_leaves_nothing(
    generator: DiffusionGenerator, files: Files, spec: TrainingSpec, tmp_path: Path
) -> None:
    picture = image(spec.model)
    before = await made(generator, picture)
    live = Heard()
    task = asyncio.create_task(run(generator, training(files, spec.model, steps=5000), live=live))
    await live.step.wait()
    assert len(trainers(tmp_path)) == 1

    during = await made(generator, picture)

    assert not task.done()
    assert during == before
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert trainers(tmp_path) == []
    assert list((tmp_path / "training").glob("run-*")) == []


async def test_trained_adapter_is_worn_under_its_name(
    finished: Finished, generator: DiffusionGenerator, files: Files, sd_folder: Path
) -> None:
    await is_worn(generator, files, sd_folder, finished.adapter)


async def test_adapter_of_sdxl_trained_beside_its_own_pictures_is_worn_under_its_name(
    generator: DiffusionGenerator, files: Files, sdxl_folder: Path
) -> None:
    spec = training(files, sdxl_folder.name, steps=4, prior_preservation=True)
    adapter = (await run(generator, spec))[-1]
    assert isinstance(adapter, AdapterMade)

    await is_worn(generator, files, sdxl_folder, adapter)


async def is_worn(generator: DiffusionGenerator, files: Files, folder: Path, adapter: AdapterMade) -> None:
    file = files.add(adapter.data, "application/octet-stream")
    held = Conditioning(kind=ConditioningKind.LORA, file=file, weight=1.0)

    bare = await made(generator, image(folder.name))
    named = await made(generator, image(folder.name, prompt="zwx woman, a woman"))
    worn = await made(generator, image(folder.name, conditioning=(held,)))

    assert worn not in (bare, named)
    assert worn == stock(folder, file, files)


async def test_the_rate_rises_stays_and_falls_to_nothing_at_the_end() -> None:
    from generators.diffusion.trainer.learning import rate_share

    shares = [rate_share(step, 200) for step in (0, 9, 19, 99, 100, 150, 199)]
    assert shares == [0.05, 0.5, 1.0, 1.0, 1.0, 0.5, 0.01]


async def test_image_encoder_beside_the_checkpoint_judges_by_likeness(
    tmp_path: Path, files: Files, sd_folder: Path
) -> None:
    from generators.diffusion.encoders import LikenessSettings

    encoder = tmp_path / "encoder"
    clip_encoder(encoder)
    generator = DiffusionGenerator(
        tiny.settings(tmp_path, sd_folder), files.open, LikenessSettings(likeness_encoder=str(encoder))
    )
    try:
        made = (await run(generator, training(files, sd_folder.name, steps=2)))[-1]
    finally:
        await generator.close()

    assert isinstance(made, AdapterMade)
    assert made.parameters["judgedBy"] == "likeness"
    scores = made.parameters["scores"]
    assert isinstance(scores, list)
    assert all(isinstance(one, dict) and -1 <= float(str(one["score"])) <= 1 for one in scores)
    assert len(scores) == 2


async def test_several_pictures_are_judged_by_the_mean_of_each(tmp_path: Path) -> None:
    from generators.diffusion.trainer.judging import Judge
    from generators.diffusion.trainer.lessons import School

    clip_encoder(tmp_path / "encoder")
    shown = [Image.effect_noise((32, 32), sigma).convert("RGB") for sigma in (20, 60, 120)]
    for number, picture in enumerate(shown):
        picture.save(tmp_path / f"{number}.png")
    taught = tuple(Lesson(file=f"{number}.png", caption="") for number in range(3))
    order = dataclasses.replace(plain_order(tmp_path), lessons=taught, judge=str(tmp_path / "encoder"))
    judge = Judge(order, School(own=[], nothing=None, prior=None, held_out=(0,)))  # type: ignore[arg-type]  # only judged by
    first, second, third = ([(tmp_path / f"{number}.png").read_bytes()] for number in range(3))

    assert judge.able
    assert judge.likeness(first) == pytest.approx(1.0)
    assert judge.likeness(second) < 0.999
    assert judge.likeness([*second, *third]) == pytest.approx(
        (judge.likeness(second) + judge.likeness(third)) / 2
    )


def clip_encoder(folder: Path) -> None:
    """A tiny CLIP image encoder with random weights."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, image_size=32,
        patch_size=8, projection_dim=16,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder)


async def test_unreadable_picture_is_refused_before_any_step(
    generator: DiffusionGenerator, files: Files, spec: TrainingSpec
) -> None:
    live = Heard()
    broken = TrainingImage(file=files.add(b"no picture"))

    events = await run(generator, training(files, spec.model, images=(*spec.images, broken)), live=live)

    assert [type(event) for event in events] == [Failed]
    assert isinstance(events[0], Failed)
    assert events[0].kind is FailureKind.BAD_REQUEST
    assert live.losses == []


@pytest.mark.parametrize("count", [0, 51])
async def test_too_few_or_many_pictures_are_refused(
    generator: DiffusionGenerator, files: Files, spec: TrainingSpec, count: int
) -> None:
    images = tuple(spec.images[0] for _ in range(count))

    [event] = await run(generator, training(files, spec.model, images=images))

    assert isinstance(event, Failed)
    assert event.kind is FailureKind.BAD_REQUEST
    assert str(count) in event.words


async def test_picture_that_is_gone_is_told(
    generator: DiffusionGenerator, files: Files, spec: TrainingSpec
) -> None:
    del files.data[spec.images[0].file.sha256]

    [event] = await run(generator, spec)

    assert isinstance(event, Failed)
    assert event.words == "A training picture is no longer stored."


async def test_pausing_server_makes_pictures_after_the_training(
    tmp_path: Path, files: Files, sd_folder: Path
) -> None:
    settings = tiny.settings(tmp_path, sd_folder, training_pauses_serving=True)
    generator = DiffusionGenerator(settings, files.open)
    try:
        first = await made(generator, image(sd_folder.name))
        live = Heard()
        task = asyncio.create_task(run(generator, training(files, sd_folder.name, steps=30), live=live))
        await live.step.wait()
        assert generator.engine_state().loaded == ()
        picture = asyncio.create_task(made(generator, image(sd_folder.name)))

        done, _ = await asyncio.wait([task, picture], return_when=asyncio.FIRST_COMPLETED)

        assert done == {task}
        assert await picture == first
    finally:
        await generator.close()


def stock(folder: Path, adapter: FileRef, files: Files) -> bytes:
    """The picture as the stock pipeline makes it with that adapter loaded."""
    import diffusers
    import torch

    from generators.diffusion.pictures import png

    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    weights = folder.parent / "adapter.safetensors"
    weights.write_bytes(files.data[adapter.sha256])
    pipeline.load_lora_weights(weights)
    pipeline.to(tiny.DEVICE)
    picture = pipeline(
        prompt="zwx woman, a woman",
        width=64,
        height=64,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=torch.Generator("cpu").manual_seed(5),
    ).images[0]
    return png(picture)
