"""On an accelerator: `pytest -m gpu`. The same promises as on a CPU, at the dtype that the device computes in.

The rest of the engine's tests run there too: `TEST_DEVICE=cuda pytest tests/generators/diffusion` (in float32).
docs/benchmarks.md says what ran where.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from generators.diffusion.asks import Ask
from generators.diffusion.engine import Engine
from generators.events import ImageMade, Phase, Stepped
from tests.generators.diffusion import tiny
from tests.generators.diffusion.company import Company, distance
from tests.generators.diffusion.flow_kit import built

pytestmark = pytest.mark.gpu
Build = Callable[..., Engine]
COMPILING_SECONDS = 300.0


@pytest.fixture(autouse=True, scope="module")
def accelerator() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA or ROCm device")


def test_exact_gives_equal_bytes_alone_and_in_company(build: Build, sdxl_folder: Path) -> None:
    engine = build(sdxl_folder, device="cuda")
    request = tiny.ask("tiny-sdxl", exact=True, steps=20)
    alone = tiny.send(engine, request).made()
    crowd = [tiny.send(engine, tiny.ask("tiny-sdxl", seed=seed, steps=20)) for seed in range(6)]
    again = tiny.send(engine, request).made()
    for one in crowd:
        one.made()
    assert again.data == alone.data


def test_fp32_in_company_is_within_one_level_of_exact(build: Build, sdxl_folder: Path) -> None:
    engine = build(sdxl_folder, device="cuda", dtype="float32")
    shared = [tiny.send(engine, tiny.ask("tiny-sdxl", seed=seed)) for seed in range(4)]
    exact = [tiny.send(engine, tiny.ask("tiny-sdxl", seed=seed, exact=True)) for seed in range(4)]
    for one, other in zip(shared, exact, strict=True):
        pictures = [Image.open(io.BytesIO(made.made().data)) for made in (one, other)]
        assert max(ImageChops.difference(*pictures).tobytes()) <= 1


def test_a_resumed_run_gives_the_bytes_of_an_unbroken_one(build: Build, sdxl_folder: Path) -> None:
    import dataclasses

    engine = build(sdxl_folder, device="cuda", save_every_steps=4)
    request = tiny.ask("tiny-sdxl", exact=True, steps=12)
    unbroken = tiny.send(engine, request)
    made = unbroken.made()
    resumed = tiny.send(engine, dataclasses.replace(request, latents=unbroken.saved[0].data))
    assert resumed.made().data == made.data


def test_the_description_names_the_device(build: Build, sdxl_folder: Path) -> None:
    engine = build(sdxl_folder, device="cuda")
    tiny.send(engine, tiny.ask("tiny-sdxl")).made()
    described = engine.state().device
    assert described is not None
    assert "GiB" in described


@pytest.fixture(scope="module", params=["sdxl", "dit"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a real size: see bench/models.py."""
    from bench.models import saved

    folder = tmp_path_factory.mktemp("large") / str(request.param)
    saved(folder.name, folder)
    return folder


def test_videos_autoencoder_is_loaded_as_it_is(build: Build, tmp_path: Path) -> None:
    """Qwen-Image's has weights of five dimensions, which no memory format for pictures fits."""
    kit = built("qwen-image", tmp_path)
    tiny.send(build(kit.folder, device="cuda"), kit.ask()).made()


def requested(folder: Path, **more: Any) -> Ask:
    plain = {"width": 1024, "height": 1024, "steps": 8, "guidance": 4.0}
    return tiny.ask(folder.name, **(plain | more))


