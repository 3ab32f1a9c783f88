"""How a checkpoint is laid into the device: each setting changes what it says and not the picture."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName
from typing_extensions import override

from generators.diffusion.adapters.lora import worn as wearing
from generators.diffusion.asks import Ask, Piece
from generators.diffusion.compiled import Compiled
from generators.diffusion.devices import Device
from generators.diffusion.failures import NoCheckpointError
from generators.diffusion.runs import Run
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.tuning import Tuning, denoiser_of
from generators.diffusion.words import WORDS
from tests.generators.diffusion import tiny, tiny_flow, worn
from tests.generators.diffusion.company import Company, distance
from tests.generators.diffusion.flow_kit import built

TOLERANCE = 5e-6
CPU = Device(kind="cpu", torch_name="cpu", name="x", dtype="float32", attention="native")


@pytest.fixture(scope="module")
def flux_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned") / "flux"
    tiny_flow.flux().save_pretrained(folder)
    return folder


def latents(folder: Path, *sources: Path, ask: Ask, **more: Any) -> Any:
    """One request alone; its finished latents."""
    (run,) = Company(folder, *sources, **more).join_all(ask)
    assert run.state is not None
    return run.state.latents[0]


def pipeline_of(run: Run) -> Any:
    assert run.resident is not None
    return run.resident.pipeline


@pytest.mark.parametrize("offload", ["encoders", "blocks", "layers"])
def test_offloaded_networks_make_the_same_picture(
    tmp_path: Path, sdxl_folder: Path, flux_folder: Path, offload: str
) -> None:
    for folder in (sdxl_folder, flux_folder):
        request = tiny.ask(folder.name, exact=True, guidance=2.0)
        plain = latents(tmp_path, folder, ask=request)
        (run,) = Company(tmp_path, folder, offload=offload).join_all(request)
        assert distance(run, plain) == 0.0
        network = denoiser_of(pipeline_of(run))
        hooked = [module for module in network.modules() if hasattr(module, "_diffusers_hook")]
        assert bool(hooked) is (offload != "encoders")
        assert hasattr(pipeline_of(run).text_encoder, "_hf_hook") is (offload == "encoders")


def test_a_lora_is_worn_by_an_offloaded_network_too(tmp_path: Path, sdxl_folder: Path) -> None:
    piece = worn.lora(tiny.sdxl(), tmp_path / "lora", rank=4, alpha=2)
    request = tiny.ask("tiny-sdxl", loras=(piece,))
    (run,) = Company(tmp_path, sdxl_folder, offload="blocks").join_all(request)
    assert distance(run, latents(tmp_path, sdxl_folder, ask=request)) < TOLERANCE


def test_fp8_weights_take_a_quarter_and_change_the_picture_a_little(
    tmp_path: Path, flux_folder: Path
) -> None:
    request = tiny.ask("flux", guidance=2.0)
    (run,) = Company(tmp_path, flux_folder, quantization="fp8").join_all(request)
    stored = {weights.dtype for weights in denoiser_of(pipeline_of(run)).parameters()}
    assert torch.float8_e4m3fn in stored
    off = distance(run, latents(tmp_path, flux_folder, ask=request))
    assert 1e-6 < off < 0.2


def test_a_lora_on_fp8_weights_keeps_its_own_precision(tmp_path: Path, flux_folder: Path) -> None:
    from safetensors.torch import save

    name = "transformer.transformer_blocks.0.attn.to_q"
    tensors = {f"{name}.lora_A.weight": torch.ones(4, 32), f"{name}.lora_B.weight": torch.ones(32, 4)}
    piece = Piece(sha256="x", data=save(tensors))
    (run,) = Company(tmp_path, flux_folder, quantization="fp8").join_all(
        tiny.ask("flux", guidance=2.0, loras=(piece,))
    )
    assert run.state is not None
    (layer,) = run.state.attached.loras[0].lora.networks["transformer"].values()
    assert (layer.down.dtype, layer.up.dtype) == (torch.float32, torch.float32)


@pytest.mark.extra
def test_int8_weights_are_stored_as_integers_and_change_the_picture_a_little(
    tmp_path: Path, flux_folder: Path
) -> None:
    request = tiny.ask("flux", guidance=2.0)
    (run,) = Company(tmp_path, flux_folder, quantization="int8").join_all(request)
    weight = denoiser_of(pipeline_of(run)).transformer_blocks[0].attn.to_q.weight
    assert type(weight).__name__ == "Int8Tensor"
    assert 1e-6 < distance(run, latents(tmp_path, flux_folder, ask=request)) < 0.2


@pytest.mark.skipif(importlib.util.find_spec("torchao") is not None, reason="torchao is installed")
def test_int8_without_its_package_tells_what_to_install(tmp_path: Path, flux_folder: Path) -> None:
    with pytest.raises(NoCheckpointError, match=r"needs torchao: install `likeness\[quantization\]`"):
        Company(tmp_path, flux_folder, quantization="int8").join(tiny.ask("flux"))


def test_an_attention_is_chosen_where_it_has_an_effect_and_refused_where_not(
    tmp_path: Path, flux_folder: Path, sd_folder: Path
) -> None:
    request = tiny.ask("flux", guidance=2.0)
    plain = latents(tmp_path, flux_folder, ask=request)
    try:
        (run,) = Company(tmp_path, flux_folder, attention="_native_math").join_all(request)
        assert distance(run, plain) < TOLERANCE
        processor = denoiser_of(pipeline_of(run)).transformer_blocks[0].attn.processor
        assert processor._attention_backend == "_native_math"
        with pytest.raises(NoCheckpointError, match="has no effect on a UNet2DConditionModel; use auto"):
            Company(tmp_path, sd_folder, attention="_native_math").join(tiny.ask("tiny-sd"))
        with pytest.raises(NoCheckpointError, match="ATTENTION=flash cannot be used here"):
            Company(tmp_path, flux_folder, attention="flash").join(request)
    finally:
        denoiser_of(pipeline_of(run)).set_attention_backend("native")  # the choice is the whole process's


def test_the_words_of_attention_are_those_of_the_installed_diffusers() -> None:
    assert sorted(WORDS["ATTENTION"]) == sorted(["auto", *(name.value for name in AttentionBackendName)])


def test_auto_offloads_only_what_is_larger_than_the_whole_device(tmp_path: Path) -> None:
    gpu = dataclasses.replace(CPU, kind="cuda", torch_name="cuda:0", memory=10)
    tuning = Tuning.of(DiffusionSettings(data_dir=tmp_path), gpu)
    assert (tuning.roomy(11, gpu).offload, tuning.roomy(10, gpu).offload) == ("blocks", "none")
    assert tuning.roomy(11, gpu, unet=True).offload == "layers"
    assert tuning.channels_last
    assert Tuning.of(DiffusionSettings(data_dir=tmp_path), CPU).roomy(2**60, CPU).offload == "none"
    fixed = Tuning.of(DiffusionSettings(data_dir=tmp_path, offload="encoders"), gpu)
    assert fixed.roomy(11, gpu).offload == "encoders"


def test_channels_last_leaves_an_autoencoder_of_videos_as_it_lies(tmp_path: Path) -> None:
    """Its weights have five dimensions."""
    kit = built("qwen-image", tmp_path)
    (run,) = Company(tmp_path, kit.folder, channels_last=True).join_all(kit.ask())
    assert distance(run, kit.stock(kit.ask())) < TOLERANCE


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """`torch.compile` with a backend that runs the graph as it is and counts graphs."""
    graphs: list[int] = []

    def backend(graph: Any, _inputs: Any) -> Any:
        graphs.append(len(graphs))
        return graph.forward

    whole = torch.nn.Module.compile

    def compiling(self: torch.nn.Module, **options: Any) -> None:
        whole(self, backend=backend, **options)

    torch._dynamo.reset()
    monkeypatch.setattr(torch.nn.Module, "compile", compiling)
    return graphs


@pytest.mark.long
def test_compiled_blocks_serve_any_rows_and_sizes_with_few_graphs_and_no_padding(
    tmp_path: Path, flux_folder: Path, counted: list[int]
) -> None:
    asks = [tiny.ask("flux", seed=seed, guidance=2.0, steps=3 + seed) for seed in range(4)]
    wide = tiny.ask("flux", guidance=2.0, width=96, steps=3)
    expected = [latents(tmp_path, flux_folder, ask=request) for request in (*asks, wide)]
    assert counted == []
    runs = Company(tmp_path, flux_folder, compile_blocks=True).staggered(*asks, wide)
    for run, plain in zip(runs, expected, strict=True):
        assert distance(run, plain) < TOLERANCE
    assert 2 <= len(counted) <= 6  # two kinds of block, each for one row and for more, and for another size


@pytest.mark.long
def test_exact_runs_and_worn_adapters_are_never_compiled(
    tmp_path: Path, sdxl_folder: Path, counted: list[int]
) -> None:
    piece = worn.lora(tiny.sdxl(), tmp_path / "lora", rank=4, alpha=2)
    plain, exact = tiny.ask("tiny-sdxl", guidance=1.0), tiny.ask("tiny-sdxl", exact=True)
    dressed = tiny.ask("tiny-sdxl", seed=3, loras=(piece,))
    company = Company(tmp_path, sdxl_folder, compile_blocks=True)
    (first,) = company.join_all(plain)
    graphs = len(counted)
    assert graphs >= 1
    alone, wearing = company.join_all(exact, dressed)
    assert len(counted) == graphs
    assert distance(alone, latents(tmp_path, sdxl_folder, ask=exact)) == 0.0
    assert distance(wearing, latents(tmp_path, sdxl_folder, ask=dressed)) < TOLERANCE
    assert distance(first, latents(tmp_path, sdxl_folder, ask=plain)) < TOLERANCE


def test_a_compiled_block_would_not_see_a_lora_that_comes_later_so_it_is_switched_off(
    counted: list[int],
) -> None:
    """Why it is so: torch's guards leave hooks out. Should this fail, compiled LoRA has become possible."""
    from generators.diffusion.adapters.lora import Layer, Lora, Worn

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(4, 4)

        @override
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.inner(x)
            return out

    network = torch.nn.Sequential(Block())
    network._no_split_modules = ["Block"]  # type: ignore[assignment]  # as diffusers declares it
    compiled = Compiled(network)
    x = torch.ones(1, 4)
    update = Layer(down=torch.ones(1, 4), up=torch.ones(4, 1), scale=1.0)
    adapter = Worn(lora=Lora(networks={"n": {"0.inner": update}}, size=1), weight=1.0)
    with torch.no_grad():
        with compiled.running(allowed=True):
            bare = network(x)
        with wearing(network, "n", [(1, [adapter])]):
            seen = network(x)
            with compiled.running(allowed=True):
                missed = network(x)
    assert len(counted) == 1
    assert torch.equal(missed, bare)
    assert torch.allclose(seen, bare + 4)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # inside torch's own compiler
def test_the_real_compiler_makes_the_same_picture(tmp_path: Path, flux_folder: Path) -> None:
    torch._dynamo.reset()
    asks = [tiny.ask("flux", seed=seed, guidance=2.0, steps=3 + seed) for seed in range(3)]
    runs = Company(tmp_path, flux_folder, compile_blocks=True).staggered(*asks)
    for run, request in zip(runs, asks, strict=True):
        assert distance(run, latents(tmp_path, flux_folder, ask=request)) < 2e-5
