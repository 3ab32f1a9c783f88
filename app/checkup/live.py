"""`doctor --live`: one cheap call to each provider whose key is set."""

from collections.abc import AsyncIterator

from app.checkup.finding import Finding, State
from generators.hosted.probe import probe
from generators.hosted.settings import HostedSettings


async def calls(hosted: HostedSettings) -> AsyncIterator[Finding]:
    """The findings; a key that does not work never keeps the server from its main job."""
    async for answer in probe(hosted):
        yield Finding(
            what=f"{answer.provider}, live",
            state=State.WORKS if answer.works else State.WARNING,
            words=answer.words,
            remedy=None if answer.works else "Check the key and the base address in that account.",
        )
