"""Checkpoints as data: where one lies, what it is and what it is good for. Knows no disk and no torch."""

import dataclasses

from generators.catalog import Capability, Model, Provider, Recipe, Size
from generators.diffusion.families.cards import BY_NAME

UNTRIED = "The code that runs it is tested with random weights of the same classes; its own weights were not at hand."


MAX_REFERENCES = 4
NATIVE = Size(width=1024, height=1024)
SMALL_SIDE = 256  # pixels; checkpoints for smaller pictures are small networks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Base weights that the engine can run.

    `source` is a hub id ("owner/name") or a folder, `is_folder` tells which. `variant` names the files with
    reduced precision on the hub ("fp16"). `noise` = random weights. `extra` is
    what installed networks beside it allow. `note` is shown beside the name.
    """

    key: str
    name: str
    source: str
    is_folder: bool = False
    family: str = ""
    revision: str | None = None
    variant: str | None = None
    native: Size = NATIVE
    max_side: int = 2048
    steps: int = 30
    guidance: float = 5.0
    licence: str | None = None
    rank: int = 0
    noise: bool = False
    extra: frozenset[Capability] = frozenset()
    note: str | None = None

    def model(self) -> Model:
        """Its catalog row."""
        card = BY_NAME.get(self.family)
        able = (card.capabilities | self.extra) if card else frozenset()
        return Model(
            key=self.key,
            name=self.name,
            provider=Provider.LOCAL,
            capabilities=able,
            sizes=(self.native,),
            free_size=True,
            size_multiple=card.size_multiple if card else 8,
            max_side=self.max_side,
            max_references=MAX_REFERENCES if Capability.REFERENCE_IMAGES in able else 0,
            reference_adapter=Capability.REFERENCE_IMAGES in self.extra,
            default_steps=self.steps,
            default_guidance=self.guidance,
            version=self.revision,
            licence=self.licence,
            note=self.note,
            recipe=self._recipe() if Capability.TRAINING in able else None,
            rank=self.rank,
        )

    def _recipe(self) -> Recipe:
        """A small network learns a look in fewer and larger steps."""
        small = max(self.native.width, self.native.height) <= SMALL_SIDE
        return Recipe(steps=200, learning_rate=4e-3, rank=8) if small else Recipe()


BUILTIN = (
    Checkpoint(
        key="qwen-image",
        name="Qwen-Image",
        source="Qwen/Qwen-Image",
        family="qwen-image",
        steps=50,
        guidance=4.0,
        licence="Apache-2.0",
        rank=90,
        note=UNTRIED,
    ),
    Checkpoint(
        key="qwen-image-edit",
        name="Qwen-Image-Edit 2511",
        source="Qwen/Qwen-Image-Edit-2511",
        family="qwen-image-edit",
        steps=40,
        guidance=4.0,
        licence="Apache-2.0",
        rank=85,
        note=UNTRIED,
    ),
    Checkpoint(
        key="z-image-turbo",
        name="Z-Image-Turbo",
        source="Tongyi-MAI/Z-Image-Turbo",
        family="z-image",
        steps=8,
        guidance=0.0,
        licence="Apache-2.0",
        rank=76,
        note=UNTRIED,
    ),
    Checkpoint(
        key="z-image",
        name="Z-Image",
        source="Tongyi-MAI/Z-Image",
        family="z-image",
        steps=50,
        guidance=4.0,
        licence="Apache-2.0",
        rank=75,
        note=UNTRIED,
    ),
    Checkpoint(
        key="flux-2-klein-4b",
        name="FLUX.2 [klein] 4B",
        source="black-forest-labs/FLUX.2-klein-4B",
        family="flux2-klein",
        steps=4,
        guidance=1.0,
        licence="Apache-2.0",
        rank=70,
        note=UNTRIED,
    ),
    Checkpoint(
        key="sdxl-base",
        name="Stable Diffusion XL base 1.0",
        source="stabilityai/stable-diffusion-xl-base-1.0",
        family="sdxl",
        variant="fp16",
        steps=30,
        guidance=5.0,
        licence="CreativeML Open RAIL++-M",
        rank=60,
        note=UNTRIED,
    ),
    Checkpoint(
        key="sd-1.5",
        name="Stable Diffusion 1.5",
        source="stable-diffusion-v1-5/stable-diffusion-v1-5",
        family="sd",
        variant="fp16",
        native=Size(width=512, height=512),
        max_side=768,
        steps=30,
        guidance=7.5,
        licence="CreativeML Open RAIL-M",
        rank=30,
        note=UNTRIED,
    ),
)
