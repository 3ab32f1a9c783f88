"""The README's commands do what it says, in the order in which it says them."""

import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.running import RunningServer

README = pathlib.Path("README.md").read_text()
BLOCK = re.compile(r"```sh\n# tested\n(.*?)```", re.DOTALL)


@pytest.fixture
def server(database_url: str, tmp_path: pathlib.Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data", {"DATABASE_URL": database_url})
    running.start()
    yield running
    running.close()


def test_commands_marked_tested_draw_and_approve_somebody(
    server: RunningServer, tmp_path: pathlib.Path
) -> None:
    script = "set -eu\n" + "\n".join(BLOCK.findall(README)).replace("http://127.0.0.1:8000", server.url)

    said = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )

    assert script.count("curl") == 2
    assert '"baseImageStatus":"PENDING_UPLOAD"' in said.stdout
    assert '"status":"SUCCEEDED"' in said.stdout
    assert "event: complete" in said.stdout
    assert '"baseImageStatus":"APPROVED","appearanceLocked":true' in said.stdout


def test_first_commands_are_the_two_of_the_makefile() -> None:
    first = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert first is not None
    targets = re.findall(r"^make (\w+)", first.group(1), re.MULTILINE)
    makefile = pathlib.Path("Makefile").read_text()

    assert targets == ["run", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_every_linked_page_exists() -> None:
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", README)

    assert [page for page in linked if not pathlib.Path(page).exists()] == []
