"""A very short training through every stage: losses fall, the result loads anywhere."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors import safe_open

from training.starter.autoencoder import train_autoencoder
from training.starter.classifier import train_classifier
from training.starter.decoding import train_decoder
from training.starter.denoising import run_denoiser, run_joint, run_usual, run_wording
from training.starter.export import LIMIT, export
from training.starter.latents import LatentCache, write_shards
from training.starter.looks import Look
from training.starter.parts import load_autoencoder, load_reader, load_tokenizer
from training.starter.render import render
from training.starter.runs import Plan
from training.starter.text import train_text
from training.starter.tokenizer import build_tokenizer
from training.starter.unpack import unpack
from training.starter.vision import train_vision
from training.starter.wording import listens

pytestmark = pytest.mark.long
STEPS = 12


def _plan(folder: Path, stage: str, rate: float = 2e-3) -> Plan:
    return Plan(
        folder / stage, steps=STEPS, rate=rate, warmup=2, decay=4, save_every=100, log_every=3, average=0.5
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every stage has taken twelve steps."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("starter")
    train_autoencoder(_plan(folder, "autoencoder"), batch=4, pixels=128)
    build_tokenizer(folder / "tokenizer")
    train_text(_plan(folder, "text"), load_tokenizer(folder), batch=16)
    autoencoder = load_autoencoder(folder)
    write_shards(autoencoder, folder / "latents", range(2), pixels=128, size=24)
    train_classifier(_plan(folder, "classifier"), autoencoder, batch=16)
    train_vision(_plan(folder, "vision"), load_reader(folder), batch=12)
    run_denoiser(_plan(folder, "denoiser"), folder, batch=8)
    run_joint(_plan(folder, "joint", rate=1e-3), folder, batch=4)
    run_wording(_plan(folder, "wording", rate=1e-3), folder, batch=4)
    run_usual(_plan(folder, "usual", rate=1e-3), folder, batch=4)
    return folder


@pytest.fixture(scope="module")
def checkpoint(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported folder."""
    target = tmp_path_factory.mktemp("exported") / "checkpoint"
    assert export(folder, target, stage="usual") <= LIMIT
    return target


def _losses(folder: Path, stage: str) -> list[float]:
    lines = [json.loads(line) for line in (folder / stage / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.parametrize("stage", ["autoencoder", "text", "classifier", "denoiser", "vision"])
def test_the_loss_of_a_short_training_falls(folder: Path, stage: str) -> None:
    losses = _losses(folder, stage)
    assert len(losses) == STEPS // 3
    assert losses[-1] < 0.97 * losses[0]


def test_finished_shards_are_not_encoded_again(folder: Path) -> None:
    path = folder / "latents" / "000.npy"
    before = path.stat().st_mtime_ns
    write_shards(load_autoencoder(folder), folder / "latents", range(2), pixels=128, size=24)
    assert path.stat().st_mtime_ns == before
    assert LatentCache(folder / "latents").latents.shape == (48, 8, 16, 16)


def test_without_latents_the_stage_to_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the latents stage first"):
        LatentCache(tmp_path)


def test_the_joint_stage_trains_the_text_encoder_too(folder: Path) -> None:
    before, after = (torch.load(folder / stage / "state.pt")["model"] for stage in ("denoiser", "joint"))
    name = next(name for name in before if name.endswith("layers.0.mlp.fc1.weight"))
    assert not torch.equal(before[name], after[name])


def test_the_wording_stage_teaches_what_listens_and_leaves_what_draws_alone(folder: Path) -> None:
    before, after = (torch.load(folder / stage / "state.pt")["average"] for stage in ("joint", "wording"))
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert {name.partition(".")[0] for name in changed} == {"unet", "text"}
    assert all(listens(name) for name in changed if name.startswith("unet."))


def test_the_usual_stage_goes_on_from_the_wording_and_leaves_its_encoder_alone(folder: Path) -> None:
    before, after = (torch.load(folder / stage / "state.pt")["average"] for stage in ("wording", "usual"))
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("unet.") and listens(name) for name in changed)


def test_the_shipped_folder_unpacks_to_what_is_exported_bit_for_bit_again(
    folder: Path, checkpoint: Path, tmp_path: Path
) -> None:
    unpack(checkpoint, tmp_path)
    (tmp_path / "latents").symlink_to(folder / "latents")
    export(tmp_path, tmp_path / "export", stage="joint")
    for path in checkpoint.rglob("*.safetensors"):
        assert (tmp_path / "export" / path.relative_to(checkpoint)).read_bytes() == path.read_bytes(), path
    factors = [
        json.loads((at / "vae" / "config.json").read_text())["scaling_factor"]
        for at in (checkpoint, tmp_path / "export")
    ]
    assert factors[0] == pytest.approx(factors[1], rel=1e-12)


def test_unpacking_over_a_training_is_refused_and_leaves_it_alone(folder: Path, checkpoint: Path) -> None:
    before = (folder / "joint" / "state.pt").read_bytes()
    with pytest.raises(FileExistsError, match="choose an empty folder"):
        unpack(checkpoint, folder)
    assert (folder / "joint" / "state.pt").read_bytes() == before


def test_the_decoder_stage_leaves_the_encoder_alone(folder: Path, tmp_path: Path) -> None:
    start = torch.load(folder / "autoencoder" / "state.pt")["average"]
    plan = Plan(tmp_path, steps=2, rate=1e-3, save_every=100, log_every=1)
    after = train_decoder(plan, start, batch=2, pixels=128).model.state_dict()
    for name, value in start.items():
        assert torch.equal(value, after[name]) == name.startswith("encoder."), name


def test_the_export_loads_as_a_standard_pipeline_and_draws(checkpoint: Path) -> None:
    pipeline = DiffusionPipeline.from_pretrained(checkpoint, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pictures = [
        pipeline(
            "a wizard in the forest",
            negative_prompt="sad",
            num_inference_steps=2,
            generator=torch.Generator().manual_seed(4),
        ).images[0]
        for _ in range(2)
    ]
    assert type(pipeline).__name__ == "StableDiffusionPipeline"
    assert pictures[0].size == (128, 128)
    assert pictures[0].tobytes() == pictures[1].tobytes()


def test_a_reference_picture_changes_what_is_drawn(checkpoint: Path) -> None:
    pipeline = DiffusionPipeline.from_pretrained(checkpoint, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_ip_adapter(checkpoint, subfolder="ip_adapter", weight_name="ip-adapter.safetensors")
    pictures = [
        pipeline(
            "somebody in the forest",
            ip_adapter_image=render(Look(skin=skin)),
            num_inference_steps=2,
            generator=torch.Generator().manual_seed(4),
        ).images[0]
        for skin in ("green", "green", "light")
    ]
    assert pictures[0].tobytes() == pictures[1].tobytes()
    assert pictures[0].tobytes() != pictures[2].tobytes()


def test_the_export_holds_half_precision_weights_words_and_a_card(checkpoint: Path) -> None:
    weights = sorted(checkpoint.rglob("*.safetensors"))
    assert len(weights) == 5
    for path in weights:
        with safe_open(path, framework="pt") as tensors:
            kinds = {tensors.get_tensor(name).dtype for name in tensors.keys()}  # noqa: SIM118
        assert torch.float32 not in kinds
    card = json.loads((checkpoint / "likeness.json").read_text())
    assert (card["native_side"], card["noise"]) == (128, False)
    assert "wizard" in (checkpoint / "known_words.txt").read_text().split()
