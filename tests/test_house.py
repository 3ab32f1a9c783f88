"""Rules of the house that no linter of others knows."""

import ast
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

FLOORS = ("app", "schema", "resolvers", "executor", "generators", "store")
LONGEST_FILE = 400


def modules() -> Iterator[pathlib.Path]:
    for floor in FLOORS:
        yield from sorted(pathlib.Path(floor).rglob("*.py"))


def environment_reads(path: pathlib.Path) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    ]


# A child process is handed its environment by its parent; these name what they pass on.
PASSES_ON_TO_A_CHILD: frozenset[str] = frozenset()
TELLS_A_LIBRARY = frozenset({"generators/diffusion/work.py"})  # cuBLAS; what an operator has said stays


def test_only_settings_read_the_environment() -> None:
    readers = {str(path) for path in modules() if environment_reads(path)}

    assert readers <= {"app/settings.py"} | PASSES_ON_TO_A_CHILD | TELLS_A_LIBRARY


@pytest.mark.parametrize("folder", ["schema"])
def test_schema_declares_and_does_nothing(folder: str) -> None:
    awaits = [
        f"{path}:{node.lineno}"
        for path in sorted(pathlib.Path(folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Await)
    ]

    assert awaits == []


def test_every_module_says_what_it_knows() -> None:
    silent = [
        str(path)
        for path in modules()
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert [path for path in silent if "migrations" not in path] == []


def test_no_file_outgrows_one_purpose() -> None:
    long = [
        str(path)
        for path in modules()
        if "migrations" not in path.parts and len(path.read_text().splitlines()) > LONGEST_FILE
    ]

    assert long == []


def outcome(folder: pathlib.Path, ci: str) -> str:
    (folder / "test_one.py").write_text("import pytest\ndef test_one(): pytest.skip('nothing there')\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.skips", "-c", os.devnull, "test_one.py"]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(pathlib.Path.cwd())}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    ).stdout


def test_skip_in_ci_is_a_failure_with_its_reason(tmp_path: pathlib.Path) -> None:
    said = outcome(tmp_path, "true")

    assert "1 failed" in said
    assert "nothing there: in CI nothing may be skipped" in said


def test_skip_elsewhere_stays_a_skip(tmp_path: pathlib.Path) -> None:
    assert "1 skipped" in outcome(tmp_path, "")
