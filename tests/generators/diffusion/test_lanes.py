"""Streams of an accelerator, and that there is nothing of them elsewhere; what they do on a GPU is in test_gpu.py."""

import os
from pathlib import Path

import pytest
import torch

from generators.diffusion.devices import Device
from generators.diffusion.lanes import Lane, Lanes, wait
from tests.generators.diffusion.company import Company

CPU = Device(kind="cpu", torch_name="cpu", name="x", dtype="float32", attention="native")
SETTING = "CUBLAS_WORKSPACE_CONFIG"


@pytest.mark.parametrize(("said", "found"), [(None, ":4096:8"), (":16:8", ":16:8")])
def test_cublas_gets_a_workspace_for_each_stream_unless_an_operator_said_which(
    tmp_path: Path, sd_folder: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, found: str
) -> None:
    monkeypatch.setenv(SETTING, said or "")
    if said is None:
        monkeypatch.delenv(SETTING)
    Company(tmp_path, sd_folder)
    assert os.environ[SETTING] == found


def test_a_cpu_has_one_queue_and_nothing_to_wait_for() -> None:
    lanes = Lanes(CPU)
    with lanes.on(Lane.DECODE):
        marks = [lanes.mark(), lanes.paced(), lanes.paced()]
        lanes.settle()
        lanes.lend(torch.zeros(1), Lane.DENOISE)
    assert marks == [None] * 3
    wait(marks[0])
