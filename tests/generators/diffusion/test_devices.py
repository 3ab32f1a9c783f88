"""Which device is chosen and how it is described, from stand-ins for torch's answers."""

import types
from typing import Any

import pytest

from generators.diffusion import devices


def machine(*, gpu: dict[str, Any] | None = None, hip: str | None = None, mps: bool = False) -> Any:
    """What torch would say on such a machine."""
    return types.SimpleNamespace(
        __version__="2.13",
        version=types.SimpleNamespace(hip=hip),
        cuda=types.SimpleNamespace(
            is_available=lambda: gpu is not None,
            device_count=lambda: 1,
            get_device_properties=lambda _: types.SimpleNamespace(total_memory=24 * 2**30, **(gpu or {})),
        ),
        backends=types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: mps)),
    )


@pytest.mark.parametrize(
    ("stand_in", "kind", "dtype"),
    [
        (machine(), "cpu", "float32"),
        (machine(mps=True), "mps", "float16"),
        (machine(gpu={"name": "H200", "major": 9}), "cuda", "bfloat16"),
        (machine(gpu={"name": "RTX 2080", "major": 7}), "cuda", "float16"),
        (
            machine(gpu={"name": "MI300X", "major": 9, "gcnArchName": "gfx942:sramecc+"}, hip="6.4"),
            "rocm",
            "bfloat16",
        ),
        (machine(gpu={"name": "MI50", "major": 9, "gcnArchName": "gfx906"}, hip="6.4"), "rocm", "float16"),
        (machine(gpu={"name": "H200", "major": 9}, mps=True), "cuda", "bfloat16"),
    ],
)
def test_dtype_follows_capability(stand_in: Any, kind: str, dtype: str) -> None:
    found = devices._find(stand_in, "auto")
    assert (found.kind, found.dtype) == (kind, dtype)


def test_cpu_can_be_asked_for_beside_a_gpu() -> None:
    assert devices._find(machine(gpu={"name": "H200", "major": 9}), "cpu").kind == "cpu"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("cuda", "The device 'cuda' was asked for, but torch 2.13 sees none."),
        ("mps", "The device 'mps' was asked for, but torch 2.13 sees none."),
        ("tpu", "The device 'tpu' is unknown; use auto, cuda, cuda:N, mps or cpu."),
    ],
)
def test_an_absent_device_is_refused_in_words(asked: str, words: str) -> None:
    with pytest.raises(ValueError, match="device") as refused:
        devices._find(machine(), asked)
    assert str(refused.value) == words


def test_a_gpu_number_beyond_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="there are 1"):
        devices._find(machine(gpu={"name": "H200", "major": 9}), "cuda:1")


def test_the_description_is_plain_words() -> None:
    gpu = devices._find(machine(gpu={"name": "NVIDIA H200", "major": 9}), "auto")
    assert gpu.describe() == (
        "NVIDIA GPU: NVIDIA H200, 24 GiB; computes in bfloat16 with native flash attention."
    )
    apple = devices._find(machine(mps=True), "auto")
    assert apple.describe().endswith("This kind of device was not tested with this version.")


def test_this_machine_is_found_with_the_threads_and_dtype_asked_for() -> None:
    found = devices.discover(device="cpu", dtype="bfloat16", threads=1)
    assert (found.kind, found.dtype, found.threads) == ("cpu", "bfloat16", 1)
    assert "CPU only" in found.describe()
    assert "1 thread;" in found.describe()
    with pytest.raises(ValueError, match="'int3' is unknown"):
        devices.discover(device="cpu", dtype="int3")


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (8, 7)])
def test_one_core_is_left_to_the_rest_of_the_server(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert devices.discover(device="cpu").threads == threads
