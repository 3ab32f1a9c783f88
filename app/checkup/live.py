"""`doctor --live`: one cheap call to each provider whose key is set, and one tiny picture to each target."""

import secrets
import struct
import zlib
from collections.abc import AsyncIterator

from app.checkup.finding import Finding, State
from app.publishing import places
from app.settings import Settings, SettingsError
from generators.hosted.probe import probe
from generators.hosted.settings import HostedSettings
from store.files.containers import MediaType
from store.files.targets import Target, TargetError

CHECK_ACCOUNT = "Check the key and the base address in that account."


async def calls(settings: Settings) -> AsyncIterator[Finding]:
    """The findings; what does not work there never keeps the server from its main job."""
    async for answer in probe(settings.section(HostedSettings)):
        yield Finding(
            what=f"{answer.provider}, live",
            state=State.WORKS if answer.works else State.WARNING,
            words=answer.words,
            remedy=None if answer.works else CHECK_ACCOUNT,
        )
    try:
        targets = places(settings).targets
    except SettingsError:
        return  # told by the finding about publishing
    for name, target in targets.items():
        yield await _published(name, target)


async def _published(name: str, target: Target) -> Finding:
    """Publish one grey pixel, look at it, and take it back."""
    what = f"Publishing to {name}, live"
    try:
        key = f"likeness_doctor/{secrets.token_hex(8)}"
        published = await target.upload(key, _pixel(), MediaType.PNG)
        whole = await target.verify(published)
        gone = await target.unpublish(published)
    except (TargetError, ValueError) as error:
        words = f"does not work: {error}."
        return Finding(what=what, state=State.WARNING, words=words, remedy=CHECK_ACCOUNT)
    if whole and gone:
        words = "one pixel was published, found whole and removed."
        return Finding(what=what, state=State.WORKS, words=words)
    words = (
        f"{published.url} was {'found whole' if whole else 'not found'}, and {'' if gone else 'not '}removed."
    )
    return Finding(what=what, state=State.WARNING, words=words, remedy=CHECK_ACCOUNT)


def _pixel() -> bytes:
    """https://www.w3.org/TR/png-3/ : a PNG of 1x1, 8 bits of grey."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes([0, 128]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
