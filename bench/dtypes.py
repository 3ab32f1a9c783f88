"""How far pictures lie apart that are made in another dtype, or in company instead of alone. Levels of 255 per channel.

Every family's tiny random-weight checkpoint, and the 20.8 M one of SDXL's class; three requests that differ in prompt,
seed, steps and guidance. "company" = FAST, sharing forwards, against EXACT in the same dtype; "float32" = EXACT in
that dtype against EXACT in float32. Each as largest / 99.9th percentile / mean over all channels of all pixels.
`fp8` and `int8` are QUANTIZATION over bfloat16. What a dtype cannot run is told with its reason.

    python -m bench.dtypes [--models "sd;flux"] [--dtypes bfloat16,float16,fp8]
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.models import MODELS
from generators.diffusion import loading
from generators.diffusion.asks import Ask
from generators.diffusion.runs import Run
from tests.generators.diffusion import tiny, tiny_flow
from tests.generators.diffusion.company import Company

QUANTIZED = ("fp8", "int8")
GUIDANCE = {"flux": (3.5, 1.0, 5.0)}
SIDE = 64
Levels = list[np.ndarray[Any, Any]]


def makers() -> dict[str, tuple[Callable[[], Any], int]]:
    """By name: what builds the checkpoint, and its side in pixels."""
    small: dict[str, Callable[[], Any]] = {"sd": tiny.sd, "sdxl": tiny.sdxl, **tiny_flow.MAKERS}
    return {name: (make, SIDE) for name, make in small.items()} | {"sdxl, 20.8 M": MODELS["mid"]}


def asks(key: str, side: int, *, exact: bool) -> list[Ask]:
    """Three that share forwards when they may."""
    weights = GUIDANCE.get(key, (5.0, 1.0, 3.0))
    return [
        Ask(
            checkpoint=key,
            prompt=("a woman", "the red hair", "a man")[number],
            width=side,
            height=side,
            steps=6 + number,
            guidance=weights[number],
            seed=70 + number,
            exact=exact,
        )
        for number in range(3)
    ]


def drawn(folder: Path, side: int, dtype: str, *, exact: bool) -> Levels:
    """The pictures' levels, 0..255."""
    more = {"dtype": "bfloat16", "quantization": dtype} if dtype in QUANTIZED else {"dtype": dtype}
    with tempfile.TemporaryDirectory() as scratch:
        company = Company(Path(scratch), folder, **more)
        return [levels(run) for run in company.staggered(*asks(folder.name, side, exact=exact))]


def levels(run: Run) -> np.ndarray[Any, Any]:
    """A finished run's picture."""
    import torch

    state, resident = run.state, run.resident
    assert state is not None and resident is not None  # noqa: PT018 - it has just run
    with torch.no_grad():
        picture = resident.family.decode(resident.pipeline, state.latents, (state.width, state.height))
    return np.asarray(picture, dtype=np.float64)


def apart(some: Levels, others: Levels) -> str:
    """Largest / 99.9th percentile / mean."""
    off = np.concatenate([np.abs(one - other).ravel() for one, other in zip(some, others, strict=True)])
    return f"{off.max():.0f} / {np.percentile(off, 99.9):.1f} / {off.mean():.2f}"


def compare(name: str, dtypes: Sequence[str]) -> None:
    """A row for each dtype."""
    build, side = makers()[name]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name.split(",", maxsplit=1)[0]
        build().save_pretrained(folder)
        whole = drawn(folder, side, "float32", exact=True)
        for dtype in dtypes:
            try:
                alone = drawn(folder, side, dtype, exact=True)
                shared = drawn(folder, side, dtype, exact=False)
            except Exception as error:  # noqa: BLE001 - each dtype has its own reason, and the others go on
                words = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
                print(f"| {name} | {dtype} | {words} | |", flush=True)
                continue
            print(f"| {name} | {dtype} | {apart(shared, alone)} | {apart(alone, whole)} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default=";".join(makers()), help="separated by semicolons")
    parser.add_argument("--dtypes", default="float32,bfloat16,float16,fp8,int8")
    arguments = parser.parse_args()
    loading.quiet()
    print("| | dtype | company | float32 |\n| --- | --- | --- | --- |")
    for name in arguments.models.split(";"):
        compare(name, arguments.dtypes.split(","))


if __name__ == "__main__":
    main()
