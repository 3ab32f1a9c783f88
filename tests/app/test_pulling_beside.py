"""`models pull` beside a running server with a private database: what was brought can be used without a restart."""

import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request
from typing import Any

import pytest

from tests.generators.diffusion import tiny
from tests.generators.diffusion.hub import served
from tests.running import RunningServer

pytestmark = pytest.mark.long
SOON = 45.0  # seconds: the server is told at once, and would look by itself after 30
MODELS = json.dumps({"query": "{ models { key available capabilities } }"}).encode()


def listed(server: RunningServer) -> dict[str, Any]:
    """The row of `mine`."""
    request = urllib.request.Request(
        f"{server.url}/graphql", data=MODELS, headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        rows = json.load(reply)["data"]["models"]
    return next(row for row in rows if row["key"] == "mine")


def test_pulled_checkpoint_is_offered_by_the_running_server(tmp_path: pathlib.Path) -> None:
    tiny.sd().save_pretrained(tmp_path / "source")
    with served(tmp_path / "source") as (_, hub):
        environment = {
            "LOCAL_CHECKPOINTS": "mine=owner/name",
            "HUB_CACHE": str(tmp_path / "hub"),
            "HUB_ENDPOINT": hub,
            "HF_HUB_OFFLINE": "0",
            "BUILTIN_CHECKPOINTS": "off",
            "STARTER_CHECKPOINT": "off",
        }
        server = RunningServer(tmp_path / "data", environment)
        server.start()
        try:
            assert listed(server) == {"key": "mine", "available": False, "capabilities": []}
            pull = [sys.executable, "-m", "app", "models", "pull", "mine"]
            told = {
                **os.environ,
                **environment,
                "DATA_DIR": str(tmp_path / "data"),
                "PYTHONPATH": str(pathlib.Path.cwd()),
            }
            pulled = subprocess.run(pull, env=told, cwd=tmp_path, capture_output=True, text=True, check=True)
            assert "seconds" not in pulled.stderr
            until = time.monotonic() + SOON
            while "TEXT_TO_IMAGE" not in listed(server)["capabilities"] and time.monotonic() < until:
                time.sleep(0.1)  # another process has no event for us
            assert listed(server)["available"]
            assert "TEXT_TO_IMAGE" in listed(server)["capabilities"]
        finally:
            server.end()
