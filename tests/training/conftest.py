"""The product's engine on the shipped checkpoint."""

from collections.abc import Iterator

import pytest

from generators.diffusion.engine import Engine
from generators.events import ImageMade
from tests.generators.diffusion import tiny
from tests.training.nearest import Draw


@pytest.fixture(scope="module")
def draw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Draw]:
    """Draws a prompt with the shipped checkpoint."""
    engine: Engine = tiny.engine(tmp_path_factory.mktemp("shipped"), starter_checkpoint=True)

    def one(prompt: str, seed: int = 1, **more: object) -> ImageMade:
        ask = tiny.ask(
            "starter", prompt=prompt, seed=seed, width=128, height=128, steps=15, guidance=3.0, **more
        )
        return tiny.send(engine, ask).made()

    yield one
    engine.close()
