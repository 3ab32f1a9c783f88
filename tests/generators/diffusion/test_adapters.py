"""Held likeness in mixed company: LoRA, IP-Adapter and ControlNet rows equal the stock pipelines."""

import dataclasses
import io
import warnings
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from generators.catalog import Capability
from generators.diffusion.adapters import lora as loras
from generators.diffusion.adapters.control import edges
from generators.diffusion.asks import Ask, Piece
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.extras import ExtraKind
from tests.generators.diffusion import tiny, worn
from tests.generators.diffusion.company import Company, distance, gradient, stock

TOLERANCE = 5e-6


@dataclasses.dataclass
class Kit:
    """A checkpoint with everything that can be worn with it."""

    key: str
    folder: Path
    pipeline: Any
    extras: tuple[str, ...]
    plain: Piece
    wide: Piece


@pytest.fixture(scope="module", params=["sd", "sdxl"])
def kit(
    request: pytest.FixtureRequest,
    sd_folder: Path,
    sdxl_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Kit:
    import diffusers
    import torch

    folder = {"sd": sd_folder, "sdxl": sdxl_folder}[request.param]
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    made = tmp_path_factory.mktemp("worn")
    ip = worn.ip_adapter(pipeline, made / "ip")
    control = worn.control_net(pipeline, made / "control")
    return Kit(
        key=folder.name,
        folder=folder,
        pipeline=pipeline,
        extras=(f"ip-adapter:{request.param}={ip}", f"controlnet:{request.param}={control}"),
        plain=worn.lora(pipeline, made / "plain", rank=4, alpha=2),
        wide=worn.lora(pipeline, made / "wide", rank=8, alpha=8, convolutions=True),
    )


@pytest.fixture
def company(tmp_path: Path, kit: Kit) -> Company:
    return Company(tmp_path, kit.folder, local_extras=kit.extras)


def dressed(kit: Kit, *pieces: Piece) -> Any:
    """A fresh stock pipeline with those LoRAs loaded."""
    import diffusers
    import torch
    from safetensors.torch import load

    pipeline = diffusers.DiffusionPipeline.from_pretrained(kit.folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    for number, piece in enumerate(pieces):
        parts = {"metadata": loras._metadata(piece.data)}
        state = load(piece.data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft remarks that there are several adapters
            pipeline.unet.load_lora_adapter(state, prefix="unet", adapter_name=f"lora_{number}", **parts)
    pipeline.set_adapters(
        [f"lora_{number}" for number in range(len(pieces))], [piece.weight for piece in pieces]
    )
    return pipeline


def weighing(piece: Piece, weight: float) -> Piece:
    return dataclasses.replace(piece, weight=weight)


def test_loras_of_any_mix_and_weight_share_a_forward(company: Company, kit: Kit) -> None:
    asks = [
        tiny.ask(kit.key, seed=1),
        tiny.ask(kit.key, seed=2, loras=(kit.plain,)),
        tiny.ask(kit.key, seed=3, guidance=1.0, loras=(weighing(kit.wide, 0.6),)),
        tiny.ask(kit.key, seed=4, steps=5, loras=(weighing(kit.plain, 0.5), weighing(kit.wide, 0.8))),
    ]
    runs = company.staggered(*asks)
    assert distance(runs[0], stock(kit.pipeline, asks[0])) < TOLERANCE
    for run, request in zip(runs[1:], asks[1:], strict=True):
        expected = stock(dressed(kit, *request.loras), request)
        assert distance(run, expected) < TOLERANCE
        assert distance(run, stock(kit.pipeline, request)) > 1e-3  # the adapter matters


def test_a_lora_alone_equals_the_stock_pipeline_bit_for_bit(company: Company, kit: Kit) -> None:
    request = tiny.ask(kit.key, exact=True, loras=(kit.plain,))
    run, *_ = company.staggered(request, tiny.ask(kit.key, seed=2, loras=(weighing(kit.wide, 0.6),)))
    assert distance(run, stock(dressed(kit, kit.plain), request)) == 0.0


def test_hooks_leave_the_network_as_it_was(company: Company, kit: Kit) -> None:
    before, _ = company.staggered(tiny.ask(kit.key, exact=True), tiny.ask(kit.key, loras=(kit.wide,)))
    after = company.join(tiny.ask(kit.key, exact=True))
    company.finish()
    assert before.state is not None
    assert distance(after, before.state.latents[0]) == 0.0


def test_kohya_files_with_a_text_encoder_part_equal_the_stock_pipeline(
    tmp_path: Path, sd_folder: Path
) -> None:
    import diffusers
    import torch
    from safetensors.torch import load

    pipeline = diffusers.DiffusionPipeline.from_pretrained(sd_folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    piece = worn.kohya(pipeline)
    request = tiny.ask("tiny-sd", loras=(piece,))
    run, *_ = Company(tmp_path, sd_folder).staggered(request, tiny.ask("tiny-sd", seed=2))
    plain = stock(pipeline, request)
    pipeline.load_lora_weights(load(piece.data))
    assert distance(run, stock(pipeline, request)) < TOLERANCE
    assert distance(run, plain) > 1e-3


def test_text_attention_in_kohya_files_is_worn_though_the_stock_loader_drops_it(
    tmp_path: Path, sd_folder: Path
) -> None:
    pipeline = tiny.sd()
    piece = worn.kohya(pipeline, text=(".q_proj", ".out_proj"))
    layers = loras.read(pipeline, piece.data).networks["text_encoder"]
    assert sorted(layers) == [
        f"encoder.layers.{number}.self_attn.{name}" for number in range(2) for name in ("out_proj", "q_proj")
    ]
    assert {layer.scale for layer in layers.values()} == {0.25}
    worn_, bare = Company(tmp_path, sd_folder).staggered(
        tiny.ask("tiny-sd", loras=(piece,)), tiny.ask("tiny-sd")
    )
    assert bare.state is not None
    assert distance(worn_, bare.state.latents[0]) > 1e-3


@pytest.mark.parametrize("case", ["bytes", "other", "dora", "empty"])
def test_an_adapter_that_does_not_fit_is_refused_in_words(company: Company, kit: Kit, case: str) -> None:
    import torch
    from safetensors.torch import save

    from generators.diffusion.failures import BadAskError

    layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    wrong = {f"{layer}.lora_A.weight": torch.ones(4, 999), f"{layer}.lora_B.weight": torch.ones(999, 4)}
    data, words = {
        "bytes": (b"no tensors", "is no safetensors file"),
        "other": (save(wrong), "made for another checkpoint"),
        "dora": (save(wrong | {f"{layer}.lora_magnitude_vector": torch.ones(4)}), "is a DoRA"),
        "empty": (save({"nothing": torch.ones(1)}), "LoRA layers"),
    }[case]
    with pytest.raises(BadAskError, match=words):
        company.join(tiny.ask(kit.key, loras=(Piece(sha256=case, data=data),)))


def seeing(kit: Kit, request: Ask) -> Any:
    """The stock pipeline with the IP-Adapter, latents."""
    import diffusers
    import torch

    pipeline = diffusers.DiffusionPipeline.from_pretrained(kit.folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    folder = kit.extras[0].partition("=")[2]
    pictures = [Image.open(io.BytesIO(piece.data)).convert("RGB") for piece in request.references]
    weights = [piece.weight for piece in request.references]
    name, images = "ip-adapter.safetensors", [pictures]
    if len(set(weights)) == 1:
        pipeline.load_ip_adapter(folder, subfolder="", weight_name=name)
        pipeline.set_ip_adapter_scale(weights[0])
    else:  # the same adapter once for each picture
        often = len(weights)
        pipeline.load_ip_adapter([folder] * often, subfolder=[""] * often, weight_name=[name] * often)
        pipeline.set_ip_adapter_scale(weights)
        images = [[one] for one in pictures]
    pipeline.to(tiny.DEVICE)
    return pipeline(
        prompt=request.prompt,
        width=request.width,
        height=request.height,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        ip_adapter_image=images,
        output_type="latent",
    ).images[0]


def reference(turn: int, weight: float = 1.0) -> Piece:
    return Piece(sha256=f"picture-{turn}", data=worn.picture(turn), weight=weight)


def test_references_with_their_own_weights_share_a_forward_with_rows_that_have_none(
    company: Company, kit: Kit
) -> None:
    asks = [
        tiny.ask(kit.key, seed=1),
        tiny.ask(kit.key, seed=2, references=(reference(0, 0.7),)),
        tiny.ask(kit.key, seed=3, guidance=1.0, references=(reference(1, 0.3),)),
    ]
    runs = company.staggered(*asks)
    assert len({run.state.share for run in runs if run.state}) == 1
    assert distance(runs[0], stock(kit.pipeline, asks[0])) < TOLERANCE
    for run, request in zip(runs[1:], asks[1:], strict=True):
        assert distance(run, seeing(kit, request)) < TOLERANCE
        assert distance(run, stock(kit.pipeline, request)) > 1e-3


def test_one_reference_alone_equals_the_stock_pipeline_bit_for_bit(company: Company, kit: Kit) -> None:
    request = tiny.ask(kit.key, exact=True, references=(reference(0, 0.7),))
    run, *_ = company.staggered(request, tiny.ask(kit.key, references=(reference(1),)))
    assert distance(run, seeing(kit, request)) == 0.0


def test_two_references_are_both_seen(company: Company, kit: Kit) -> None:
    request = tiny.ask(kit.key, references=(reference(0, 0.5), reference(1, 0.5)))
    run, *_ = company.staggered(request, tiny.ask(kit.key, seed=2))
    assert distance(run, seeing(kit, request)) < TOLERANCE


def test_references_with_a_weight_each_equal_the_stock_pipeline_in_mixed_company(
    company: Company, kit: Kit
) -> None:
    asks = [
        tiny.ask(kit.key, seed=1, references=(reference(0, 0.9), reference(1, 0.2))),
        tiny.ask(kit.key, seed=2, guidance=1.0, references=(reference(1, 0.0), reference(2, 0.6))),
        tiny.ask(kit.key, seed=3, references=(reference(0, 0.5), reference(1, 0.5))),
        tiny.ask(kit.key, seed=4, references=(reference(2, 0.4),)),
        tiny.ask(kit.key, seed=5),
    ]
    runs = company.staggered(*asks)
    assert (
        len({run.state.share for run in runs if run.state}) == 3
    )  # a weight each; one for both; at most one picture
    for run, request in zip(runs[:4], asks[:4], strict=True):
        assert distance(run, seeing(kit, request)) < TOLERANCE
    assert distance(runs[4], stock(kit.pipeline, asks[4])) < TOLERANCE
    first = dataclasses.replace(asks[0], exact=True)
    exact, _ = company.staggered(first, dataclasses.replace(asks[1], seed=9))
    assert distance(exact, seeing(kit, first)) == 0.0
    turned = dataclasses.replace(asks[0], references=(reference(0, 0.2), reference(1, 0.9)))
    assert distance(runs[0], seeing(kit, turned)) > 1e-3
    assert turned.fingerprint != asks[0].fingerprint


def controlled(kit: Kit, request: Ask) -> Any:
    """The stock ControlNet pipeline, latents."""
    import diffusers
    import torch

    network = diffusers.ControlNetModel.from_pretrained(kit.extras[1].partition("=")[2])
    name = type(kit.pipeline).__name__.replace("Pipeline", "ControlNetPipeline")
    pipeline = getattr(diffusers, name)(**kit.pipeline.components, controlnet=network)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(tiny.DEVICE)
    assert request.control is not None
    picture = Image.open(io.BytesIO(request.control.data)).convert("RGB")
    return pipeline(
        prompt=request.prompt,
        image=picture,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        controlnet_conditioning_scale=request.control.weight,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type="latent",
    ).images[0]


def test_control_pictures_with_their_own_weights_share_a_forward_with_rows_that_have_none(
    company: Company, kit: Kit
) -> None:
    asks = [
        tiny.ask(kit.key, seed=1),
        tiny.ask(kit.key, seed=2, control=reference(0, 0.7)),
        tiny.ask(kit.key, seed=3, guidance=1.0, control=reference(1, 1.3)),
    ]
    runs = company.staggered(*asks)
    assert distance(runs[0], stock(kit.pipeline, asks[0])) < TOLERANCE
    for run, request in zip(runs[1:], asks[1:], strict=True):
        assert distance(run, controlled(kit, request)) < TOLERANCE
        assert distance(run, stock(kit.pipeline, request)) > 1e-3


def test_control_alone_equals_the_stock_pipeline_bit_for_bit(company: Company, kit: Kit) -> None:
    request = tiny.ask(kit.key, exact=True, control=reference(0, 0.7))
    run, *_ = company.staggered(request, tiny.ask(kit.key, seed=2))
    assert distance(run, controlled(kit, request)) == 0.0


def test_everything_at_once_in_one_row_does_not_leak_into_its_neighbour(company: Company, kit: Kit) -> None:
    rich = tiny.ask(
        kit.key,
        seed=5,
        loras=(kit.plain, weighing(kit.wide, 0.4)),
        references=(reference(0),),
        control=reference(1),
        init_image=gradient(),
        strength=0.8,
    )
    bare = tiny.ask(kit.key, seed=6)
    _, neighbour = company.staggered(rich, bare)
    assert distance(neighbour, stock(kit.pipeline, bare)) < TOLERANCE
    alone = company.join(dataclasses.replace(rich, exact=True))
    company.finish()
    assert company.runs[0].state is not None
    assert distance(alone, company.runs[0].state.latents[0]) < TOLERANCE


def test_nothing_installed_is_told_in_words(tmp_path: Path, sd_folder: Path) -> None:
    from generators.diffusion.failures import BadAskError

    with pytest.raises(BadAskError, match="No IP-Adapter is installed for this checkpoint"):
        Company(tmp_path, sd_folder).join(tiny.ask("tiny-sd", references=(reference(0),)))


def test_installed_extras_become_capabilities(tmp_path: Path, kit: Kit) -> None:
    from generators.catalog import Capability
    from generators.diffusion.checkpoints import Shelf

    (bare,) = Shelf(tiny.settings(tmp_path, kit.folder)).checkpoints()
    (rich,) = Shelf(tiny.settings(tmp_path, kit.folder, local_extras=kit.extras)).checkpoints()
    more = rich.model().capabilities - bare.model().capabilities
    assert more == {Capability.REFERENCE_IMAGES, Capability.CONTROLNET}
    assert (bare.model().max_references, rich.model().max_references) == (0, 4)
    with pytest.raises(ValueError, match="is no local extra"):
        Shelf(tiny.settings(tmp_path, kit.folder, local_extras=("face:sd=/x",)))


def test_edges_are_thin_lines_where_the_picture_changes() -> None:
    square = Image.new("L", (64, 64))
    square.paste(255, (16, 16, 48, 48))
    found = edges(square)
    assert found.size == (64, 64)
    lit = [(x, y) for x in range(64) for y in range(64) if found.getpixel((x, y)) == (255, 255, 255)]
    assert 90 < len(lit) < 200
    assert all(min(abs(x - 16), abs(x - 48), abs(y - 16), abs(y - 48)) <= 2 for x, y in lit)
    assert edges(Image.new("L", (32, 32), 128)).getextrema() == ((0, 0), (0, 0), (0, 0))


@pytest.mark.parametrize("kit", ["sd"], indirect=True)
def test_a_checkpoint_with_an_adapter_of_its_own_wears_that_one(tmp_path: Path, kit: Kit) -> None:
    import shutil

    folder = tmp_path / "with-its-own"
    shutil.copytree(kit.folder, folder)
    worn.ip_adapter(kit.pipeline, folder / "ip_adapter")
    shelf = Shelf(tiny.settings(tmp_path, folder, local_extras=kit.extras))
    entry = shelf.get("with-its-own")
    assert entry is not None
    found = shelf.installed(ExtraKind.IP_ADAPTER, entry)
    assert found is not None
    assert found[1] == folder / "ip_adapter"
    assert Capability.REFERENCE_IMAGES in entry.model().capabilities
