"""Reference conditioning: a small IP-Adapter, so that an approved picture holds a likeness.

Knows two stages. `vision` teaches a small image encoder to name who is shown; `reference`
trains it with the adapter's own attention weights beside the fixed UNet, on pairs of
pictures of one character with captions that do not repeat the look.
(Ye et al., "IP-Adapter: Text compatible image prompt adapter", 2023.)
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from typing_extensions import override

from training.starter.autoencoder import batch_of
from training.starter.captions import caption, training_look
from training.starter.denoiser import Denoiser, new_scheduler, place_weights
from training.starter.latents import LatentCache
from training.starter.looks import VALUES, Look, labels, random_look
from training.starter.optimizers import optimizers_for
from training.starter.runs import Plan, Run, StepLosses, draws
from training.starter.text import HIDDEN, attribute_loss, stacked_labels, token_ids

if TYPE_CHECKING:
    from transformers import CLIPTokenizer, CLIPVisionModelWithProjection

IDENTITY: Final = (
    "gender", "age", "skin", "hair", "style", "eyes", "glasses", "beard", "ears", "hat", "outfit", "cloth",
)  # fmt: skip
"""What makes a character; everything else belongs to the scene."""
CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION: Final = (0.26862954, 0.26130258, 0.27577711)
TOKENS: Final = 4
DROPPED_SHARE: Final = 0.15


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


def as_encoder_sees(pictures: Tensor) -> Tensor:
    """Pictures in -1..1 normalised as CLIP's image processor does it, which diffusers uses by default."""
    mean, deviation = (torch.tensor(row)[None, :, None, None] for row in (CLIP_MEAN, CLIP_DEVIATION))
    return (pictures * 0.5 + 0.5 - mean) / deviation


class Vision(nn.Module):
    """The image encoder with one head per identity attribute, for its first stage."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = new_image_encoder()
        self.heads = nn.ModuleDict({f"to_{name}": nn.Linear(HIDDEN, len(VALUES[name])) for name in IDENTITY})

    @override
    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        embedding = self.encoder(as_encoder_sees(pictures)).image_embeds
        return {name: self.heads[f"to_{name}"](embedding) for name in IDENTITY}


def person(rng: random.Random) -> Look:
    """A random look that is a person."""
    look = training_look(rng)
    while look.kind != "person":
        look = training_look(rng)
    return look


def train_vision(plan: Plan, *, batch: int) -> Run:
    """Teach the image encoder who is shown, resuming what the folder holds."""
    torch.manual_seed(plan.seed)
    model = Vision()
    names = ("embedding", "heads")
    run = Run(plan, model, optimizers_for(model, rate=plan.rate, decay=0.01, adam_names=names))
    run.resume()
    rng, _ = draws(plan.seed + 900, 0)
    held_out = [person(rng) for _ in range(192)]
    pictures, wanted = batch_of(held_out, 128), identity_labels(held_out)

    def losses_of(step: int) -> StepLosses:
        step_rng, _ = draws(plan.seed + 41, step)
        looks = [person(step_rng) for _ in range(batch)]
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(batch_of(looks, 128))
        found = {name: value.float() for name, value in logits.items()}
        return {"loss": attribute_loss(found, identity_labels(looks))}

    run.train(losses_of, every=lambda now: _vision_accuracy(now, pictures, wanted))
    return run


def identity_labels(looks: list[Look]) -> dict[str, Tensor]:
    """Label tensors of the identity attributes."""
    stacked = stacked_labels([labels(look) for look in looks])
    return {name: stacked[name] for name in IDENTITY}


def _vision_accuracy(run: Run, pictures: Tensor, wanted: dict[str, Tensor]) -> dict[str, float]:
    with torch.no_grad():
        logits = run.model(pictures)
    figures = {}
    for name in IDENTITY:
        shown = wanted[name] >= 0
        figures[name] = float((logits[name].argmax(1) == wanted[name])[shown].float().mean())
    return figures


def elsewhere(look: Look, rng: random.Random) -> Look:
    """The same character in another picture: other place, mood, posture and things in hand."""
    other = random_look(rng)
    while other.kind != "person":
        other = random_look(rng)
    return other.but(**{name: getattr(look, name) for name in IDENTITY})


def install_adapter(denoiser: Denoiser) -> None:
    """Give the UNet an adapter's layers, begun as copies of its text attention; fix everything else."""
    from diffusers.models.attention_processor import AttnProcessor, IPAdapterAttnProcessor
    from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection

    unet = denoiser.unet
    denoiser.requires_grad_(requires_grad=False)
    processors: dict[str, Any] = {}
    for name in unet.attn_processors:
        if name.endswith("attn1.processor"):
            processors[name] = AttnProcessor()
            continue
        attention = unet.get_submodule(name.removesuffix(".processor"))
        made = IPAdapterAttnProcessor(attention.to_k.out_features, HIDDEN, num_tokens=(TOKENS,), scale=1.0)
        made.to_k_ip[0].load_state_dict(attention.to_k.state_dict())
        made.to_v_ip[0].load_state_dict(attention.to_v.state_dict())
        processors[name] = made
    unet.set_attn_processor(processors)
    projection = ImageProjection(HIDDEN, HIDDEN, TOKENS)
    unet.encoder_hid_proj = MultiIPAdapterImageProjection([projection])
    unet.register_to_config(encoder_hid_dim_type="ip_image_proj")


