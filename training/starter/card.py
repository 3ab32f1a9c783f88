"""The model card: what the checkpoint is, was taught, can do and cannot, with its figures.

Knows words; figures come from the evaluation and are left out when there are none.
"""

from __future__ import annotations

from typing import Any

_TEXT = """\
---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---
# Likeness starter

A small text-to-image latent diffusion checkpoint, trained from nothing on pictures that our own code
draws. It is there so that a first picture on a fresh machine is a picture: without GPU, key or download.
It is a demonstration, no substitute for a real model.

**Draws** flat cartoon portraits of one character at {side}x{side} (gender, age, six skins, eight hair colours, seven
hair styles, eyes, glasses, beard, ears, six hats, five expressions, six outfits in eleven colours, five
things to hold), sixteen scenes without anybody, and eight objects: {objects}.

**Does not draw** several people, photographs, text, other objects, other poses. It knows the words in
`known_words.txt`; the engine leaves others out and says which (`parameters.unknownWords`).

**Data.** Pictures and captions are made by `training/starter` from a seed; no photograph, no person, no
other model and no scraped text took part. One run from empty, one seed, one CPU thread.

**Parts.** UNet2DConditionModel 5.6 M parameters on 16x16x8 latents, AutoencoderTiny 0.5 M, CLIPTextModel
1.0 M with its own tokenizer (64 tokens at most); DDIM, velocity prediction, zero terminal SNR. 16-bit weights.
`ip_adapter/` holds an IP-Adapter and its CLIPVisionModelWithProjection (0.4 M), trained together with the UNet: a
picture of a character given as reference shows who it is, the prompt says where and what.

**Use.** `DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)`; {steps} steps, guidance {guidance}.
The dtype must be given: without it transformers keeps the text encoder at 16 bits and the rest becomes 32.
References: `load_ip_adapter(folder, subfolder="ip_adapter", weight_name="ip-adapter.safetensors")`, scale 0.7.
LoRA: rank 8 on attention and convolutions, 200 steps of 4 at 4e-3 falling to nothing over the last half, nine pictures.

**Licence.** Apache-2.0, weights and code.
"""


def _figures(figures: dict[str, Any]) -> str:
    read, free, eyes = figures["attributes"], figures["free_prompts"], figures["eyes"]
    made, ceiling, chance = read["generated"], read["ceiling"], read["chance"]
    low, high = made["interval95"]
    rows = [
        "## Figures",
        "",
        f"Autoencoder: {figures['autoencoder']['psnr']} dB on held-out pictures.",
        (
            f"Free prompts written before training ended: right kind of subject in {free['right_kind']} of"
            f" {free['of']}; {free['right_wishes']} of {free['wishes']} plainly stated attributes."
        ),
        f"Eyes alike where no prompt says their colour: {eyes['alike']} of {eyes['of']}.",
        (
            f"Attributes, {read['pictures']} held-out characters whose captions name all of them, read by a"
            f" classifier: mean {made['mean']:.3f} (95 % bootstrap interval over pictures {low:.3f} to {high:.3f});"
            f" ceiling {ceiling['mean']:.3f} (the same classifier on the drawn pictures after the autoencoder);"
            f" chance {chance['mean']:.3f} (always the most frequent value). One training run, one seed."
        ),
        "",
        "| attribute | generated | ceiling | chance |",
        "|---|---|---|---|",
    ]
    names = [name for name in made if name not in {"mean", "interval95"}]
    rows += [f"| {name} | {made[name]:.3f} | {ceiling[name]:.3f} | {chance[name]:.3f} |" for name in names]
    return "\n".join(rows) + "\n"


def model_card(figures: dict[str, Any] | None, *, side: int, steps: int, guidance: float) -> str:
    """The card in Markdown."""
    from training.starter.looks import VALUES

    objects = ", ".join(VALUES["object"])
    text = _TEXT.format(side=side, objects=objects, steps=steps, guidance=guidance)
    return f"{text}\n{_figures(figures)}" if figures else text
