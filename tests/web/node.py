"""Finds Node, installs what the web tests need, and runs their scripts."""

import asyncio
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
MINUTES = 60


@cache
def node() -> str:
    """The program; the test is skipped where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs Node (https://nodejs.org) on the PATH")
    return found


@cache
def installed() -> Path:
    """The folder with its packages, as the lock file names them; the test is skipped where they cannot be had."""
    wanted = (FOLDER / "package-lock.json").read_bytes()
    stamp = FOLDER / "node_modules" / ".likeness"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("needs npm on the PATH")
        done = subprocess.run(
            [npm, "ci"], cwd=FOLDER, capture_output=True, text=True, timeout=5 * MINUTES, check=False
        )
        if done.returncode:
            pytest.skip(f"npm ci failed: {done.stderr[-300:]}")
        stamp.write_bytes(wanted)
    return FOLDER


async def run(script: str, *arguments: str) -> tuple[int, Any]:
    """Exit status of a script and the JSON line that it printed last."""
    process = await asyncio.create_subprocess_exec(
        node(),
        script,
        *arguments,
        cwd=installed(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert out, errors.decode()
    return process.returncode or 0, json.loads(out.decode().splitlines()[-1])
