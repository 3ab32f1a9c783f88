"""Flow transformers in mixed company: each request equals the stock pipeline."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from generators.diffusion.asks import Ask, Piece
from tests.generators.diffusion import tiny, tiny_flow, worn
from tests.generators.diffusion.company import Company, distance, gradient

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


@pytest.fixture(scope="module", params=sorted(tiny_flow.MAKERS))
def kit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    import diffusers
    import torch

    folder = tmp_path_factory.mktemp("flow") / request.param
    tiny_flow.MAKERS[request.param]().save_pretrained(folder)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return Kit(family=request.param, folder=folder, pipeline=pipeline)


def tolerance(kit: Kit) -> float:
    """FLUX.2's latents pass through its batch norm and back before they are compared."""
    return 2 * TOLERANCE if kit.family == "flux2-klein" else TOLERANCE


def test_mixed_requests_share_a_forward_and_equal_the_stock_pipeline(tmp_path: Path, kit: Kit) -> None:
    asks = [kit.ask(number) for number in range(4)]
    runs = Company(tmp_path, kit.folder).staggered(*asks)
    assert len({run.state.share for run in runs if run.state}) == 1
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, kit.stock(request)) < tolerance(kit)


def test_exact_equals_the_stock_pipeline_bit_for_bit(tmp_path: Path, kit: Kit) -> None:
    request = kit.ask(0, exact=True)
    run, *_ = Company(tmp_path, kit.folder).staggered(request, kit.ask(1), kit.ask(2))
    off = distance(run, kit.stock(request))
    assert off == 0.0 if kit.family != "flux2-klein" else off < 1e-6


@pytest.mark.parametrize("kit", ["flux", "qwen-image", "sd3", "z-image"], indirect=True)
def test_image_to_image_equals_the_stock_pipeline(tmp_path: Path, kit: Kit) -> None:
    asks = [
        kit.ask(0),
        kit.ask(1, init_image=gradient(), strength=0.6, steps=5),
        kit.ask(2, init_image=gradient(), strength=1.0),
    ]
    runs = Company(tmp_path, kit.folder).staggered(*asks)
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, kit.stock(request)) < TOLERANCE
    assert runs[1].state is not None
    assert len(runs[1].state.timesteps) == 3


def test_a_run_through_the_engine_makes_a_picture_with_a_preview(tmp_path: Path, kit: Kit) -> None:
    engine = tiny.engine(tmp_path, kit.folder)
    watcher = tiny.Watcher(wanted=True)
    made = tiny.send(engine, kit.ask(0, steps=6), watcher).made()
    again = tiny.send(engine, kit.ask(0, steps=6, exact=True)).made()
    engine.close()
    with Image.open(io.BytesIO(made.data)) as picture, Image.open(io.BytesIO(again.data)) as exact:
        assert picture.size == (64, 64)
        worst = max(abs(a - b) for a, b in zip(picture.tobytes(), exact.tobytes(), strict=True))
    assert worst <= 1
    assert watcher.previews
    assert (watcher.previews[0].width, watcher.previews[0].height) == (8, 8)
    assert made.facts.parameters["scheduler"] == "FlowMatchEulerDiscreteScheduler"


def test_a_saved_state_resumes_to_equal_latents(tmp_path: Path, kit: Kit) -> None:
    from generators.diffusion import saving

    company = Company(tmp_path, kit.folder)
    unbroken = company.join(kit.ask(2, exact=True))
    company.tick()
    company.tick()
    assert unbroken.state is not None
    saved = saving.pack(saving.capture(unbroken.state), unbroken.ask.fingerprint)
    resumed = company.join(dataclasses.replace(unbroken.ask, latents=saved))
    assert resumed.state is not None
    assert resumed.state.index == 2
    company.finish()
    assert distance(resumed, unbroken.state.latents[0]) == 0.0


def test_a_prompt_beyond_the_text_encoder_is_told(tmp_path: Path, kit: Kit) -> None:
    company = Company(tmp_path, kit.folder)
    short = company.join(kit.ask(0))
    long = company.join(kit.ask(0, prompt="the woman " * 120 + "and the end"))
    assert short.state is not None
    assert long.state is not None
    assert "truncatedPrompt" not in short.state.notes
    assert long.state.notes["truncatedPrompt"].endswith("the end")


@pytest.mark.parametrize("kit", ["z-image"], indirect=True)
def test_z_image_shares_a_forward_between_sizes(tmp_path: Path, kit: Kit) -> None:
    asks = [kit.ask(0), kit.ask(1, width=96, height=48), kit.ask(2, width=32, height=128)]
    runs = Company(tmp_path, kit.folder).staggered(*asks)
    assert len({run.state.share for run in runs if run.state}) == 1
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, kit.stock(request)) < TOLERANCE


@pytest.mark.parametrize("kit", ["flux2-klein"], indirect=True)
def test_flux2_reads_references(tmp_path: Path, kit: Kit) -> None:
    pieces = [Piece(sha256=f"{turn}", data=worn.picture(turn)) for turn in range(3)]
    asks = [
        kit.ask(0),
        kit.ask(1, references=(pieces[0],)),
        kit.ask(2, references=(pieces[1],)),
        kit.ask(3, references=(pieces[1], pieces[2])),
    ]
    runs = Company(tmp_path, kit.folder).join_all(*asks)
    assert len({run.state.share for run in runs if run.state}) == 3
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, kit.stock(request)) < tolerance(kit)


@pytest.mark.parametrize("kit", ["flux", "qwen-image"], indirect=True)
def test_loras_mix_row_by_row_on_transformers(tmp_path: Path, kit: Kit) -> None:
    import torch
    from safetensors.torch import load, save

    generator = torch.Generator().manual_seed(1)
    tensors = {}
    for name, module in kit.pipeline.transformer.named_modules():
        if name.endswith((".to_q", ".to_v")):
            out, into = module.weight.shape
            tensors[f"transformer.{name}.lora_A.weight"] = torch.randn(4, into, generator=generator) * 0.3
            tensors[f"transformer.{name}.lora_B.weight"] = torch.randn(out, 4, generator=generator) * 0.3
    data = save(tensors)
    asks = [kit.ask(0), kit.ask(1, loras=(Piece(sha256="x", data=data, weight=0.7),))]
    runs = Company(tmp_path, kit.folder).staggered(*asks)
    assert distance(runs[0], kit.stock(asks[0])) < TOLERANCE
    assert distance(runs[1], kit.stock(asks[1])) > 1e-4
    kit.pipeline.load_lora_weights(load(data), adapter_name="lora_x")
    kit.pipeline.set_adapters(["lora_x"], [0.7])
    expected = kit.stock(asks[1])
    kit.pipeline.unload_lora_weights()
    assert distance(runs[1], expected) < TOLERANCE
