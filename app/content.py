"""Builds the guard of what may be said and shown, from the operator's rules and a provider's moderation."""

import hashlib
from collections.abc import Sequence

from app.settings import Settings, SettingsError
from executor.content.guard import Guard, ModerationUnavailable
from executor.content.rules import Rules, RulesWrong
from executor.content.settings import ContentSettings
from generators.generator import Generator
from generators.hosted.failures import Trouble
from generators.hosted.generator import HostedGenerator
from generators.hosted.openai import OpenAIImages
from generators.hosted.settings import HostedSettings
from generators.spec import FileRef


class OpenAIModeration:
    """OpenAI's moderation, as the guard asks it."""

    name = "OpenAI"

    def __init__(self, openai: OpenAIImages) -> None:
        self._openai = openai

    async def flagged(self, text: str, picture: bytes, media_type: str) -> Sequence[str]:
        """The categories it flags, worst first."""
        ref = FileRef(sha256=hashlib.sha256(picture).hexdigest(), size=len(picture), media_type=media_type)
        try:
            verdict = await self._openai.moderate(text, [(picture, ref)])
        except Trouble as trouble:
            raise ModerationUnavailable(trouble.words) from trouble
        if verdict.flagged and not verdict.categories:
            return ("something",)
        return verdict.categories if verdict.flagged else ()


def guard(settings: Settings, generators: Sequence[Generator]) -> Guard:
    """Read the rules and find whom to ask.

    Raises:
        SettingsError: the rules cannot be used, or moderation is wanted without a key.
    """
    chosen = settings.section(ContentSettings)
    try:
        rules = Rules.read(chosen.content_rules) if chosen.content_rules else Rules()
    except RulesWrong as error:
        raise SettingsError(f"CONTENT_RULES is wrong: {error}") from error
    if not chosen.openai_moderation:
        return Guard(rules)
    if not settings.section(HostedSettings).openai_api_key:
        raise SettingsError("OPENAI_MODERATION needs OPENAI_API_KEY.")
    hosted = next(one for one in generators if isinstance(one, HostedGenerator))
    return Guard(rules, OpenAIModeration(hosted.openai))
