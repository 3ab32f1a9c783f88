"""The text encoder: a small CLIP text transformer, first taught to name attributes.

Before any picture is made it learns to tell from a caption's hidden states what the
picture shows, read through one attention query per attribute, as the UNet will read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from training.starter.captions import caption, training_look
from training.starter.looks import VALUES, labels
from training.starter.optimizers import optimizers_for
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.sheets import held_out_looks
from training.starter.tokenizer import MAX_TOKENS

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizer

HIDDEN = 128


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Untrained text encoder for a tokenizer."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=4 * HIDDEN,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        projection_dim=HIDDEN,
    )
    return CLIPTextModel(config)


def token_ids(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Token ids of shape (count, MAX_TOKENS), padded and cut as the pipeline does it."""
    encoded = tokenizer(captions, padding="max_length", max_length=MAX_TOKENS, truncation=True)
    return torch.tensor(encoded["input_ids"])


class Reading(nn.Module):
    """Reads attributes out of hidden states: one attention query and one head each."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(len(VALUES), HIDDEN) * 0.05)
        self.keys = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.values = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.heads = nn.ModuleDict(
            {f"to_{name}": nn.Linear(HIDDEN, len(values)) for name, values in VALUES.items()}
        )

    def read(self, hidden: Tensor) -> dict[str, Tensor]:
        """Logits from hidden states (count, tokens, `HIDDEN`), whoever made them."""
        scores = self.queries @ self.keys(hidden).transpose(1, 2) / HIDDEN**0.5
        read = scores.softmax(-1) @ self.values(hidden)
        return {name: self.heads[f"to_{name}"](read[:, index]) for index, name in enumerate(VALUES)}


class AttributeReader(Reading):
    """Reads attributes out of captions, by way of an encoder's hidden states."""

    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder

    @override
    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        """Logits per attribute, each (count, values)."""
        return self.read(self.encoder(ids).last_hidden_state)


def attribute_loss(logits: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
    """Mean cross-entropy over the attributes; -1 marks what a picture does not show."""
    parts = [
        functional.cross_entropy(logits[name], wanted[name], ignore_index=-1)
        for name in wanted
        if bool((wanted[name] >= 0).any())
    ]
    return torch.stack(parts).mean()


def stacked_labels(rows: list[dict[str, int]]) -> dict[str, Tensor]:
    """Label tensors of shape (count,) per attribute."""
    return {name: torch.tensor([row[name] for row in rows]) for name in VALUES}


def train_text(plan: Plan, tokenizer: CLIPTokenizer, *, batch: int) -> Run:
    """Teach the encoder to name attributes, resuming what the folder holds."""
    torch.manual_seed(plan.seed)
    model = AttributeReader(new_text_encoder(tokenizer))
    names = ("embedding", "queries", "heads")
    run = Run(plan, model, optimizers_for(model, rate=plan.rate, decay=0.01, adam_names=names))
    run.resume()

    def losses_of(step: int) -> StepLosses:
        rng, _ = draws(plan.seed, step)
        looks = [training_look(rng) for _ in range(batch)]
        texts = [caption(look, rng, everything=rng.random() < 0.25) for look in looks]
        logits = model(token_ids(tokenizer, texts))
        return {"loss": attribute_loss(logits, stacked_labels([labels(look) for look in looks]))}

    run.train(losses_of, every=lambda now: accuracy(now.model, tokenizer))
    return run


def accuracy(model: nn.Module, tokenizer: CLIPTokenizer, count: int = 512) -> dict[str, float]:
    """Share of attributes read rightly from held-out captions that name everything."""
    rng, _ = draws(31, 1)
    looks = held_out_looks(count)
    ids = token_ids(tokenizer, [caption(look, rng, everything=True) for look in looks])
    wanted = stacked_labels([labels(look) for look in looks])
    with torch.no_grad():
        logits = model(ids)
    figures = {}
    for name in VALUES:
        shown = wanted[name] >= 0
        figures[name] = float((logits[name].argmax(1) == wanted[name])[shown].float().mean())
    return figures
