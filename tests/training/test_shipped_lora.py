"""A LoRA of the shipped checkpoint, learned by the product's own trainer from a handful of pictures on the CPU."""

import hashlib
import time
from pathlib import Path

import pytest

from generators.catalog import Recipe
from generators.diffusion.asks import Piece
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.trainer.learning import learn
from generators.diffusion.trainer.orders import Lesson, Order
from tests.generators.diffusion import tiny
from tests.training.nearest import Draw, nearest
from training.starter.looks import Look
from training.starter.render import render

pytestmark = pytest.mark.long

WHO = Look(
    gender="woman", skin="green", hair="pink", style="curly", glasses="glasses", outfit="robe", cloth="orange"
)
SHOWN = ("skin", "hair", "style", "glasses", "cloth", "scene")
SEEDS = 5
PLACES = ("forest", "office", "night", "kitchen", "garden", "snow")


def test_a_handful_of_pictures_hold_somebody_in_an_unseen_scene_within_two_minutes(
    draw: Draw, tmp_path: Path
) -> None:
    entry = Shelf(tiny.settings(tmp_path, starter_checkpoint=True)).get("starter")
    assert entry is not None
    recipe = entry.model().recipe
    assert isinstance(recipe, Recipe)
    for number, place in enumerate(PLACES):
        render(WHO.but(scene=place)).save(tmp_path / f"{number}.png")
    order = Order(
        folder=str(tmp_path),
        lock="",
        source=entry.source,
        family="sd",
        device="cpu",
        lessons=tuple(
            Lesson(file=f"{number}.png", caption=f"zwx woman in the {place}")
            for number, place in enumerate(PLACES)
        ),
        trigger="zwx",
        class_prompt="woman",
        base_model="starter",
        side=128,
        rank=recipe.rank,
        steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        seed=4,
        sample_steps=15,
        guidance=3.0,
    )
    begun = time.process_time()
    learn(order, lambda *_args, **_facts: None)
    assert time.process_time() - begun < 120

    data = order.path("adapter.safetensors").read_bytes()
    worn = Piece(sha256=hashlib.sha256(data).hexdigest(), data=data)
    pictures = [draw("zwx woman at the beach", seed=seed, loras=(worn,)) for seed in range(SEEDS)]
    there = WHO.but(scene="beach")
    right = {
        name: sum(nearest(made, name, there) == getattr(there, name) for made in pictures) for name in SHOWN
    }
    assert sum(right.values()) >= 0.9 * SEEDS * len(SHOWN), right
    assert right["skin"] == right["scene"] == SEEDS
    assert "unknownWords" not in pictures[0].facts.parameters
