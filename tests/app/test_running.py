"""The whole server process on its own: what it counts and what it writes down while it draws one picture."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.running import RunningServer

pytestmark = pytest.mark.timeout(600)  # whole servers: slow where much else runs

REQUEST = "walk-through-0001"
CREATE = """mutation ($look: String!) {
  createPersona(input: {name: "Ada", appearance: $look}) { persona { id } }
}"""
GENERATE = """mutation ($input: GenerateBaseImageInput!) {
  generateBaseImage(input: $input) { job { id } userErrors { message } }
}"""
WAIT = "query ($id: ID!) { node(id: $id) { ... on Job { status failure { code } } } }"


@pytest.fixture
def server(database_url: str, tmp_path: pathlib.Path) -> Iterator[RunningServer]:
    environment = {"DATABASE_URL": database_url, "LOG_LEVEL": "debug", "SCRIPTED_GENERATOR": "true"}
    running = RunningServer(tmp_path / "data", environment)
    running.start()
    yield running
    running.close()


def ask(server: RunningServer, query: str, request: str = "", **variables: Any) -> Any:
    sent = urllib.request.Request(
        f"{server.url}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json", **({"X-Request-ID": request} if request else {})},
    )
    with urllib.request.urlopen(sent) as answer:
        return json.load(answer)["data"]


def fetched(server: RunningServer, path: str) -> str:
    with urllib.request.urlopen(server.url + path) as answer:
        return str(answer.read().decode())


def followed(server: RunningServer, job: str) -> None:
    """Read a job's plain events to their end."""
    assert "event: complete" in fetched(server, f"/events/jobs/{job}")


def drawn(server: RunningServer, model: str, look: str) -> str:
    """The id of a job that is over."""
    persona = ask(server, CREATE, look=look)["createPersona"]["persona"]["id"]
    asked = ask(server, GENERATE, REQUEST, input={"subjectId": persona, "steps": 6, "model": model})
    job: str = asked["generateBaseImage"]["job"]["id"]
    followed(server, job)
    return job


def figures(page: str) -> dict[str, float]:
    """The samples by name and labels."""
    lines = (line.rsplit(" ", 1) for line in page.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def test_one_picture_leaves_its_figures_and_its_request_id_behind(server: RunningServer) -> None:
    assert ask(server, WAIT, id=drawn(server, "starter", "a baker"))["node"]["status"] == "SUCCEEDED"
    failing = drawn(server, "scripted", "a baker [fail=PROVIDER_DOWN]")

    assert ask(server, WAIT, id=failing)["node"]["failure"] == {"code": "PROVIDER_DOWN"}
    seen = figures(fetched(server, "/metrics"))
    assert seen['likeness_queue_depth{lane="local"}'] == 0
    assert seen['likeness_queue_wait_seconds_count{lane="local"}'] == 2
    assert seen['likeness_step_seconds_count{model="starter"}'] == 5
    assert seen['likeness_job_seconds_count{model="starter",outcome="SUCCEEDED"}'] == 1
    assert seen['likeness_job_seconds_count{model="scripted",outcome="FAILED"}'] == 1
    assert seen['likeness_provider_errors_total{code="PROVIDER_DOWN",lane="local"}'] == 1
    assert seen['likeness_subscriptions_open{transport="events"}'] == 0
    assert seen["likeness_bytes_stored"] > 1_000
    assert server.end() == 0

    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    told = {(line["logger"], line["event"]) for line in lines if line.get("request_id") == REQUEST}
    assert {
        ("likeness.http", "request"),
        ("executor.runner", "run ended"),
        ("executor.recorder", "run failed"),
        ("generators.diffusion.generator", "drawing"),
    } <= told
    assert [line for line in server.log if not line.startswith(("{", "Likeness serves "))] == []


def test_told_to_stop_while_it_draws_streams_end_and_the_work_waits_for_the_next(
    database_url: str, tmp_path: pathlib.Path
) -> None:
    quick = {"STOP_GRACE_SECONDS": "0.2", "SCRIPTED_GENERATOR": "true", "SCRIPTED_STEP_SECONDS": "0.01"}
    server = RunningServer(tmp_path / "data", {"DATABASE_URL": database_url, **quick})
    server.start()
    try:
        persona = ask(server, CREATE, look="a baker [hold_at=3]")["createPersona"]["persona"]["id"]
        wanted = {"subjectId": persona, "model": "scripted", "steps": 6}
        job = ask(server, GENERATE, input=wanted)["generateBaseImage"]["job"]["id"]
        with urllib.request.urlopen(f"{server.url}/events/jobs/{job}", timeout=180) as events:
            assert any(b'"step":2' in line for line in events)  # it holds before the third
            assert server.end() == 0
            left = events.read()
        server.start()
        after = ask(server, WAIT, id=job)["node"]
    finally:
        server.close()

    assert b"event: complete" not in left
    assert after["status"] in ("QUEUED", "RUNNING")
    assert after["failure"] is None


def test_told_to_stop_while_it_starts_it_ends_well_and_leaves_nothing_running(tmp_path: pathlib.Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    starting = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0", "--data-dir", str(tmp_path / "data")],
        env={**environment, "PYTHONPATH": str(pathlib.Path.cwd()), "LOG_FORMAT": "json"},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "data" / "postgres").exists():
        assert starting.poll() is None
        time.sleep(0.01)

    starting.send_signal(signal.SIGTERM)
    _, said = starting.communicate(timeout=180)

    assert starting.returncode == 0, said
    assert "told to stop before anything was served" in said
    assert left_of(tmp_path) == []


STUCK = """
import os, pathlib

here = pathlib.Path(__file__).parent
(here / "begun").touch()
open(here / "never")  # a pipe that nobody writes to
"""


def test_told_to_stop_while_torch_is_imported_it_does_not_wait_for_that(tmp_path: pathlib.Path) -> None:
    (tmp_path / "torch.py").write_text(STUCK)
    os.mkfifo(tmp_path / "never")
    path = os.pathsep.join([str(tmp_path), str(pathlib.Path.cwd())])
    server = RunningServer(tmp_path / "data", {"PYTHONPATH": path})
    server.start()
    try:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)

        assert server.end() == 0
    finally:
        server.close()

    assert '"stopped"' in server.log[-1]
    assert left_of(tmp_path) == []


def left_of(folder: pathlib.Path) -> list[str]:
    """Processes that still name the folder."""
    lines = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return [" ".join(line) for line in lines if any(str(folder) in word for word in line)]


def test_what_is_slow_to_load_is_loaded_by_nobody_before_the_first_answer() -> None:
    slow = "torch diffusers transformers peft accelerate openai replicate google.genai cloudinary obstore scipy d20"
    slow += " numpy imagehash alembic rich"
    script = f"import sys, app.__main__, app.main; print([name for name in {slow.split()!r} if name in sys.modules])"

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert said.stdout == "[]\n"
