"""Other dtypes than float32: FAST stays within a measured distance of EXACT, which stays bit for bit the same."""

from pathlib import Path

import pytest

from tests.generators.diffusion import tiny
from tests.generators.diffusion.company import Company, distance

BOUND = 0.05
"""Of the largest latent. bfloat16 keeps 8 bits: one rounding is 0.4 %, and six guided steps add some up."""


def test_bfloat16_in_company_stays_near_exact_and_exact_is_repeatable(
    tmp_path: Path, sdxl_folder: Path
) -> None:
    asks = [
        tiny.ask("tiny-sdxl", seed=seed, guidance=guidance)
        for seed, guidance in ((1, 5.0), (2, 1.0), (3, 5.0))
    ]
    company = Company(tmp_path, sdxl_folder, dtype="bfloat16")
    shared = company.staggered(*asks)
    exact = [
        tiny.ask("tiny-sdxl", seed=run.ask.seed, guidance=run.ask.guidance, exact=True) for run in shared
    ]
    alone, again = company.staggered(*exact), company.staggered(*exact)
    offs = []
    for one, other, third in zip(shared, alone, again, strict=True):
        assert other.state is not None
        assert str(other.state.latents.dtype) == "torch.bfloat16"
        assert distance(third, other.state.latents[0]) == 0.0
        offs.append(distance(one, other.state.latents[0]))
    assert max(offs) < BOUND, offs


def test_bfloat16_draws_the_same_picture_as_float32(tmp_path: Path, sdxl_folder: Path) -> None:
    request = tiny.ask("tiny-sdxl", exact=True)
    (half,) = Company(tmp_path, sdxl_folder, dtype="bfloat16").join_all(request)
    (whole,) = Company(tmp_path, sdxl_folder).join_all(request)
    assert whole.state is not None
    assert distance(half, whole.state.latents[0]) == pytest.approx(0.02, abs=0.06)
