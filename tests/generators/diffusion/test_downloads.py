"""Checkpoints are brought from a hub, with progress, and nothing damaged is kept."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generators.diffusion import downloads
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.downloads import DownloadError, Progress, pull
from generators.diffusion.engine import Engine
from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.settings import DiffusionSettings
from generators.events import Downloaded, Failed, FailureKind, Phase
from generators.generator import Known
from generators.spec import DownloadSpec, FileRef
from tests.generators.diffusion import tiny
from tests.generators.diffusion.hub import Hub, served

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine says: the hub of these tests is on it."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def source(tmp_path: Path, sd_folder: Path) -> Path:
    """A checkpoint as repositories hold it: with pickles, other precisions and pictures beside it."""
    folder = tmp_path / "source"
    shutil.copytree(sd_folder, folder)
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (folder / "unet" / "diffusion_pytorch_model.non_ema.safetensors").write_bytes(b"other")
    (folder / "whole.ckpt").write_bytes(b"pickle")
    (folder / "sample.png").write_bytes(b"picture")
    (folder / "README.md").write_text("A model.")
    return folder


@pytest.fixture
def hub(source: Path) -> Iterator[tuple[Hub, str]]:
    with served(source) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, hub: tuple[Hub, str]) -> DiffusionSettings:
    return tiny.settings(
        tmp_path, local_checkpoints=("mine=owner/name",), hub_cache=tmp_path / "hub", hub_endpoint=hub[1]
    )


async def drained(settings: DiffusionSettings, shelf: Shelf, key: str = "mine") -> list[Progress]:
    return [progress async for progress in pull(shelf, settings, key)]


async def test_a_pulled_checkpoint_becomes_available_and_loads(settings: DiffusionSettings) -> None:
    shelf = Shelf(settings)
    assert not shelf.availability("mine").available
    progress = await drained(settings, shelf)
    assert progress[-1].done == progress[-1].total > 0
    assert [one.done for one in progress] == sorted(one.done for one in progress)
    assert shelf.availability("mine").available
    engine = Engine(settings, shelf)
    tiny.send(engine, tiny.ask("mine", steps=2)).made()
    engine.close()


async def test_only_configs_and_one_set_of_safetensors_are_fetched(
    settings: DiffusionSettings, hub: tuple[Hub, str]
) -> None:
    await drained(settings, Shelf(settings))
    fetched = {
        path.partition("/resolve/")[2].partition("/")[2] for path in hub[0].asked if "/resolve/" in path
    }
    assert "README.md" in fetched
    assert "unet/diffusion_pytorch_model.safetensors" in fetched
    assert not {name for name in fetched if name.endswith((".bin", ".ckpt", ".png"))}
    assert "unet/diffusion_pytorch_model.non_ema.safetensors" not in fetched


async def test_what_is_already_here_is_not_fetched_again(
    settings: DiffusionSettings, hub: tuple[Hub, str]
) -> None:
    shelf = Shelf(settings)
    await drained(settings, shelf)
    hub[0].hold.clear()  # a GET of a file would now hang
    progress = await drained(settings, shelf)
    assert progress[-1].done == progress[-1].total


async def test_damaged_weights_are_removed_and_told(
    settings: DiffusionSettings, hub: tuple[Hub, str]
) -> None:
    shelf = Shelf(settings)
    hub[0].damage.add("unet/diffusion_pytorch_model.safetensors")
    with pytest.raises(DownloadError, match="arrived damaged and was removed") as refused:
        await drained(settings, shelf)
    assert refused.value.retryable
    assert not shelf.availability("mine").available
    hub[0].damage.clear()
    await drained(settings, shelf)
    assert shelf.availability("mine").available


async def test_checkpoint_is_not_offered_before_its_files_are_verified(
    settings: DiffusionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[bool] = []

    def verify(folder: Path, files: list[Any], stop: Any) -> None:
        offered.append(Shelf(settings).availability("mine").available)
        assert all((folder / file.name).is_file() for file in files)
        raise DownloadError("The power failed.")

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_verify", verify)
        with pytest.raises(DownloadError, match="power"):
            await drained(settings, Shelf(settings))
    assert offered == [False]
    assert not Shelf(settings).availability("mine").available

    await drained(settings, Shelf(settings))
    assert Shelf(settings).availability("mine").available


async def test_whole_checkpoint_is_offered_while_it_is_looked_at_again(
    settings: DiffusionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drained(settings, Shelf(settings))
    offered: list[bool] = []
    monkeypatch.setattr(
        downloads,
        "_verify",
        lambda *_: offered.append(Shelf(settings).availability("mine").available),
    )

    await drained(settings, Shelf(settings))

    assert offered == [True]


async def test_a_gated_repository_asks_for_a_token(settings: DiffusionSettings, hub: tuple[Hub, str]) -> None:
    hub[0].gated = True
    with pytest.raises(DownloadError, match=r"asks for an accepted licence and a token \(HF_TOKEN\)"):
        await drained(settings, Shelf(settings))


async def test_offline_mode_is_named(settings: DiffusionSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE is set") as refused:
        await drained(settings, Shelf(settings))
    assert not refused.value.retryable


async def test_no_network_is_retryable(settings: DiffusionSettings) -> None:
    import dataclasses

    dead = dataclasses.replace(settings, hub_endpoint="http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="cannot be reached") as refused:
        await drained(dead, Shelf(dead))
    assert refused.value.retryable


async def test_too_little_disk_is_refused_before_a_byte_is_fetched(
    settings: DiffusionSettings, hub: tuple[Hub, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import types

    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=2**20))
    with pytest.raises(DownloadError, match=r"only 0\.0 GiB are free"):
        await drained(settings, Shelf(settings))
    assert not [path for path in hub[0].asked if "/resolve/" in path]


async def test_cancelling_the_consumer_stops_the_download(
    settings: DiffusionSettings, hub: tuple[Hub, str]
) -> None:
    import asyncio

    shelf = Shelf(settings)
    hub[0].hold.clear()
    task = asyncio.create_task(drained(settings, shelf))
    await asyncio.to_thread(hub[0].held.wait, 10)
    task.cancel()
    hub[0].hold.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not shelf.availability("mine").available


async def test_a_download_job_reports_and_ends_with_its_size(
    settings: DiffusionSettings, hub: tuple[Hub, str]
) -> None:
    generator = DiffusionGenerator(settings, open_file)
    watcher = tiny.Watcher()
    (ended,) = [event async for event in generator.run(DownloadSpec(model="mine"), Known(), watcher)]
    assert isinstance(ended, Downloaded)
    assert ended.model == "mine"
    assert ended.size == sum(
        len(data)
        for name, data in hub[0].files.items()
        if name.endswith((".safetensors", ".json", ".txt", ".md"))
    ) - len(b"other")
    assert {event.phase for event in watcher.steps} == {Phase.DOWNLOADING}
    assert generator.availability("mine").available
    hub[0].gated = True
    shutil.rmtree(settings.hub_cache or Path("nowhere"))
    (refused,) = [event async for event in generator.run(DownloadSpec(model="mine"), Known(), watcher)]
    assert isinstance(refused, Failed)
    assert (refused.kind, refused.retryable) == (FailureKind.NO_CHECKPOINT, False)
    await generator.close()


async def open_file(ref: FileRef) -> bytes:
    raise FileNotFoundError(ref.sha256)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("absent", "No local checkpoint, IP-Adapter or ControlNet has the key 'absent'."),
        ("folder", "there is nothing to download"),
    ],
)
async def test_what_is_not_on_the_hub_is_refused(tmp_path: Path, key: str, words: str) -> None:
    settings = tiny.settings(tmp_path, local_checkpoints=(f"folder={tmp_path}",))
    with pytest.raises(DownloadError, match=words):
        await drained(settings, Shelf(settings), key)


async def test_network_beside_a_checkpoint_is_pulled_and_gives_it_what_it_can(
    tmp_path: Path, sd_folder: Path
) -> None:
    from generators.catalog import Capability
    from tests.generators.diffusion import worn

    folder = worn.control_net(tiny.sd(), tmp_path / "control")
    (folder / "README.md").write_text("A ControlNet.")
    (folder / "pickle.bin").write_bytes(b"pickle")
    with served(folder) as (hub, address):
        settings = tiny.settings(
            tmp_path,
            sd_folder,
            local_extras=("controlnet:sd=owner/name",),
            hub_cache=tmp_path / "hub",
            hub_endpoint=address,
        )
        shelf = Shelf(settings)
        absent = shelf.availability("controlnet:sd")
        before = shelf.checkpoints()[0].model().capabilities

        progress = await drained(settings, shelf, "controlnet:sd")

    assert absent.reason == "Not downloaded; run `python -m app models pull controlnet:sd`."
    assert Capability.CONTROLNET not in before
    assert progress[-1].done == progress[-1].total > 0
    assert shelf.availability("controlnet:sd").available
    assert Capability.CONTROLNET in shelf.checkpoints()[0].model().capabilities
    fetched = {path.rpartition("/")[2] for path in hub.asked if "/resolve/" in path}
    assert fetched == {"config.json", "diffusion_pytorch_model.safetensors", "README.md"}


async def test_damaged_small_file_is_removed_and_told(
    settings: DiffusionSettings, hub: tuple[Hub, str]
) -> None:
    shelf = Shelf(settings)
    hub[0].damage.add("scheduler/scheduler_config.json")

    with pytest.raises(DownloadError, match=r"scheduler_config.json arrived damaged and was removed"):
        await drained(settings, shelf)


async def test_networks_beside_are_in_the_catalog_with_their_licences(tmp_path: Path) -> None:
    async def nothing(file: FileRef) -> bytes:
        raise FileNotFoundError(file.sha256)

    settings = tiny.settings(tmp_path, builtin_checkpoints=True, hub_cache=tmp_path / "hub")
    generator = DiffusionGenerator(settings, nothing)
    models = {model.key: model for model in generator.models()}

    adapter = models["ip-adapter-sdxl"]
    assert (adapter.name, adapter.licence) == ("IP-Adapter for sdxl checkpoints", "Apache-2.0")
    assert adapter.capabilities == frozenset()
    assert generator.not_downloadable("ip-adapter-sdxl") is None
    assert not generator.availability("ip-adapter-sdxl").available
