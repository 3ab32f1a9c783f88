"""The image encoder: a small CLIP vision transformer that says who is shown in the text encoder's language.

Its tokens are read by the attention and heads that learnt to read captions, which stay fixed. So before
the UNet sees them, they mean to it what words for the same look would mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from typing_extensions import override

from training.starter.arithmetic import autocast
from training.starter.autoencoder import batch_of
from training.starter.characters import IDENTITY, person
from training.starter.looks import Look, labels
from training.starter.optimizers import optimizers_for
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.text import HIDDEN, AttributeReader, attribute_loss, stacked_labels

if TYPE_CHECKING:
    from diffusers.models.embeddings import ImageProjection
    from transformers import CLIPVisionModelWithProjection

CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION: Final = (0.26862954, 0.26130258, 0.27577711)
TOKENS: Final = 4


def new_image_encoder() -> CLIPVisionModelWithProjection:
    """Untrained image encoder for 128 x 128 pictures; its embedding has `HIDDEN` numbers."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=96,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=128,
        patch_size=16,
        projection_dim=HIDDEN,
    )
    return CLIPVisionModelWithProjection(config)


def new_projection() -> ImageProjection:
    """Untrained map from an embedding to the tokens that the UNet attends to."""
    from diffusers.models.embeddings import ImageProjection

    return ImageProjection(HIDDEN, HIDDEN, TOKENS)


def as_encoder_sees(pictures: Tensor) -> Tensor:
    """Pictures in -1..1 normalised as CLIP's image processor does it, which diffusers uses by default."""
    mean, deviation = (torch.tensor(row)[None, :, None, None] for row in (CLIP_MEAN, CLIP_DEVIATION))
    return (pictures * 0.5 + 0.5 - mean) / deviation


class Vision(nn.Module):
    """Image encoder and projection, with the fixed reader of captions behind them."""

    def __init__(self, reader: AttributeReader) -> None:
        super().__init__()
        self.encoder = new_image_encoder()
        self.projection = new_projection()
        self.reader = reader.requires_grad_(requires_grad=False)

    @override
    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Logits per attribute, each (count, values)."""
        embedding = self.encoder(as_encoder_sees(pictures)).image_embeds
        return self.reader.read(self.projection(embedding))


def train_vision(plan: Plan, reader: AttributeReader, *, batch: int) -> Run:
    """Teach the image encoder who is shown, resuming what the folder holds."""
    torch.manual_seed(plan.seed)
    model = Vision(reader)
    names = ("embedding",)
    run = Run(plan, model, optimizers_for(model, rate=plan.rate, decay=0.01, adam_names=names))
    run.resume()
    rng, _ = draws(plan.seed + 900, 0)
    held_out = [person(rng) for _ in range(192)]
    pictures, wanted = batch_of(held_out, 128), identity_labels(held_out)

    def losses_of(step: int) -> StepLosses:
        step_rng, _ = draws(plan.seed + 41, step)
        looks = [person(step_rng) for _ in range(batch)]
        with autocast():
            logits = model(batch_of(looks, 128))
        found = {name: logits[name].float() for name in IDENTITY}
        return {"loss": attribute_loss(found, identity_labels(looks))}

    run.train(losses_of, every=lambda now: _accuracy(now, pictures, wanted))
    return run


def identity_labels(looks: list[Look]) -> dict[str, Tensor]:
    """Label tensors of the identity attributes."""
    stacked = stacked_labels([labels(look) for look in looks])
    return {name: stacked[name] for name in IDENTITY}


def _accuracy(run: Run, pictures: Tensor, wanted: dict[str, Tensor]) -> dict[str, float]:
    with torch.no_grad():
        logits = run.model(pictures)
    figures = {}
    for name in IDENTITY:
        shown = wanted[name] >= 0
        figures[name] = float((logits[name].argmax(1) == wanted[name])[shown].float().mean())
    return figures
