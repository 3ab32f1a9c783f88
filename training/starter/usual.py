"""The usual stage: what nobody says about a person is drawn as people take it for granted.

Left open, each eye chose its colour by itself: with noise in both, neither tells the other enough. So captions of this
stage leave eyes unsaid only where they are brown, and haircuts only where they are common; all else is said. The
rule is learned by what reads captions inside the UNet, its cross-attention, and by the reference adapter beside it,
which must outweigh the rule. Everything else stays bit for bit as it was.
"""

from __future__ import annotations

from typing import Any, Final

from training.starter.denoiser import Material, velocity_losses_of
from training.starter.joint import Held, Together, held_losses
from training.starter.lexicon import FIRST_USUALLY, WIDER_USUALLY
from training.starter.optimizers import optimizers_for
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.text import token_ids
from training.starter.wording import Wider, listens

HELD_EVERY: Final = 3
NOISIER: Final = 1.5
USUAL_WEIGHT: Final = {"woman": 6, "man": 12}
"""How often a usual person is counted: so they are two in five of those that are drawn, as many men as women.

A man has one common haircut and a woman two; without this, somebody of whom nothing is said would be a woman.
"""


def train_usual(plan: Plan, model: Together, material: Material, *, every: Any = None) -> Run:
    """Train the UNet's cross-attention and the adapter, resuming what the folder holds."""
    model.requires_grad_(requires_grad=False)
    for name, weight in model.unet.named_parameters():
        weight.requires_grad_(listens(name))
    adam = ("encoder_hid_proj",)
    run = Run(plan, model, optimizers_for(model.unet, rate=plan.rate, decay=0.01, adam_names=adam))
    run.resume()
    lexicons = FIRST_USUALLY, WIDER_USUALLY
    wider = Wider(material, lexicons, USUAL_WEIGHT)
    held = [Held(material, words, unconditional=0.0) for words in lexicons]

    def losses_of(step: int) -> StepLosses:
        rng, generator = draw = draws(plan.seed + 9, step)
        if step % HELD_EVERY == 0:
            return held_losses(model, material, held[step // HELD_EVERY % 2], draw)
        indices, texts = wider.rows(rng)
        ids = token_ids(material.tokenizer, texts)
        losses = velocity_losses_of(
            lambda noisy, times: model(noisy, times, ids), material, indices, generator, NOISIER
        )
        return {"loss": losses["loss"], "said": losses["loss"].detach()}

    run.train(losses_of, every=every)
    return run
