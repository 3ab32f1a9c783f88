"""`python -m app docs`: writes docs/settings.md from the settings themselves."""

import argparse
import pathlib
import sys

from app import settings as reader

PAGE = pathlib.Path("docs/settings.md")
HEAD = """# Settings

Written by `make settings` from the settings models; do not edit by hand.

Each is read from a flag (`python -m app serve --port 9000`), else the environment (`PORT=9000`), else a file `.env`
in the folder the server is started in. Lists are separated by commas. A wrong value, or an unknown name in a flag
or in `.env`, stops the start with a sentence that names it.

| name | default | meaning |
| --- | --- | --- |
"""


def run(arguments: argparse.Namespace) -> int:
    """Write the page, or with `--check` only compare it."""
    page = render()
    if not arguments.check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page)
        return 0
    if PAGE.exists() and PAGE.read_text() == page:
        return 0
    print(f"{PAGE} is not what the settings say. Run `make settings`.", file=sys.stderr)
    return 1


def render() -> str:
    """The page as it should be."""
    rows = (f"| `{row.name}` | {_default(row.default)} | {_cell(row.meaning)} |" for row in reader.table())
    return HEAD + "\n".join(rows) + "\n"


def _default(value: object) -> str:
    if value is None or value == ():
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
