"""On an accelerator: `pytest -m gpu`. The same promises as on a CPU, at the dtype that the device computes in.

None of these has run yet: no accelerator was at hand. That they import and build is checked by every other run.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from generators.diffusion.asks import Ask
from generators.diffusion.engine import Engine
from generators.events import Phase
from tests.generators.diffusion import tiny, tiny_flow
from tests.generators.diffusion.company import Company, distance

pytestmark = pytest.mark.gpu
Build = Callable[..., Engine]


@pytest.fixture(autouse=True)
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


SIZES = ("sdxl", "dit")


@pytest.fixture(scope="module", params=SIZES)
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a real size: SDXL's UNet (2.6 billion), and a FLUX-like transformer (3 billion)."""
    import torch

    from bench.engine import xl

    folder = tmp_path_factory.mktemp("large") / str(request.param)
    if request.param == "sdxl":
        pipeline = xl((320, 640, 1280), (1, 2, 10), 1024)
    else:
        pipeline = tiny_flow.flux(
            num_layers=8,
            num_single_layers=16,
            attention_head_dim=128,
            num_attention_heads=16,
            axes_dims_rope=(16, 56, 56),
        )
    pipeline.to(torch.bfloat16).save_pretrained(folder)
    return folder


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
    engine = build(large, device="cuda")
    tiny.send(engine, requested(large)).made()
    box: list[int] = []
    watcher = tiny.Watcher()
    other = tiny.send(engine, requested(large, steps=200), watcher)
    decoding = tiny.Watcher()

    def on_report(event: Any) -> None:
        if event.phase in (Phase.DECODING, Phase.SAVING):
            box.append(len(watcher.steps))

    decoding.on_report = on_report
    tiny.send(engine, requested(large, seed=2), decoding).made()
    engine.cancel(other.run)
    assert box[-1] > box[0]


@pytest.mark.parametrize("words", [{"offload": "blocks"}, {"offload": "layers"}, {"quantization": "fp8"}])
def test_memory_settings_need_less_of_the_device(build: Build, large: Path, words: dict[str, str]) -> None:
    import torch

    def peak(**chosen: str) -> int:
        engine = build(large, device="cuda", **chosen)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        tiny.send(engine, requested(large, steps=2)).made()
        engine.close()
        return int(torch.cuda.max_memory_allocated())

    assert peak(**words) < 0.8 * peak()


def test_compiled_blocks_stay_near_the_plain_ones_and_take_no_new_graph_for_more_rows(
    build: Build, large: Path
) -> None:
    import torch

    engine = build(large, device="cuda", compile_blocks=True, warm_up_seconds=300.0)
    for sent in [tiny.send(engine, requested(large, seed=seed)) for seed in range(2)]:
        sent.made()
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for sent in [tiny.send(engine, requested(large, seed=seed)) for seed in range(5)]:
        sent.made()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before
