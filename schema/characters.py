"""Views of characters, what they start from, and what can be done with them."""

import strawberry

import resolvers.characters
import resolvers.templates
from schema import lazily
from schema.mutations import mutation
from schema.publish import publishes, related, shown
from schema.scalars import BigInt
from schema.subjects import Subject
from store.database import tables


@publishes(tables.Character)
class Character(Subject):
    """Somebody in a role-playing game."""

    game = related(resolvers.characters.game_of, lazily.Game | None, "The game the character plays in.")
    art_style: str | None = shown("How pictures of the character are drawn.")
    style_modifiers = related(
        resolvers.characters.style_modifiers_of, list[str], "Phrases added to every prompt."
    )
    reference_seed: BigInt | None = shown(
        "The seed that pictures of the character begin with: the approved picture's, unless it was fixed by hand; "
        "unlocking keeps it. Null while neither is there, and when the approved picture has none."
    )


@publishes(resolvers.templates.CharacterTemplate)
class CharacterTemplate:
    """A character to start from; name it by its key in `createCharacter`."""

    key: str = shown("Names it in `templateKey`.")
    name: str = shown("What people call it.")
    appearance: str = shown("The look in a phrase.")
    art_style: str = shown("How pictures are drawn.")
    style_modifiers: list[str] = shown("Phrases added to every prompt.")


CHARACTER = (Character, "The character as it is now.")


@strawberry.type(description="Making and changing characters.")
class CharacterMutations:
    """One line a field; a part of `Mutation`."""

    create_character = mutation(
        resolvers.characters.create_character,
        "Make a character, from fields, from a template, or from both.",
        character=CHARACTER,
    )
    update_character = mutation(
        resolvers.characters.update_character,
        "Change a character; its look only while the appearance is not locked.",
        character=CHARACTER,
    )
