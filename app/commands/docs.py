"""`python -m app docs`: writes docs/settings.md from the settings themselves, and docs/errors.md from the codes."""

import argparse
import pathlib
import sys

from app import settings as reader
from app.commands import errors_page

PAGE, ERRORS = pathlib.Path("docs/settings.md"), pathlib.Path("docs/errors.md")
HEAD = """# Settings

Written by `make settings` from the settings models; do not edit by hand.

Each is read from a flag (`python -m app serve --port 9000`), else the environment (`PORT=9000`), else a file `.env`
in the folder the server is started in. Lists are separated by commas. A wrong value, or an unknown name in a flag
or in `.env`, stops the start with a sentence that names it.

| name | default | meaning |
| --- | --- | --- |
"""


def run(arguments: argparse.Namespace) -> int:
    """Write the pages, or with `--check` only compare them."""
    wrong = 0
    for path, page in ((PAGE, render()), (ERRORS, errors_page.render())):
        if not arguments.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(page)
        elif not path.exists() or path.read_text() != page:
            print(f"{path} is not what the code says. Run `make settings`.", file=sys.stderr)
            wrong = 1
    return wrong


def render() -> str:
    """The page as it should be."""
    rows = (f"| `{row.name}` | {_default(row.default)} | {_cell(row.meaning)} |" for row in reader.table())
    return HEAD + "\n".join(rows) + "\n"


def _default(value: object) -> str:
    if value in (None, (), ""):
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{value}`"


def _cell(text: str) -> str:
    return (text[:1].upper() + text[1:]).replace("|", "\\|")
