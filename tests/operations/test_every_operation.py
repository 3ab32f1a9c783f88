"""Every field of the three roots has its test in this folder.

A file says in the first line of its docstring which operations it tests, and must send each of them: in a document of
its own, or of the files that several tests share. Text is read, so that a field that is added is missed at once.
"""

import ast
import re
from collections.abc import Collection
from pathlib import Path

from tests.isolation import shapes

FOLDER = Path(__file__).parent
SHARED = ("steps.py", "posts.py", "writers.py")
WORD = re.compile(r"[A-Za-z]\w*")


def operations() -> set[str]:
    """The fields of Query, Mutation and Subscription."""
    return {name.partition(".")[2] for name in shapes.roots()}


def promised(file: Path) -> set[str]:
    """The words of its first line."""
    return set(WORD.findall((ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]))


def sent(file: Path) -> set[str]:
    """The words of its strings, which is where its documents and the names of its mutations stand."""
    tree = ast.parse(file.read_text())
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
    )
    return {word for string in strings for word in WORD.findall(string)}


def untested(wanted: Collection[str]) -> set[str]:
    """Those of them that no file promises to test and sends."""
    shared = set().union(*(sent(FOLDER / name) for name in SHARED))
    tested = (promised(file) & (sent(file) | shared) for file in FOLDER.glob("test_*.py"))
    return set(wanted) - set().union(*tested)


def test_every_operation_has_its_test() -> None:
    assert untested(operations()) == set()


def test_operation_that_is_not_tested_is_missed() -> None:
    assert untested({*operations(), "paintCathedral"}) == {"paintCathedral"}
