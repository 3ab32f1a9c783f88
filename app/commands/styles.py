"""`python -m app models style STYLE FILE…`: makes a style at Recraft of one to five pictures."""

import asyncio
import pathlib
import sys

from app.settings import Settings
from generators.hosted.failures import Trouble
from generators.hosted.generator import HostedGenerator
from generators.hosted.picture import NotAPicture, examine
from generators.hosted.settings import HostedSettings
from generators.hosted.styles import NAMED, STYLED
from generators.spec import FileRef

MOST_FILES = 5


def make(settings: Settings, style: str, files: list[str]) -> int:
    """Make it and say by which key it is used; it costs 0.04 dollars."""
    hosted = settings.section(HostedSettings)
    if not hosted.recraft_api_token:
        return _refused(f"{STYLED} is not available. Check RECRAFT_API_TOKEN configuration")
    if style not in NAMED:
        return _refused(f"A style begins from one of {', '.join(NAMED)}; {style!r} is none of them.")
    if not 1 <= len(files) <= MOST_FILES:
        return _refused(f"A style is made of 1 to {MOST_FILES} pictures; {len(files)} were given.")
    pictures = []
    for name in files:
        try:
            picture = examine(pathlib.Path(name).read_bytes())
        except (OSError, NotAPicture) as error:
            return _refused(f"{name} cannot be used: {error}.")
        pictures.append((picture.data, picture.media_type))
    return asyncio.run(_make(hosted, style, pictures))


async def _make(hosted: HostedSettings, style: str, pictures: list[tuple[bytes, str]]) -> int:
    generator = HostedGenerator(hosted, _nothing)
    try:
        made = await generator.recraft.make_style(style, pictures)
    except Trouble as trouble:
        return _refused(trouble.words)
    finally:
        await generator.close()
    print(f"{STYLED}:{made}")
    return 0


async def _nothing(file: FileRef) -> bytes:
    raise FileNotFoundError(file.sha256)


def _refused(words: str) -> int:
    print(words, file=sys.stderr)
    return 1
