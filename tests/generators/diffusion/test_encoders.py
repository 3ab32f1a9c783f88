"""Image encoders in folders: small ones of every kind, with random weights."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from generators.diffusion.checkpoints import Shelf
from generators.diffusion.encoders import FolderEncoder, LikenessSettings, LocalEncoders
from generators.diffusion.preparing import CLIP_MEAN, Preparation, preparation
from generators.diffusion.settings import DiffusionSettings

pytestmark = pytest.mark.asyncio

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}


def clip() -> Any:
    return CLIPVisionModelWithProjection(CLIPVisionConfig(**SMALL, projection_dim=8))


def dino() -> Any:
    return Dinov2Model(Dinov2Config(**{**SMALL, "mlp_ratio": 2}))


def siglip() -> Any:
    return SiglipVisionModel(SiglipVisionConfig(**SMALL))


def saved(folder: Path, make: Callable[[], Any], *, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    make().save_pretrained(folder)
    return folder


def picture(red: int = 200, size: tuple[int, int] = (48, 64)) -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", size, (red, 40, 90))
    image.paste((10, 240, 30), (4, 4, 30, 30))
    image.save(out, "PNG")
    return out.getvalue()


def encoders(tmp_path: Path, encoder: str | None = None, **given: Any) -> LocalEncoders:
    settings = DiffusionSettings(
        data_dir=tmp_path,
        hub_cache=tmp_path / "hub",
        builtin_checkpoints=False,
        starter_checkpoint=False,
        **given,
    )
    return LocalEncoders(LikenessSettings(likeness_encoder=encoder), Shelf(settings))


@pytest.mark.parametrize(("make", "length"), [(clip, 8), (dino, 16), (siglip, 16)])
async def test_every_kind_gives_a_unit_vector_and_the_same_for_the_same_picture(
    tmp_path: Path, make: Callable[[], Any], length: int
) -> None:
    encoder = FolderEncoder(saved(tmp_path, make))

    one, again, other = [await encoder.embed(each) for each in (picture(), picture(), picture(red=0))]
    encoder.close()

    assert one is not None
    assert other is not None
    assert len(one) == length
    assert sum(value * value for value in one) == pytest.approx(1.0)
    assert one == again
    assert one != other


async def test_vector_is_that_of_the_library(tmp_path: Path) -> None:
    folder = saved(tmp_path, clip)
    encoder = FolderEncoder(folder)
    ours = await encoder.embed(picture())
    encoder.close()
    with torch.inference_mode():
        theirs = CLIPVisionModelWithProjection.from_pretrained(folder)(
            pixel_values=torch.from_numpy(preparation(folder)(picture()))
        ).image_embeds[0]
    expected = theirs.double() / theirs.double().norm()

    assert ours == pytest.approx(expected.tolist())


async def test_key_names_the_weights(tmp_path: Path) -> None:
    one, same = saved(tmp_path / "a" / "enc", clip), saved(tmp_path / "b" / "enc", clip)
    other = saved(tmp_path / "c" / "enc", clip, seed=1)

    assert FolderEncoder(one).key == FolderEncoder(same).key
    assert FolderEncoder(one).key.startswith("enc-")
    assert FolderEncoder(one).key != FolderEncoder(other).key


async def test_unknown_kind_and_broken_weights_measure_nothing(tmp_path: Path) -> None:
    strange = saved(tmp_path / "strange", dino)
    config = json.loads((strange / "config.json").read_text())
    (strange / "config.json").write_text(json.dumps({**config, "architectures": ["GPT2Model"]}))
    broken = saved(tmp_path / "broken", dino)
    (broken / "model.safetensors").write_bytes(b"no weights")

    for folder in (strange, broken):
        encoder = FolderEncoder(folder)
        assert await encoder.embed(picture()) is None
        assert await encoder.embed(picture()) is None
        encoder.close()


async def test_checkpoint_goes_before_the_setting_and_the_setting_before_nothing(
    tmp_path: Path, sd_folder: Path
) -> None:
    with_own, without = tmp_path / "own", tmp_path / "bare"
    for folder in (with_own, without):
        shutil.copytree(sd_folder, folder)
    saved(with_own / "image_encoder", clip)
    chosen = saved(tmp_path / "dino", dino)
    checkpoints = (f"own={with_own}", f"bare={without}")
    found = encoders(tmp_path, str(chosen), local_checkpoints=checkpoints)
    alone = encoders(tmp_path, local_checkpoints=checkpoints)

    own, bare, hosted = (found.encoder_for(key) for key in ("own", "bare", "gpt-image"))

    assert own is not None
    assert bare is not None
    assert own.key.startswith("image_encoder-")
    assert bare.key.startswith("dino-")
    assert hosted is bare
    assert found.encoder_for("own") is own
    assert alone.encoder_for("bare") is None
    assert alone.encoder_for("gpt-image") is None
    await found.close()


async def test_hub_id_is_found_where_downloads_lie(tmp_path: Path) -> None:
    root = tmp_path / "hub" / "models--facebook--dinov2-small"
    saved(root / "snapshots" / "abc", dino)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc")

    assert encoders(tmp_path, "facebook/dinov2-small").encoder_for("any") is not None
    assert encoders(tmp_path, "facebook/dinov2-large").encoder_for("any") is None


async def test_picture_is_prepared_as_the_folder_says(tmp_path: Path) -> None:
    folder = saved(tmp_path, dino)
    said = {
        "size": {"shortest_edge": 40},
        "crop_size": {"height": 32, "width": 32},
        "do_center_crop": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    plain = preparation(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    told = preparation(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 16, "width": 16}}))
    square = preparation(folder)

    half = (0.5, 0.5, 0.5)
    assert plain == Preparation(side=32, shortest=32)
    assert told == Preparation(side=32, shortest=40, mean=half, deviation=half)
    assert square == Preparation(side=16, shortest=None)
    assert told(picture()).shape == (1, 3, 32, 32)
    white = io.BytesIO()
    Image.new("RGB", (50, 90), "white").save(white, "PNG")
    assert numpy.allclose(told(white.getvalue()), 1.0)
    assert plain.mean == CLIP_MEAN
