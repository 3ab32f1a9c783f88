"""Flow transformers in mixed company: each request equals the stock pipeline."""

import dataclasses
import io
from pathlib import Path

import pytest
from PIL import Image

from generators.diffusion.asks import Piece
from tests.generators.diffusion import tiny, tiny_flow, worn
from tests.generators.diffusion.company import Company, distance, gradient
from tests.generators.diffusion.flow_kit import (
    TOLERANCE,
    Kit,
    adapter_over,
    built,
    in_kohyas_naming,
    tolerance,
    worn_by_stock,
)


@pytest.fixture(scope="module", params=sorted(tiny_flow.MAKERS))
def kit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    return built(request.param, tmp_path_factory.mktemp("flow"))


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


@pytest.mark.parametrize("kit", ["z-image"], indirect=True)
def test_z_image_rows_of_other_sizes_and_prompts_wear_their_own_loras(tmp_path: Path, kit: Kit) -> None:
    one, two = (
        Piece(sha256=str(seed), data=adapter_over(kit.pipeline.transformer, seed, 4), weight=0.6)
        for seed in (1, 2)
    )
    asks = [
        kit.ask(0, loras=(one,), prompt="the woman " * 9),
        kit.ask(1, width=96, height=48),
        kit.ask(2, loras=(two,), width=32, height=128),
        kit.ask(3, loras=(one,), guidance=0.0),
    ]

    runs = Company(tmp_path, kit.folder).staggered(*asks)

    assert len({run.state.share for run in runs if run.state}) == 1
    assert distance(runs[1], kit.stock(asks[1])) < TOLERANCE
    for run, request in zip(runs, asks, strict=True):
        if request.loras:
            assert distance(run, worn_by_stock(kit, request)) < TOLERANCE


@pytest.mark.parametrize("kit", ["z-image"], indirect=True)
def test_z_image_wears_files_in_kohyas_naming(tmp_path: Path, kit: Kit) -> None:
    piece = Piece(sha256="kohya", data=in_kohyas_naming(adapter_over(kit.pipeline.transformer, 1, 4)))
    request = kit.ask(0, loras=(piece,))

    run, _ = Company(tmp_path, kit.folder).staggered(request, kit.ask(1))

    assert distance(run, worn_by_stock(kit, request)) < TOLERANCE
    assert distance(run, kit.stock(request)) > 1e-4


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


WEARING = ["flux", "qwen-image", "sd3", "flux2-klein", "z-image"]


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")  # two at once are meant
@pytest.mark.parametrize("kit", WEARING, indirect=True)
def test_loras_mix_row_by_row_on_transformers(tmp_path: Path, kit: Kit) -> None:
    one, two = (
        Piece(sha256=str(seed), data=adapter_over(kit.pipeline.transformer, seed, rank), weight=weight)
        for seed, rank, weight in ((1, 4, 0.7), (2, 8, 0.4))
    )
    asks = [kit.ask(0), kit.ask(1, loras=(one,)), kit.ask(2, loras=(two,)), kit.ask(3, loras=(one, two))]

    runs = Company(tmp_path, kit.folder).staggered(*asks)

    assert distance(runs[0], kit.stock(asks[0])) < tolerance(kit)
    for run, request in zip(runs[1:], asks[1:], strict=True):
        assert distance(run, kit.stock(request)) > 1e-4
        assert distance(run, worn_by_stock(kit, request)) < tolerance(kit)


@pytest.mark.parametrize("kit", WEARING, indirect=True)
def test_exact_lora_alone_equals_the_stock_pipeline(tmp_path: Path, kit: Kit) -> None:
    import torch

    piece = Piece(sha256="1", data=adapter_over(kit.pipeline.transformer, 1, 4))
    request = kit.ask(0, exact=True, loras=(piece,))
    company = Company(tmp_path, kit.folder)

    alone, *_ = company.staggered(request)
    among, *_ = company.staggered(request, kit.ask(1), kit.ask(2, loras=(piece,)))

    assert alone.state is not None
    assert among.state is not None
    assert torch.equal(alone.state.latents, among.state.latents)
    if kit.family == "flux2-klein":  # its own output is rescaled, so bits are not to be had
        assert distance(alone, worn_by_stock(kit, request)) < 1e-6
    else:
        assert torch.equal(alone.state.latents[0], worn_by_stock(kit, request))
