"""`python -m app`: serve, migrate, models, keys, retention, doctor, and the two that write what the repository keeps."""

import argparse
import functools
import importlib
import sys
from collections.abc import Sequence

from app.starting import without_rich
from generators.diffusion.importing import uncollected

with uncollected(), without_rich():
    from app import settings as reader

NEEDS_NO_SETTINGS = frozenset({"sdl", "docs"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 when it did its work, 2 when it was asked wrongly."""
    given = _parser().parse_args(arguments)
    with uncollected():
        command = importlib.import_module(f"app.commands.{given.command}")
    if given.command in NEEDS_NO_SETTINGS:
        return int(command.run(given))
    try:
        settings = reader.load(_flags(given))
    except reader.SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return int(command.run(settings, given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="Likeness: pictures in which somebody keeps looking like themselves.",
        epilog="Every setting of docs/settings.md is a flag too: `python -m app serve --port 9000 --data-dir ./mine`.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    set_by = [_settings_as_flags()]
    commands.add_parser("serve", help="serve the API", parents=set_by)
    commands.add_parser("migrate", help="bring the database to the newest revision", parents=set_by)
    doctor = commands.add_parser(
        "doctor", help="say what is configured, what works and what is missing", parents=set_by
    )
    doctor.add_argument(
        "--live",
        action="store_true",
        help="also call every configured provider and target, once and for free",
    )
    retention = commands.add_parser(
        "retention", help="remove undecided pictures that are older than RETENTION_DAYS", parents=set_by
    )
    retention.add_argument("--dry-run", action="store_true", help="only list what would go")
    _models(
        commands.add_parser("models", help="list models, pull a checkpoint, show its card", parents=set_by)
    )
    _keys(commands.add_parser("keys", help="create, list and revoke API keys"))
    for name, meaning in (("sdl", "write schema/schema.graphql"), ("docs", "write docs/settings.md")):
        generated = commands.add_parser(name, help=meaning)
        generated.add_argument("--check", action="store_true", help="only say whether it is up to date")
    return parser


def _models(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action")
    set_by = [_settings_as_flags()]
    actions.add_parser("list", help="all models and whether they can be used", parents=set_by)
    pull = actions.add_parser("pull", help="download a checkpoint", parents=set_by)
    pull.add_argument("key", help="its key in the list, such as sdxl-base")
    style = actions.add_parser(
        "style", help="make a style of pictures at Recraft, for 0.04 dollars", parents=set_by
    )
    style.add_argument("style", help="what it begins from, such as digital_illustration")
    style.add_argument("files", nargs="+", help="one to five pictures")
    show = actions.add_parser(
        "show", help="a checkpoint's model card: what it is, was taught, can and cannot do", parents=set_by
    )
    show.add_argument("key", help="its key in the list, such as starter")


def _keys(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    set_by = [_settings_as_flags()]
    create = actions.add_parser("create", help="make a key; it is shown once", parents=set_by)
    create.add_argument("name", help="what it is for")
    create.add_argument("--days", type=int, help="days after which it ends; never by default")
    create.add_argument(
        "--scope", action="append", help="what it may do; everything its owner may by default"
    )
    revoke = actions.add_parser("revoke", help="end a key at once", parents=set_by)
    revoke.add_argument("prefix", help="its first characters, as the list shows them")
    actions.add_parser("list", help="all keys, without their secrets", parents=set_by)


@functools.cache
def _settings_as_flags() -> argparse.ArgumentParser:
    """Every setting is a flag as well; `--data-dir X` wins over DATA_DIR. Made once: there are a hundred and a dozen
    commands that take them all.
    """
    flags = argparse.ArgumentParser(add_help=False)
    for setting in reader.table():
        flag = "--" + setting.name.lower().replace("_", "-")
        flags.add_argument(flag, dest=f"setting_{setting.name}", metavar="VALUE", help=argparse.SUPPRESS)
    return flags


def _flags(given: argparse.Namespace) -> dict[str, str]:
    prefix = "setting_"
    return {
        name.removeprefix(prefix): value
        for name, value in vars(given).items()
        if name.startswith(prefix) and value is not None
    }


if __name__ == "__main__":
    sys.exit(main())
