"""Tiny flow checkpoints with the stock pipeline over each, as the oracle of what the engine makes."""

import dataclasses
import io
from pathlib import Path
from typing import Any

from PIL import Image

from generators.diffusion.asks import Ask
from tests.generators.diffusion import tiny, tiny_flow

TOLERANCE = 5e-6
PROMPTS = ("a woman", "the red hair and the woman", "hair")


@dataclasses.dataclass
class Kit:
    """A checkpoint and the stock pipeline over it."""

    family: str
    folder: Path
    pipeline: Any

    def ask(self, number: int = 0, **more: Any) -> Ask:
        """Requests that differ in everything that may differ (the stock klein pipeline takes no negative prompt)."""
        plain = {
            "prompt": PROMPTS[number % 3],
            "negative_prompt": (None, "the hair")[number % 2 and self.family != "flux2-klein"],
            "steps": 3 + number % 3,
            "guidance": (4.0, 1.0, 6.5)[number % 3],
            "seed": 50 + number,
        }
        return tiny.ask(self.family, **(plain | more))

    def stock(self, request: Ask) -> Any:
        """Its latents as the stock pipeline makes them, in the layout that the loop iterates."""
        import torch

        options: dict[str, Any] = {
            "prompt": request.prompt,
            "num_inference_steps": request.steps,
            "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "latent",
        }
        if self.family == "qwen-image":
            options |= {"true_cfg_scale": request.guidance, "negative_prompt": request.negative_prompt or " "}
        else:
            options["guidance_scale"] = request.guidance
            if self.family in ("sd3", "z-image"):
                options["negative_prompt"] = request.negative_prompt
        pipeline = self.pipeline
        if request.init_image is not None:
            pipeline = self.refining()
            options |= {"image": picture(request.init_image), "strength": request.strength}
        if request.references:
            options["image"] = [picture(piece.data) for piece in request.references]
        made = pipeline(width=request.width, height=request.height, **options).images[0]
        return self.tokens(made) if self.family == "flux2-klein" else made

    def refining(self) -> Any:
        import diffusers

        name = {
            "sd3": "StableDiffusion3Img2ImgPipeline",
            "flux": "FluxImg2ImgPipeline",
            "z-image": "ZImageImg2ImgPipeline",
            "qwen-image": "QwenImageImg2ImgPipeline",
        }[self.family]
        kind = getattr(diffusers, name)
        parts = {
            key: part
            for key, part in self.pipeline.components.items()
            if key in kind.__init__.__annotations__
        }
        pipeline = kind(**parts)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def tokens(self, made: Any) -> Any:
        """FLUX.2 gives its latents in the VAE's scale; back to tokens."""
        import torch

        vae = self.pipeline.vae
        closed = self.pipeline._patchify_latents(made[None])
        spread = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
        closed = (closed - vae.bn.running_mean.view(1, -1, 1, 1)) / spread
        return self.pipeline._pack_latents(closed)[0]


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def built(family: str, parent: Path) -> Kit:
    """A tiny checkpoint of the family in a folder of its own."""
    import diffusers
    import torch

    folder = parent / family
    tiny_flow.MAKERS[family]().save_pretrained(folder)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32).to(tiny.DEVICE)
    pipeline.set_progress_bar_config(disable=True)
    return Kit(family=family, folder=folder, pipeline=pipeline)


def tolerance(kit: Kit) -> float:
    """FLUX.2's latents pass through its batch norm and back before they are compared."""
    return 2 * TOLERANCE if kit.family == "flux2-klein" else TOLERANCE


WORN = (
    ".to_q",
    ".to_v",
    ".add_k_proj",
    ".to_qkv_mlp_proj",
    ".w2",
    "cap_embedder.1",
    "all_x_embedder.2-1",
    "t_embedder.mlp.0",
)


def adapter_over(transformer: Any, seed: int, rank: int) -> bytes:
    """A LoRA with random weights over the attention and what else is worn, far from nothing."""
    import torch
    from safetensors.torch import save

    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, module in transformer.named_modules():
        if name.endswith(WORN):
            out, into = module.weight.shape
            tensors[f"transformer.{name}.lora_A.weight"] = torch.randn(rank, into, generator=generator) * 0.3
            tensors[f"transformer.{name}.lora_B.weight"] = torch.randn(out, rank, generator=generator) * 0.3
    return save(tensors)


def in_kohyas_naming(adapter: bytes) -> bytes:
    """The same layers as Z-Image's community trainers name them, with half the rank as alpha."""
    import torch
    from safetensors.torch import load, save

    sides, tensors = {"lora_A": "lora_down", "lora_B": "lora_up"}, {}
    for name, tensor in load(adapter).items():
        layer, _, side = name.removeprefix("transformer.").removesuffix(".weight").rpartition(".")
        own = f"lora_unet_{layer.replace('.', '_')}"
        tensors[f"{own}.{sides[side]}.weight"] = tensor
        if side == "lora_A":
            tensors[f"{own}.alpha"] = torch.tensor(tensor.shape[0] / 2)
    return save(tensors)


def worn_by_stock(kit: Kit, request: Ask) -> Any:
    """What the stock pipeline makes with the request's adapters loaded, at their weights."""
    from safetensors.torch import load

    names = [f"lora_{piece.sha256}" for piece in request.loras]
    for name, piece in zip(names, request.loras, strict=True):
        kit.pipeline.load_lora_weights(load(piece.data), adapter_name=name)
    kit.pipeline.set_adapters(names, [piece.weight for piece in request.loras])
    made = kit.stock(request)
    kit.pipeline.unload_lora_weights()
    return made
