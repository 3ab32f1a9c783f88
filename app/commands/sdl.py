"""`python -m app sdl`: writes schema/schema.graphql, the contract as clients see it."""

import argparse
import pathlib
import sys

PAGE = pathlib.Path("schema/schema.graphql")


def run(arguments: argparse.Namespace) -> int:
    """Write the file, or with `--check` only compare it."""
    from schema import schema

    sdl = schema.as_str() + "\n"
    if not arguments.check:
        PAGE.write_text(sdl)
        return 0
    if PAGE.exists() and PAGE.read_text() == sdl:
        return 0
    print(f"{PAGE} is not what the schema says. Run `make sdl`.", file=sys.stderr)
    return 1
