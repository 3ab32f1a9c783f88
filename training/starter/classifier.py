"""The measuring stick: a small network that reads attributes off pictures.

Trained on renders and on renders that went through the autoencoder, so that it reads
generated pictures as well as drawn ones. Never used to make pictures.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from typing_extensions import override

from training.starter.arithmetic import autocast
from training.starter.autoencoder import batch_of
from training.starter.captions import training_look
from training.starter.looks import VALUES, Look, labels
from training.starter.optimizers import optimizers_for
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.sheets import held_out_looks
from training.starter.text import attribute_loss, stacked_labels

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny


class Reader(nn.Module):
    """Pictures (count, 3, 128, 128) in -1..1 to logits per attribute."""

    def __init__(self) -> None:
        super().__init__()
        widths = (24, 48, 64, 96, 128)
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 5, stride=2, padding=2), nn.ReLU()]
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Conv2d(widths[-1], widths[-1], 3, padding=1), nn.BatchNorm2d(widths[-1]), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.shared = nn.Sequential(nn.Linear(widths[-1] * 16, 256), nn.ReLU())
        self.heads = nn.ModuleDict(
            {f"to_{name}": nn.Linear(256, len(values)) for name, values in VALUES.items()}
        )

    @override
    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Logits per attribute, each (count, values)."""
        features = self.shared(self.trunk(pictures).flatten(1))
        return {name: self.heads[f"to_{name}"](features) for name in VALUES}


def disturbed(pictures: Tensor, autoencoder: AutoencoderTiny, generator: torch.Generator) -> Tensor:
    """A quarter of the pictures through the autoencoder with noisy latents, all with a little noise."""
    count = max(1, len(pictures) // 4)
    with torch.no_grad(), autocast():
        latents = autoencoder.encoder(pictures[:count])
        noise = torch.randn(latents.shape, generator=generator) * 0.25
        made = autoencoder.decoder((latents.float() + noise).to(memory_format=torch.channels_last))
    mixed = torch.cat([made.float().clamp(-1, 1), pictures[count:]])
    grain = torch.randn(mixed.shape, generator=generator) * 0.03
    return (mixed + grain).contiguous(memory_format=torch.channels_last)


def train_classifier(plan: Plan, autoencoder: AutoencoderTiny, *, batch: int) -> Run:
    """Train on fresh renders, resuming what the folder holds."""
    torch.manual_seed(plan.seed)
    model = Reader()
    names = ("heads", "trunk.0.")
    run = Run(plan, model, optimizers_for(model, rate=plan.rate, decay=0.01, adam_names=names))
    run.resume()
    held_out = held_out_looks(256)
    pictures, wanted = batch_of(held_out, 128), stacked_labels([labels(look) for look in held_out])

    def losses_of(step: int) -> StepLosses:
        rng, generator = draws(plan.seed + 11, step)
        looks = [training_look(rng) for _ in range(batch)]
        shown = disturbed(batch_of(looks, 128), autoencoder, generator)
        with autocast():
            logits = model(shown)
        logits = {name: value.float() for name, value in logits.items()}
        return {"loss": attribute_loss(logits, stacked_labels([labels(look) for look in looks]))}

    run.train(losses_of, every=lambda now: _held_out_accuracy(now, pictures, wanted))
    return run


def _held_out_accuracy(run: Run, pictures: Tensor, wanted: dict[str, Tensor]) -> dict[str, float]:
    reader = Reader()
    reader.load_state_dict(run.average)
    right = agreement(read(reader, pictures), wanted)
    return {name: float(hits[shown].float().mean()) for name, (hits, shown) in right.items()}


def read(reader: Reader, pictures: Tensor) -> dict[str, Tensor]:
    """The most likely value's index per attribute, each of shape (count,)."""
    reader.eval()
    with torch.no_grad():
        parts = [reader(chunk) for chunk in torch.split(pictures, 32)]
    return {name: torch.cat([part[name].argmax(1) for part in parts]) for name in VALUES}


def agreement(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Per attribute: where reading and wish agree, and where the attribute is shown at all."""
    return {name: (found[name] == wanted[name], wanted[name] >= 0) for name in VALUES}


def wanted_of(looks: list[Look]) -> dict[str, Tensor]:
    """The labels of looks as tensors."""
    return stacked_labels([labels(look) for look in looks])
