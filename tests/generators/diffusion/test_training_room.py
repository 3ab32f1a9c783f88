"""Room for trainings: memory that is reserved or refused with numbers, one device each, gentle, behind a fence."""

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.trainer.orders import Order
from generators.events import AdapterMade, Failed, FailureKind
from generators.generator import Known
from generators.spec import TrainingSpec
from tests.generators.diffusion import tiny
from tests.generators.diffusion.trainings import Files, Heard, run, trainers, training

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


async def test_training_that_does_not_fit_is_refused_with_numbers_before_a_process_starts(
    generator: DiffusionGenerator, spec: TrainingSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from generators.diffusion.reserving import Reservation

    def lent(**_: bool) -> Reservation:
        reservation = Reservation()
        reservation.granted(2**20)
        return reservation

    monkeypatch.setattr(generator._trainings._engine, "reserve", lent)

    [event] = await run(generator, spec)

    assert event == Failed(
        kind=FailureKind.OUT_OF_MEMORY,
        words="This training needs about 0.0 GiB of the device's memory; 0.0 GiB are free. Wait for running work, set "
        "TRAINING_PAUSES_SERVING, or set TRAINING_DEVICE to another device.",
        retryable=True,
    )
    assert list((tmp_path / "training").glob("run-*")) == []


async def test_need_grows_with_weights_and_area(sd_folder: Path, tmp_path: Path) -> None:
    from generators.diffusion.trainer.need import needed, too_little

    order = Order(
        folder=str(tmp_path), lock="", source=str(sd_folder), family="sd", device="cpu", lessons=(), trigger="zwx",
        class_prompt="woman", base_model="tiny", side=1024, rank=4, steps=9, learning_rate=1e-3, seed=0,
        sample_steps=2, guidance=1.0,
    )  # fmt: skip
    weights = weighed(sd_folder)

    assert needed(order) == int(weights * 1.5) + 6 * 2**30
    assert needed(dataclasses.replace(order, side=512)) == int(weights * 1.5 + 1.5 * 2**30)
    assert too_little(order, 7 * 2**30) is None
    assert too_little(order, None) is None
    told = too_little(order, 5 * 2**30)
    assert told is not None
    assert told.startswith("This training needs about 6.0 GiB of the device's memory; 5.0 GiB are free.")


async def test_trainer_trains_on_the_device_that_is_named_for_it(
    tmp_path: Path, files: Files, sd_folder: Path
) -> None:
    settings = tiny.settings(tmp_path, sd_folder, training_device="cuda:77")
    generator = DiffusionGenerator(settings, files.open)
    try:
        [event] = await run(generator, training(files, sd_folder.name))
    finally:
        await generator.close()

    assert isinstance(event, Failed)
    assert (event.kind, event.retryable) == (FailureKind.BAD_REQUEST, False)
    assert event.words.startswith("There is no device to train on: ")
    assert event.words.endswith("See TRAINING_DEVICE.")


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="who waits for a lock is only told on Linux")
async def test_trainers_of_a_device_wait_for_each_other_at_low_priority_in_folders_with_their_fence(
    generator: DiffusionGenerator, files: Files, spec: TrainingSpec, tmp_path: Path
) -> None:
    import fcntl

    live = Heard()
    lock = tmp_path / "training" / f"{tiny.DEVICE}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        task = asyncio.create_task(run(generator, training(files, spec.model, steps=1), Known(fence=7), live))
        async with asyncio.timeout(100):
            while not waited_for(lock):  # noqa: ASYNC110 - the kernel has no event for it
                await asyncio.sleep(0.05)
        [process] = trainers(tmp_path)
        [folder] = (tmp_path / "training").glob("run-*")
        assert folder.name.startswith("run-7-")
        assert os.getpriority(os.PRIO_PROCESS, process) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
        assert live.losses == []
        fcntl.flock(other, fcntl.LOCK_UN)
        events = await task

    assert isinstance(events[-1], AdapterMade)


def weighed(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*/*.safetensors"))


def waited_for(lock: Path) -> bool:
    """Whether somebody waits for the lock."""
    inode = f":{lock.stat().st_ino} "
    return any(" -> " in line and inode in line for line in Path("/proc/locks").read_text().splitlines())
