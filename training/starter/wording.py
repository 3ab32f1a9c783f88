"""The wording stage: more words for the pictures that can be drawn already.

Only what listens is trained: the text encoder, the UNet's attention to it and the reference adapter. All that draws
stays bit for bit as it was, so a checkpoint with more words costs a repository's history a quarter of its size.
Most rows are ordinary people named tersely in a place ("a lighthouse keeper by the sea"): without them the place
alone is drawn now and then. Which kind of picture it becomes is decided while there is nothing but noise, so most
rows are taken there.

Two steps of three draw nothing: the encoder's states must tell a reader of their own what captions say, which takes a
fifth of the time a row. Drawing alone left "a knight guarding the castle" a castle.

What an empty caption gives is what guidance leads away from. Were it mostly somebody, as the pictures are, a caption
that says "somebody" less surely than that would be led to the empty place; so empty captions go to all kinds alike.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional

from training.starter.captions import caption, is_usual
from training.starter.characters import person
from training.starter.denoiser import UNSAID_SHARE, Material, velocity_losses_of
from training.starter.joint import Held, Together, held_losses
from training.starter.lexicon import FIRST, WIDER, Lexicon
from training.starter.looks import PLAIN, VALUES, Look, labels, random_look
from training.starter.optimizers import optimizers_for
from training.starter.reference import is_adapters
from training.starter.roles import ROLES, roles_for
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.text import Reading, attribute_loss, stacked_labels, token_ids

SHARES: Final = {"terse": 0.5, "person": 0.28, "scene": 0.12, "object": 0.1}
"""Which rows a step takes: ordinary persons in places, any persons, empty places, things."""
KINDS: Final = VALUES["kind"]
FIRST_SHARE: Final = 0.25
"""Captions in the words the tokenizer was built from, a part of them saying everything."""
DRAWING_EVERY: Final = 3
HELD_EVERY: Final = 4 * DRAWING_EVERY
NOISIER: Final = 3.0
READING_WEIGHT: Final = 0.2
KIND_WEIGHT: Final = 0.5
TOLD: Final = 64
TOLD_KINDS: Final = {"person": 0.56, "scene": 0.22, "object": 0.22}
_ORDINARY: Final = {
    "skin": ("light", "tan", "brown", "dark"),
    "hair": ("black", "brown", "blonde", "red", "grey"),
    "glasses": ("none",),
    "beard": ("none",),
    "ears": ("round",),
    "hat": ("none",),
}


def listens(name: str) -> bool:
    """Whether the UNet's weight of this name reads what is said or shown."""
    return "attn2" in name or is_adapters(name)


def is_terse(look: Look) -> bool:
    """Whether a role or less can say the whole look of a person but for the place."""
    if look.kind != "person" or look.scene == PLAIN:
        return False
    odd = {name for name, values in _ORDINARY.items() if getattr(look, name) not in values}
    return not odd or any(odd <= role.tells() for role in roles_for(look))


def told_look(rng: random.Random) -> Look:
    """A look to be told, not drawn: every kind often, half of the persons ordinary or just what their role implies."""
    kind = rng.choices([*TOLD_KINDS], [*TOLD_KINDS.values()])[0]
    if kind == "person":
        look = person(rng)
        return _plainer(look, rng) if rng.random() < 0.5 else look
    look = random_look(rng)
    while look.kind != kind:
        look = random_look(rng)
    return look


def _plainer(look: Look, rng: random.Random) -> Look:
    """The person without anything unusual, cast in some role now and then."""
    look = look.but(**{name: rng.choice(values) for name, values in _ORDINARY.items()}, prop="none")
    if rng.random() < 0.5:
        return look
    role = rng.choice(ROLES)
    implied: dict[str, Any] = dict(role.implies)
    return look.but(**implied, gender=role.gender or look.gender)


