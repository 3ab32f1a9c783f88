"""What content rules can be told."""

import pathlib

from pydantic import BaseModel, Field


class ContentSettings(BaseModel):
    """What may be said and shown here."""

    content_rules: pathlib.Path | None = Field(
        None,
        description="TOML file of banned words and patterns, read at start; docs/games.md shows one. Without it, "
        "nothing is refused or held.",
    )
    openai_moderation: bool = Field(
        False,
        description="Ask OpenAI's moderation about every finished picture with its prompt, uploads included; what it "
        "flags waits for a reviewer. Needs OPENAI_API_KEY, and sends pictures and prompts to OpenAI.",
    )
