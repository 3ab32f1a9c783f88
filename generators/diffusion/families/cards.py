"""Which pipeline classes the engine can run, and by which file. Imports no torch, so the catalog stays cheap."""

import dataclasses
import importlib
from typing import TYPE_CHECKING

from generators.catalog import Capability

if TYPE_CHECKING:
    from generators.diffusion.families.family import Family

LOCAL = frozenset({Capability.TEXT_TO_IMAGE, Capability.SEED, Capability.STEP_PROGRESS, Capability.PREVIEW})
GUIDED = LOCAL | {Capability.NEGATIVE_PROMPT}
REFINES = frozenset({Capability.IMAGE_TO_IMAGE, Capability.INPAINT})


@dataclasses.dataclass(frozen=True, kw_only=True)
class FamilyCard:
    """A family as the catalog sees it.

    `pipelines` are the `_class_name`s of model_index.json that it runs. `denoiser` is the folder of the network
    whose config tells the native size. `rank` orders checkpoints that do not say better; `max_prompt` in
    characters is generous: what a text encoder cuts off is reported, not refused. At `no_guidance` a request is one row
    and nothing is added to what its prompt predicts.
    """

    name: str
    module: str
    pipelines: tuple[str, ...]
    capabilities: frozenset[Capability]
    denoiser: str
    rank: int
    default_steps: int
    default_guidance: float
    no_guidance: float = 1.0
    size_multiple: int = 8
    native_side: int = 1024
    max_side: int = 2048

    def load(self) -> "Family":
        """The family's code; imports torch."""
        module = importlib.import_module(self.module)
        family: Family = module.FAMILY
        return family


CARDS = (
    FamilyCard(
        name="sd",
        module="generators.diffusion.families.sd",
        pipelines=(
            "StableDiffusionPipeline",
            "StableDiffusionImg2ImgPipeline",
            "StableDiffusionInpaintPipeline",
        ),
        capabilities=GUIDED | REFINES | {Capability.LORA, Capability.TRAINING},
        denoiser="unet",
        rank=30,
        default_steps=30,
        default_guidance=7.5,
        native_side=512,
        max_side=768,
    ),
    FamilyCard(
        name="sdxl",
        module="generators.diffusion.families.sdxl",
        pipelines=(
            "StableDiffusionXLPipeline",
            "StableDiffusionXLImg2ImgPipeline",
            "StableDiffusionXLInpaintPipeline",
        ),
        capabilities=GUIDED | REFINES | {Capability.LORA, Capability.TRAINING},
        denoiser="unet",
        rank=60,
        default_steps=30,
        default_guidance=5.0,
    ),
    FamilyCard(
        name="sd3",
        module="generators.diffusion.families.sd3",
        pipelines=("StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline"),
        capabilities=GUIDED | REFINES | {Capability.LORA, Capability.TRAINING},
        denoiser="transformer",
        rank=65,
        default_steps=28,
        default_guidance=7.0,
        size_multiple=16,
    ),
    FamilyCard(
        name="flux",
        module="generators.diffusion.families.flux",
        pipelines=("FluxPipeline", "FluxImg2ImgPipeline"),
        capabilities=LOCAL | REFINES | {Capability.LORA, Capability.TRAINING},
        denoiser="transformer",
        rank=80,
        default_steps=28,
        default_guidance=3.5,
        size_multiple=16,
    ),
    FamilyCard(
        name="flux2-klein",
        module="generators.diffusion.families.flux2_klein",
        pipelines=("Flux2KleinPipeline",),
        capabilities=LOCAL
        | {Capability.REFERENCE_IMAGES, Capability.LORA, Capability.TRAINING, Capability.INPAINT},
        denoiser="transformer",
        rank=70,
        default_steps=4,
        default_guidance=1.0,
        size_multiple=16,
    ),
    FamilyCard(
        name="z-image",
        module="generators.diffusion.families.z_image",
        pipelines=("ZImagePipeline", "ZImageImg2ImgPipeline"),
        capabilities=GUIDED | REFINES | {Capability.LORA, Capability.TRAINING},
        denoiser="transformer",
        rank=75,
        default_steps=50,
        default_guidance=4.0,
        no_guidance=0.0,
        size_multiple=16,
    ),
    FamilyCard(
        name="qwen-image",
        module="generators.diffusion.families.qwen_image",
        pipelines=("QwenImagePipeline", "QwenImageImg2ImgPipeline"),
        capabilities=GUIDED | REFINES | {Capability.LORA, Capability.TRAINING},
        denoiser="transformer",
        rank=90,
        default_steps=50,
        default_guidance=4.0,
        size_multiple=16,
    ),
    FamilyCard(
        name="qwen-image-edit",
        module="generators.diffusion.families.qwen_edit",
        pipelines=("QwenImageEditPlusPipeline",),
        capabilities=GUIDED | {Capability.REFERENCE_IMAGES, Capability.LORA},
        denoiser="transformer",
        rank=85,
        default_steps=40,
        default_guidance=4.0,
        size_multiple=16,
    ),
)

BY_PIPELINE = {pipeline: card for card in CARDS for pipeline in card.pipelines}
BY_NAME = {card.name: card for card in CARDS}