def test_large_models_in_company_stay_near_the_stock_pipeline(
    large: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """bfloat16: what differs is rounding; the distance (`--junit-xml`) belongs into docs/benchmarks.md."""
    import diffusers
    import torch

    asks = [requested(large, seed=seed, steps=6 + seed) for seed in range(3)]
    runs = Company(tmp_path, large, device="cuda").staggered(*asks)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(large, dtype=torch.bfloat16).to("cuda")
    for run, request in zip(runs, asks, strict=True):
        made = pipeline(
            prompt=request.prompt,
            width=request.width,
            height=request.height,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            generator=torch.Generator("cpu").manual_seed(request.seed),
            output_type="latent",
        ).images[0]
        off = distance(run, made)
        record_property(f"distance of {large.name}", off)
        assert off < 0.1


def test_large_models_give_equal_bytes_when_exact(build: Build, large: Path) -> None:
    engine = build(large, device="cuda")
    request = requested(large, exact=True)
    alone = tiny.send(engine, request).made()
    crowd = [tiny.send(engine, requested(large, seed=seed)) for seed in range(4)]
    assert tiny.send(engine, request).made().data == alone.data
    for one in crowd:
        one.made()


def test_steps_of_others_go_on_while_a_large_picture_is_decoded(build: Build, large: Path) -> None:
    engine = build(large, device="cuda", warm_up_seconds=0.0)
    small = {"width": 256, "height": 256, "steps": 2000}
    tiny.send(engine, requested(large, width=2048, height=2048, steps=1)).made()
    steps: dict[Phase, int] = {}
    watcher, decoding = tiny.Watcher(), tiny.Watcher()
    other = tiny.send(engine, requested(large, **small), watcher)

    def on_report(event: Any) -> None:
        if isinstance(event, Stepped):
            steps[event.phase] = len(watcher.steps)

    decoding.on_report = on_report
    tiny.send(engine, requested(large, width=2048, height=2048, steps=1, seed=2), decoding).made()
    engine.cancel(other.run)
    assert steps[Phase.SAVING] > steps[Phase.DECODING]


def test_a_forward_beyond_the_memory_is_made_in_parts_and_everybody_has_a_picture(
    build: Build, large: Path
) -> None:
    """Torch gives this process what one guided request needs and half as much again for a second one."""
    import torch

    engine = build(large, device="cuda", warm_up_seconds=0.0)
    tiny.send(engine, requested(large, steps=2)).made()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    activations = forward_peak(engine, large) - before
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((before + 1.5 * activations) / whole)
    try:
        sent = [tiny.send(engine, requested(large, seed=seed, steps=12)) for seed in range(3)]
        ends = [one.end(120) for one in sent]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert [getattr(end, "words", "made") for end in ends] == ["made"] * 3


def forward_peak(engine: Engine, folder: Path) -> int:
    """Bytes that torch holds at most while steps are made, before anything is decoded."""
    import torch

    torch.cuda.reset_peak_memory_stats()
    peaks: list[int] = []
    watcher = tiny.Watcher()

    def on_report(event: Any) -> None:
        if isinstance(event, Stepped) and event.phase is Phase.DENOISING:
            peaks.append(torch.cuda.max_memory_reserved())

    watcher.on_report = on_report
    tiny.send(engine, requested(folder, steps=4), watcher).made()
    return peaks[-1]


def test_memory_that_torch_keeps_for_later_counts_as_free(build: Build, sdxl_folder: Path) -> None:
    import torch

    from generators.diffusion import room
    from generators.diffusion.devices import discover

    tiny.send(build(sdxl_folder, device="cuda"), tiny.ask("tiny-sdxl")).made()
    device = discover(device="cuda")
    torch.cuda.empty_cache()
    before = room.free(device)
    block = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    during = room.free(device)
    del block
    after = room.free(device)
    assert before is not None
    assert during is not None
    assert after is not None
    assert during <= before - 2**30 + 2**27
    assert after >= before - 2**27


@pytest.mark.parametrize("words", [{"offload": "blocks"}, {"offload": "layers"}, {"quantization": "fp8"}])
def test_memory_settings_need_less_of_the_device(build: Build, large: Path, words: dict[str, str]) -> None:
    import torch

    def peak(**chosen: str) -> int:
        engine = build(large, device="cuda", warm_up_seconds=0.0, **chosen)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        tiny.send(engine, requested(large, width=512, height=512, steps=2)).made()
        return int(torch.cuda.max_memory_allocated()) - before

    levels = large.name == "sdxl" and words == {"offload": "blocks"}  # the largest of a UNet is half of it
    assert peak(**words) < (0.9 if levels else 0.8) * peak()


def test_compiled_blocks_stay_near_the_plain_ones_and_take_no_new_graph_for_more_rows(
    build: Build, large: Path
) -> None:
    import torch

    engine = build(large, device="cuda", compile_blocks=True, warm_up_seconds=300.0)
    for sent in [tiny.send(engine, requested(large, seed=seed)) for seed in range(2)]:
        assert isinstance(sent.end(COMPILING_SECONDS), ImageMade)
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for sent in [tiny.send(engine, requested(large, seed=seed)) for seed in range(5)]:
        sent.made()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before