class Wider:
    """Draws rows of all kinds with captions in the words of two lexicons, mostly those of the second.

    A person who is in everything as the second lexicon takes for granted counts as `usual_weight` others, by gender.
    """

    def __init__(
        self,
        material: Material,
        lexicons: tuple[Lexicon, Lexicon] = (FIRST, WIDER),
        usual_weight: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._material = material
        self._lexicons = lexicons
        self._rows: dict[str, list[int]] = {name: [] for name in SHARES}
        for index in range(len(material.cache)):
            look = material.cache.look(index)
            usual = look.kind == "person" and all(is_usual(look, name, lexicons[1]) for name in look.shown())
            counted = [index] * (usual_weight.get(look.gender, 1) if usual else 1)
            self._rows[look.kind] += counted
            if is_terse(look):
                self._rows["terse"] += counted
        empty = [name for name, rows in self._rows.items() if not rows]
        if empty:
            raise ValueError(f"the cached pictures show no {empty[0]}: encode more of them")

    def rows(self, rng: random.Random) -> tuple[list[int], list[str]]:
        """Numbers of cached pictures and their captions."""
        cache, indices, texts = self._material.cache, list[int](), list[str]()
        for _ in range(self._material.batch):
            unsaid = rng.random() < UNSAID_SHARE
            kind = rng.choice(KINDS) if unsaid else rng.choices([*SHARES], [*SHARES.values()])[0]
            indices.append(rng.choice(self._rows[kind]))
            texts.append("" if unsaid else _said(cache.look(indices[-1]), rng, self._lexicons))
        return indices, texts


class Listening(Together):
    """All that the joint stage trained, and a reader of the text encoder's states, which nobody ships."""

    def __init__(self, model: Together) -> None:
        nn.Module.__init__(self)
        self.unet, self.text, self.encoder = model.unet, model.text, model.encoder
        self.reading = Reading()


def _said(look: Look, rng: random.Random, lexicons: tuple[Lexicon, Lexicon] = (FIRST, WIDER)) -> str:
    draw = rng.random()
    if draw < FIRST_SHARE:
        return caption(look, rng, everything=draw < FIRST_SHARE / 2, lexicon=lexicons[0])
    return caption(look, rng, lexicon=lexicons[1])


def _drawing_losses(
    model: Listening, material: Material, wider: Wider, draw: tuple[random.Random, torch.Generator]
) -> StepLosses:
    rng, generator = draw
    indices, texts = wider.rows(rng)
    ids = token_ids(material.tokenizer, texts)
    losses = velocity_losses_of(
        lambda noisy, times: model(noisy, times, ids), material, indices, generator, NOISIER
    )
    return {"loss": losses["loss"], "said": losses["loss"].detach()}


def _reading_losses(model: Listening, material: Material, rng: random.Random) -> StepLosses:
    looks = [told_look(rng) for _ in range(TOLD)]
    ids = token_ids(material.tokenizer, [_said(look, rng) for look in looks])
    logits = model.reading.read(model.text(ids).last_hidden_state)
    wanted = stacked_labels([labels(look) for look in looks])
    kind = functional.cross_entropy(logits["kind"], wanted["kind"])
    loss = attribute_loss(logits, wanted) + KIND_WEIGHT * kind
    return {"loss": READING_WEIGHT * loss, "read": loss.detach(), "kind": kind.detach()}


def train_wording(plan: Plan, together: Together, material: Material, *, every: Any = None) -> Run:
    """Train what listens, resuming what the folder holds."""
    model = Listening(together)
    model.requires_grad_(requires_grad=False)
    model.text.requires_grad_(requires_grad=True)
    model.reading.requires_grad_(requires_grad=True)
    for name, weight in model.unet.named_parameters():
        weight.requires_grad_(listens(name))
    optimizers = optimizers_for(model.unet, rate=plan.rate, decay=0.01, adam_names=("encoder_hid_proj",))
    optimizers += optimizers_for(model.text, rate=1.5 * plan.rate, decay=0.01, adam_names=("embedding",))
    optimizers += optimizers_for(model.reading, rate=2e-3, decay=0.0, adam_names=("",))
    run = Run(plan, model, optimizers)
    run.resume()
    wider, held = Wider(material), [Held(material, words, unconditional=0.0) for words in (FIRST, WIDER)]

    def losses_of(step: int) -> StepLosses:
        draw = draws(plan.seed + 8, step)
        if step % DRAWING_EVERY:
            return _reading_losses(model, material, draw[0])
        if step % HELD_EVERY == 0:
            return held_losses(model, material, held[step // HELD_EVERY % 2], draw)
        return _drawing_losses(model, material, wider, draw)

    run.train(losses_of, every=every)
    return run
