"""The checkpoint of last resort: built once, loaded like any other, honest about its noise."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from generators.catalog import Size
from generators.diffusion import starter
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.engine import Engine
from tests.generators.diffusion import tiny

Build = Callable[..., Engine]


def weights(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }


def test_it_is_built_at_first_use_and_says_that_its_pictures_are_noise(build: Build, tmp_path: Path) -> None:
    nothing_there = tmp_path / "not-shipped"
    engine = build(starter_checkpoint=True, starter_folder=nothing_there)
    shelf = Shelf(tiny.settings(tmp_path, starter_checkpoint=True, starter_folder=nothing_there))
    state = shelf.availability("starter")
    assert (state.available, state.loading) == (True, True)
    made = tiny.send(engine, tiny.ask("starter", width=128, height=128, steps=2)).made()
    assert (made.facts.width, made.facts.height) == (128, 128)
    assert (
        made.facts.parameters["note"] == "The starter checkpoint has random weights: this picture is noise."
    )
    model = next(entry.model() for entry in shelf.checkpoints())
    assert (model.native_size, model.max_side, model.rank) == (Size(width=128, height=128), 256, -1)
    assert "noise" in model.name
    assert model.note is not None
    assert "noise" in model.note
    assert shelf.availability("starter").loading is False


def test_shipped_one_is_there_at_once_and_says_what_it_is(tmp_path: Path) -> None:
    shelf = Shelf(tiny.settings(tmp_path, starter_checkpoint=True))
    [entry] = shelf.checkpoints()
    state = shelf.availability("starter")
    assert (entry.name, entry.noise, state.available, state.loading) == (
        "Likeness starter",
        False,
        True,
        False,
    )
    assert "demo checkpoint" in (entry.note or "")


def test_shipped_one_shows_where_it_is_heading(build: Build) -> None:
    """Its latents have eight channels, which the stock tiling of its autoencoder cannot take."""
    engine = build(starter_checkpoint=True)
    live = tiny.Watcher(wanted=True)
    made = tiny.send(engine, tiny.ask("starter", width=128, height=128, steps=6), live).made()
    assert "demo checkpoint" in str(made.facts.parameters["note"])
    assert {(preview.width, preview.height) for preview in live.previews} == {(16, 16)}


def test_it_is_built_once_with_equal_weights_and_leaves_no_scratch(tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "starter", tmp_path / "b" / "starter"
    starter.build(one)
    starter.build(other)
    first = weights(one)
    assert first == weights(other)
    assert len(first) == 3
    assert [path.name for path in one.parent.iterdir()] == ["starter"]
    stamp = (one / "model_index.json").stat().st_mtime_ns
    starter.build(one)
    assert (one / "model_index.json").stat().st_mtime_ns == stamp
    assert sum(path.stat().st_size for path in one.rglob("*") if path.is_file()) < 12_000_000


def test_a_half_built_folder_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "starter"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "config.json").write_text("{}")
    starter.build(folder)
    assert len(weights(folder)) == 3


def test_switched_off_there_is_none(tmp_path: Path) -> None:
    shelf = Shelf(tiny.settings(tmp_path))
    assert shelf.checkpoints() == ()
    assert shelf.best() is None


def test_a_trained_one_takes_its_place_without_any_other_change(tmp_path: Path, sd_folder: Path) -> None:
    import shutil

    folder = tmp_path / "trained"
    shutil.copytree(sd_folder, folder)
    card = {"name": "Likeness starter", "note": "A small demo model.", "noise": False, "native_side": 64}
    (folder / "likeness.json").write_text(json.dumps(card))
    shelf = Shelf(tiny.settings(tmp_path, starter_checkpoint=True, starter_folder=folder))
    entry = shelf.get("starter")
    assert entry is not None
    assert (entry.name, entry.note, entry.noise) == ("Likeness starter", "A small demo model.", False)
    assert entry.native == Size(width=64, height=64)
    assert shelf.availability("starter").loading is False


def test_any_other_checkpoint_goes_before_it(tmp_path: Path, sd_folder: Path) -> None:
    shelf = Shelf(tiny.settings(tmp_path, sd_folder, starter_checkpoint=True))
    assert [entry.key for entry in shelf.checkpoints()] == ["tiny-sd", "starter"]
    best = shelf.best()
    assert best is not None
    assert best.key == "tiny-sd"
