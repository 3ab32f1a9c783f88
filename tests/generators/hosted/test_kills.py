"""A process that makes paid calls is killed at random moments: nothing is billed twice, nothing is re-sent."""

import collections
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.peers.killed_worker import is_over, read
from tests.peers.openai import OpenAIPeer
from tests.peers.replicate import ReplicatePeer
from tests.peers.serving import serving

ROOT = Path(__file__).parents[3]


def _story(
    tmp_path: Path, kills: int, seed: int
) -> tuple[dict[int, list[dict[str, Any]]], collections.Counter[str]]:
    """What the journal says in the end, and how often each prompt was billed."""
    chance = random.Random(seed)
    openai, replicate = OpenAIPeer(), ReplicatePeer(time.time)
    journal, count = tmp_path / "journal", kills * 8
    with serving(openai.app) as first, serving(replicate.app) as second:
        replicate.base = second.url
        first.faults.delay = second.faults.delay = 0.05  # the answer is under way for a while
        command = [
            sys.executable,
            "-m",
            "tests.peers.killed_worker",
            str(journal),
            first.url,
            second.url,
            str(count),
        ]
        for _ in range(kills):
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as worker:
                assert worker.stdout is not None
                assert worker.stdout.readline() == b"ready\n"
                try:
                    worker.wait(chance.uniform(0.05, 0.9))
                except subprocess.TimeoutExpired:
                    worker.kill()
        subprocess.run(command, cwd=ROOT, check=True, timeout=150, stdout=subprocess.DEVNULL)
    bills = collections.Counter(body["prompt"] for body in openai.bills)
    bills.update(row["input"]["prompt"] for row in replicate.predictions.values())
    return read(journal), bills


def _check(
    kept: dict[int, list[dict[str, Any]]], bills: collections.Counter[str], count: int
) -> collections.Counter[str]:
    ends: collections.Counter[str] = collections.Counter()
    assert sorted(kept) == list(range(count))
    for variant, rows in kept.items():
        assert is_over(rows)
        assert bills[f"fox {variant}"] <= 1, rows
        intents = {row["key"] for row in rows if row["kind"] == "CallIntended"}
        assert len(intents) == 1  # one call each: whatever is ambiguous is never sent again
        if rows[-1]["kind"] == "ImageMade":
            assert bills[f"fox {variant}"] == 1
            ends["made"] += 1
        else:
            assert rows[-1]["failure"] == "OUTCOME_UNKNOWN", rows
            assert any(row["kind"] in ("CallUnknown", "CallEnded") for row in rows)
            ends["unknown"] += 1
    return ends


def test_killed_process_never_pays_twice(tmp_path: Path) -> None:
    kept, bills = _story(tmp_path, kills=4, seed=11)
    ends = _check(kept, bills, count=32)
    assert ends["made"] > 16


@pytest.mark.long
@pytest.mark.timeout(900)
def test_hundred_kills_never_pay_twice(tmp_path: Path) -> None:
    kept, bills = _story(tmp_path, kills=100, seed=12)
    ends = _check(kept, bills, count=800)
    assert ends["made"] > 400
    assert ends["unknown"] > 10
