"""Rules of the house that no linter of others knows."""

import ast
import pathlib
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


def test_only_settings_read_the_environment() -> None:
    readers = {str(path) for path in modules() if environment_reads(path)}

    assert readers <= {"app/settings.py"} | PASSES_ON_TO_A_CHILD


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
