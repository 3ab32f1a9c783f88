"""Which checkpoints there are, which is best, and why one cannot be used."""

import json
import shutil
from pathlib import Path

import pytest

from generators.catalog import Size
from generators.diffusion.checkpoints import Shelf
from tests.generators.diffusion import tiny


@pytest.fixture
def copy(tmp_path: Path, sd_folder: Path) -> Path:
    folder = tmp_path / "mine"
    shutil.copytree(sd_folder, folder)
    return folder


def reason(shelf: Shelf, key: str) -> str:
    state = shelf.availability(key)
    assert not state.available
    assert state.reason is not None
    return state.reason


def test_a_folder_is_described_by_its_own_files(tmp_path: Path, copy: Path) -> None:
    shelf = Shelf(tiny.settings(tmp_path, copy))
    entry = shelf.get("mine")
    assert entry is not None
    assert (entry.family, entry.native, entry.rank) == ("sd", Size(width=64, height=64), 130)
    assert shelf.availability("mine").available


@pytest.mark.parametrize(("told", "side"), [(64, 64), (32, 1024), (None, 1024)])
def test_transformer_of_no_size_is_as_large_as_its_vae_says(
    tmp_path: Path, told: int | None, side: int
) -> None:
    (tmp_path / "flux" / "transformer").mkdir(parents=True)
    (tmp_path / "flux" / "vae").mkdir()
    (tmp_path / "flux" / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    (tmp_path / "flux" / "transformer" / "config.json").write_text("{}")
    (tmp_path / "flux" / "vae" / "config.json").write_text(json.dumps({"sample_size": told}))

    entry = Shelf(tiny.settings(tmp_path, tmp_path / "flux")).get("flux")

    assert entry is not None
    assert entry.native == Size(width=side, height=side)
    recipe = entry.model().recipe
    assert recipe is not None
    assert recipe.steps == (200 if side == 64 else 500)


def test_a_folder_may_have_a_key_of_its_own(tmp_path: Path, copy: Path) -> None:
    settings = tiny.settings(tmp_path, local_checkpoints=(f"house-style={copy}",))
    assert [entry.key for entry in Shelf(settings).checkpoints()] == ["house-style"]


def test_two_folders_of_one_name_are_refused_at_the_start(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(ValueError, match="'mine'"):
        Shelf(tiny.settings(tmp_path, copy, copy))


def test_an_empty_folder_says_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shelf = Shelf(tiny.settings(tmp_path, tmp_path / "empty"))
    assert reason(shelf, "empty") == (
        f"The folder {tmp_path / 'empty'} holds no model_index.json; it must be a checkpoint in diffusers format."
    )


def test_an_incomplete_folder_names_what_is_missing(tmp_path: Path, copy: Path) -> None:
    (copy / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    shutil.rmtree(copy / "tokenizer")
    shelf = Shelf(tiny.settings(tmp_path, copy))
    assert reason(shelf, "mine") == "Its folder lacks tokenizer, unet/*.safetensors."


def test_a_kind_that_the_engine_does_not_run_is_named(tmp_path: Path, copy: Path) -> None:
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps(index | {"_class_name": "WanPipeline"}))
    shelf = Shelf(tiny.settings(tmp_path, copy))
    assert reason(shelf, "mine").startswith("The engine does not run WanPipeline checkpoints; it runs ")


@pytest.mark.parametrize("content", ["not json", "[]"])
def test_a_broken_index_is_a_reason_and_no_crash(tmp_path: Path, copy: Path, content: str) -> None:
    (copy / "model_index.json").write_text(content)
    shelf = Shelf(tiny.settings(tmp_path, copy))
    assert reason(shelf, "mine").startswith("Its model_index.json cannot be read")
    assert len(shelf.checkpoints()) == 1


def test_a_hub_entry_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    shelf = Shelf(tiny.settings(tmp_path, builtin_checkpoints=True, hub_cache=tmp_path / "hub"))
    assert reason(shelf, "sdxl-base") == "Not downloaded; run `python -m app models pull sdxl-base`."
    assert shelf.best() is None


def in_hub(cache: Path, repo: str, source: Path) -> Path:
    root = cache / f"models--{repo.replace('/', '--')}"
    shutil.copytree(source, root / "snapshots" / "abc")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc")
    return root / "snapshots" / "abc"


def test_a_hub_entry_in_the_shared_cache_is_available(tmp_path: Path, sdxl_folder: Path) -> None:
    cache = tmp_path / "hub"
    folder = in_hub(cache, "stabilityai/stable-diffusion-xl-base-1.0", sdxl_folder)
    shelf = Shelf(tiny.settings(tmp_path, builtin_checkpoints=True, hub_cache=cache))
    assert shelf.availability("sdxl-base").available
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    assert not shelf.availability("sdxl-base").available


def test_sdxl_goes_before_smaller_ones_and_configured_before_found(
    tmp_path: Path, sd_folder: Path, sdxl_folder: Path
) -> None:
    cache = tmp_path / "hub"
    in_hub(cache, "stabilityai/stable-diffusion-xl-base-1.0", sdxl_folder)
    in_hub(cache, "stable-diffusion-v1-5/stable-diffusion-v1-5", sd_folder)
    found = Shelf(tiny.settings(tmp_path, builtin_checkpoints=True, hub_cache=cache)).best()
    assert found is not None
    assert found.key == "sdxl-base"
    both = Shelf(tiny.settings(tmp_path, sd_folder, sdxl_folder, builtin_checkpoints=True, hub_cache=cache))
    assert [entry.key for entry in both.checkpoints() if both.availability(entry.key).available] == [
        "tiny-sdxl",
        "tiny-sd",
        "sdxl-base",
        "sd-1.5",
    ]


def test_a_configured_hub_id_with_a_revision_keeps_it(tmp_path: Path) -> None:
    settings = tiny.settings(tmp_path, local_checkpoints=("mine=owner/name@v2",), hub_cache=tmp_path)
    (entry,) = Shelf(settings).checkpoints()
    assert (entry.key, entry.source, entry.revision, entry.is_folder) == ("mine", "owner/name", "v2", False)


def test_a_load_that_failed_is_remembered_until_mended(tmp_path: Path, copy: Path) -> None:
    shelf = Shelf(tiny.settings(tmp_path, copy))
    shelf.broke("mine", "It does not load: OSError: damaged")
    assert reason(shelf, "mine") == "It does not load: OSError: damaged"
    assert shelf.best() is None
    shelf.mended("mine")
    assert shelf.availability("mine").available


def test_damaged_weights_become_the_catalogs_reason(tmp_path: Path, copy: Path) -> None:
    from generators.events import Failed, FailureKind

    (copy / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"\x00" * 100)
    engine = tiny.engine(tmp_path, copy)
    end = tiny.send(engine, tiny.ask("mine")).end()
    engine.close()
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.NO_CHECKPOINT
    assert end.words.startswith("It does not load: ")
    assert reason(engine._shelf, "mine") == end.words


def test_checkpoint_that_did_not_load_is_offered_again_when_its_files_are_others(
    tmp_path: Path, copy: Path
) -> None:
    shelf = Shelf(tiny.settings(tmp_path, copy))
    shelf.broke("mine", "It does not load.")
    assert reason(shelf, "mine") == "It does not load."

    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert shelf.availability("mine").available

    shelf.broke("mine", "It does not load.")
    shutil.rmtree(copy)
    assert reason(shelf, "mine").startswith("The folder ")
