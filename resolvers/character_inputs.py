"""What callers send about characters."""

import dataclasses

from resolvers.context import Maybe
from resolvers.fields import given, retry_key
from resolvers.ids import GameId, SubjectId
from resolvers.inputs import LONG, NAME, BigInt
from store.database.tables import BaseImageStatus

TEMPLATE_KEY = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class CharacterFilter:
    """Which characters; every condition that is given must hold."""

    status: list[BaseImageStatus] | None = given("The base image stands at one of these.", default=None)
    name_contains: str | None = given(
        "The name has this in it, in upper or lower case.", most=NAME, default=None
    )
    game_id: GameId | None = given("Characters of this game.", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreateCharacterInput:
    """A new character. What is absent comes from the template; without one, a look is needed."""

    name: str | None = given(
        "What people call the character; the template's name when absent.", most=NAME, default=None
    )
    template_key: str | None = given(
        "The `key` of a template to start from.", most=TEMPLATE_KEY, default=None
    )
    game_id: GameId | None = given("The game the character plays in.", default=None)
    appearance: str | None = given("The look in a phrase.", most=LONG, default=None)
    base_appearance_description: str | None = given(
        "The look in detail; prompts use it, and `appearance` only without it.", most=LONG, default=None
    )
    art_style: str | None = given(
        'How pictures are drawn, such as "ink and watercolour".', most=NAME, default=None
    )
    style_modifiers: list[str] | None = given(
        "Up to 12 phrases added to every prompt, each once.", most=NAME, default=None
    )
    reference_seed: BigInt | None = given(
        "0 to 2^53-1: fixed by hand, and kept whatever picture is approved. When absent it becomes the approved "
        "picture's.",
        default=None,
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdateCharacterInput:
    """Changes to a character: what is absent stays, what is null is cleared."""

    subject_id: SubjectId = given("The character.")
    name: Maybe[str] = given("What people call the character.", most=NAME, default=None)
    game_id: Maybe[GameId | None] = given("The game the character plays in.", default=None)
    appearance: Maybe[str | None] = given("The look in a phrase.", most=LONG, default=None)
    base_appearance_description: Maybe[str | None] = given("The look in detail.", most=LONG, default=None)
    art_style: Maybe[str | None] = given("How pictures are drawn.", most=NAME, default=None)
    style_modifiers: Maybe[list[str] | None] = given(
        "Up to 12 phrases added to every prompt.", most=NAME, default=None
    )
    reference_seed: Maybe[BigInt | None] = given(
        "0 to 2^53-1, fixed by hand; null gives it back to the approved picture.", default=None
    )