class Adapter(nn.Module):
    """All that the reference stage trains: image encoder, projection, attention weights."""

    def __init__(self, encoder: CLIPVisionModelWithProjection, denoiser: Denoiser) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = denoiser.unet.encoder_hid_proj
        self.attention = nn.ModuleList(
            value for value in denoiser.unet.attn_processors.values() if isinstance(value, nn.Module)
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """What the reference stage is trained on; `persons` are numbers of cached pictures."""

    cache: LatentCache
    tokenizer: CLIPTokenizer
    persons: tuple[int, ...]
    batch: int


def pairs_of(cache: LatentCache, tokenizer: CLIPTokenizer, batch: int) -> Pairs:
    """Pairs over all cached pictures that show a person."""
    numbers = tuple(index for index in range(len(cache)) if cache.look(index).kind == "person")
    return Pairs(cache, tokenizer, numbers, batch)


def reference_losses(
    adapter: Adapter, denoiser: Denoiser, pairs: Pairs, draw: tuple[random.Random, torch.Generator]
) -> StepLosses:
    """Velocity error of a picture given another picture of the same character."""
    rng, generator = draw
    count, scheduler = pairs.batch, new_scheduler()
    indices = rng.choices(pairs.persons, k=count)
    looks = [pairs.cache.look(index) for index in indices]
    texts = [_said_about(look, rng) for look in looks]
    clean = pairs.cache.pick(indices) / pairs.cache.deviation()
    noise = torch.randn(clean.shape, generator=generator)
    levels = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    times = (levels * 1000).long().clamp(max=999)
    noisy = scheduler.add_noise(clean, noise, times)
    kept = torch.tensor([rng.random() >= DROPPED_SHARE for _ in range(count)]).float()[:, None]
    references = batch_of([elsewhere(look, rng) for look in looks], 128)
    with torch.autocast("cpu", torch.bfloat16):
        embedding = adapter.encoder(as_encoder_sees(references)).image_embeds * kept
        made = denoiser.unet(
            noisy,
            times,
            encoder_hidden_states=denoiser.text(token_ids(pairs.tokenizer, texts)).last_hidden_state,
            added_cond_kwargs={"image_embeds": [embedding[:, None]]},
            return_dict=False,
        )[0]
    squared = (made.float() - scheduler.get_velocity(clean, noise, times)).square()
    return {"loss": (squared * place_weights(clean.shape[-1])).mean(), "mse": squared.mean().detach()}


def _said_about(look: Look, rng: random.Random) -> str:
    """A caption that leaves the character to the reference; now and then a full one, or none."""
    draw = rng.random()
    if draw < 0.1:
        return ""
    unsaid = frozenset() if draw < 0.2 else frozenset(IDENTITY)
    return caption(look, rng, unsaid=unsaid)


def train_reference(
    plan: Plan, encoder: CLIPVisionModelWithProjection, denoiser: Denoiser, pairs: Pairs
) -> Run:
    """Train the adapter beside a fixed denoiser, resuming what the folder holds."""
    torch.manual_seed(plan.seed)
    install_adapter(denoiser)
    adapter = Adapter(encoder, denoiser)
    names = ("embedding",)
    run = Run(plan, adapter, optimizers_for(adapter, rate=plan.rate, decay=0.01, adam_names=names))
    run.resume()

    def losses_of(step: int) -> StepLosses:
        return reference_losses(adapter, denoiser, pairs, draws(plan.seed + 51, step))

    run.train(losses_of)
    return run


def adapter_tensors(adapter: Adapter) -> dict[str, Tensor]:
    """The adapter in the format that `load_ip_adapter` reads; attention keys count 1, 3, 5, ..."""
    projection = adapter.projection.image_projection_layers[0].state_dict()
    tensors = {
        f"image_proj.{key.replace('image_embeds', 'proj')}": value for key, value in projection.items()
    }
    for index, layer in enumerate(adapter.attention):
        for kind in ("k", "v"):
            weight = layer.get_parameter(f"to_{kind}_ip.0.weight")
            tensors[f"ip_adapter.{2 * index + 1}.to_{kind}_ip.weight"] = weight.detach()
    return {name: value.contiguous() for name, value in tensors.items()}
