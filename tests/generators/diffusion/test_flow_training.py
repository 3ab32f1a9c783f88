"""Flow transformers learn, and their adapters mean the same in the engine and the stock pipeline."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from generators.catalog import Capability
from generators.diffusion.asks import Piece
from generators.diffusion.families.cards import BY_NAME
from generators.diffusion.generator import DiffusionGenerator
from generators.diffusion.trainer.orders import Lesson, Order
from generators.events import Failed, FailureKind
from tests.generators.diffusion import tiny, tiny_flow
from tests.generators.diffusion.company import Company, distance
from tests.generators.diffusion.flow_kit import Kit, built, tolerance, worn_by_stock
from tests.generators.diffusion.trainings import Files, Heard, face, metadata, run, training

pytestmark = pytest.mark.long
LEARNING = ["flux", "flux2-klein", "sd3", "qwen-image", "z-image"]


@pytest.fixture
def files() -> Files:
    return Files()


@pytest_asyncio.fixture
async def generator(tmp_path: Path, files: Files) -> AsyncIterator[DiffusionGenerator]:
    """Over a Qwen-Image-Edit."""
    folder = tiny_flow.saved(tiny_flow.qwen_edit(), tmp_path / "tiny-edit")
    made = DiffusionGenerator(tiny.settings(tmp_path, folder), files.open)
    yield made
    await made.close()


def learned(kit: Kit, folder: Path, **more: Any) -> tuple[bytes, list[float]]:
    """The adapter of one picture known by heart, and the held-out loss at each checkpoint; in this process."""
    from generators.diffusion.trainer.learning import learn

    (folder / "0.picture").write_bytes(face(0))
    plain: dict[str, Any] = {
        "lessons": (Lesson(file="0.picture", caption="a picture of zwx woman"),),
        "folder": str(folder), "lock": "", "source": str(kit.folder), "family": kit.family, "device": "cpu",
        "trigger": "zwx", "class_prompt": "woman", "base_model": kit.family, "side": 64, "rank": 8, "steps": 40,
        "learning_rate": 1e-2, "seed": 3, "sample_steps": 3, "guidance": 1.0, "save_seconds": 1e9,
    }  # fmt: skip
    said: list[dict[str, Any]] = []
    learn(Order(**(plain | more)), lambda event, **facts: said.append({"event": event} | facts))
    losses = [-score["score"] for score in said[-1]["scores"]]
    return (folder / "adapter.safetensors").read_bytes(), losses


@pytest.mark.parametrize("family", LEARNING)
def test_picture_is_learned_and_its_adapter_worn_as_by_the_stock_pipeline(
    tmp_path: Path, family: str
) -> None:
    kit = built(family, tmp_path)

    adapter, losses = learned(kit, tmp_path)

    assert len(losses) == 4
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.95 * losses[0]
    assert "transformer.lora_alpha" in metadata(adapter)["lora_adapter_metadata"]
    worn = kit.ask(0, prompt="zwx woman", loras=(Piece(sha256="learned", data=adapter),))
    bare, dressed = Company(tmp_path, kit.folder).staggered(kit.ask(0, prompt="zwx woman"), worn)
    assert distance(dressed, worn_by_stock(kit, worn)) < tolerance(kit)
    assert distance(bare, kit.stock(worn)) < tolerance(kit)
    assert distance(dressed, kit.stock(worn)) > 1e-3


def test_pictures_of_the_class_are_learned_beside(tmp_path: Path) -> None:
    kit = built("flux", tmp_path)

    adapter, losses = learned(kit, tmp_path, prior=2, steps=4)

    assert len(losses) == 4
    assert metadata(adapter)["likeness"]


def test_flow_training_that_goes_on_ends_with_the_bytes_of_an_unbroken_one(tmp_path: Path) -> None:
    kit = built(
        "qwen-image", tmp_path
    )  # some of its layers never get a gradient, and have no moments to save
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()

    unbroken, losses = learned(kit, first, steps=8, save_seconds=0.0)
    (second / "state").write_bytes((first / "state-3.safetensors").read_bytes())
    resumed, again = learned(kit, second, steps=8, save_seconds=0.0, resume="state")

    assert not (second / "state-3.safetensors").exists()
    assert (second / "state-4.safetensors").exists()
    assert again == losses
    assert resumed == unbroken


@pytest.mark.asyncio
async def test_family_that_cannot_learn_is_refused_before_any_step(
    generator: DiffusionGenerator, files: Files
) -> None:
    live = Heard()

    [event] = await run(generator, training(files, "tiny-edit"), live=live)

    assert isinstance(event, Failed)
    assert event.kind is FailureKind.BAD_REQUEST
    assert event.words == (
        "Adapters cannot be trained for qwen-image-edit checkpoints, only for those of sd, sdxl, sd3, flux, flux2-klein, "
        "qwen-image, z-image."
    )
    assert live.losses == []


def test_catalog_offers_training_where_the_trainer_can() -> None:
    from generators.diffusion.trainer.learning import FLOWS, UNETS

    offered = {name for name, card in BY_NAME.items() if Capability.TRAINING in card.capabilities}
    assert offered == {*UNETS, *FLOWS}
    assert all(Capability.LORA in BY_NAME[name].capabilities for name in offered)
