"""Characters: reading, making and changing them. Whatever else happens to a subject is the same as for personas."""

import dataclasses

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import idempotency
from resolvers.character_inputs import CharacterFilter, CreateCharacterInput, UpdateCharacterInput
from resolvers.checks import within
from resolvers.context import Info, Parent, Some
from resolvers.idempotency import Asked
from resolvers.identity import Viewer
from resolvers.inputs import LARGEST_SEED, Direction, SubjectOrder, SubjectOrderField
from resolvers.paging import Listing, Order
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import change_look, found, named, require_look, said
from resolvers.templates import TEMPLATES, CharacterTemplate
from resolvers.visible import visible
from store.database.tables import Character, Game, Variant

MOST_MODIFIERS = 12


def characters_of(viewer: Viewer, filter_by: CharacterFilter | None = None) -> Select[Character]:
    """The viewer's characters."""
    statement = select(Character).where(visible(viewer, Character))
    wanted = filter_by or CharacterFilter()
    if wanted.status is not None:
        statement = statement.where(Character.base_image_status.in_(wanted.status))
    if wanted.name_contains:
        statement = statement.where(Character.name.icontains(wanted.name_contains, autoescape=True))
    if wanted.game_id is not None:
        statement = statement.where(Character.game_id == wanted.game_id)
    return statement


def characters(
    info: Info, filter_by: CharacterFilter | None = None, order_by: SubjectOrder | None = None
) -> Listing[Character]:
    """The list behind `characters`."""
    return _listing(characters_of(info.context.viewer, filter_by), order_by)


def characters_of_game(
    game: Parent[Game], info: Info, order_by: SubjectOrder | None = None
) -> Listing[Character]:
    """Who plays in that game."""
    statement = characters_of(info.context.viewer).where(Character.game_id == game.id)
    return _listing(statement, order_by)


def character_templates() -> list[CharacterTemplate]:
    """All templates."""
    return list(TEMPLATES.values())


async def game_of(character: Parent[Character], info: Info) -> Game | None:
    """The game the character plays in."""
    return await info.context.load(Game, character.game_id)


def style_modifiers_of(character: Parent[Character]) -> list[str]:
    """The phrases, none for none."""
    return list(character.style_modifiers or ())


async def create_character(info: Info, asked: CreateCharacterInput) -> Character:
    """Make a character, from fields, from a template, or from both."""
    context, once = info.context, Asked.of("createCharacter", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Character, made["character"])
        character = await make(session, context.viewer, asked)
        await idempotency.keep(session, context.viewer, once, character=character.id)
    return character


async def make(session: AsyncSession, viewer: Viewer, asked: CreateCharacterInput) -> Character:
    """A new character of the viewer's, flushed; its `idempotencyKey` is the caller's to heed.

    Raises:
        Refused: naming the field of `asked`; nothing was added.
    """
    template = _template(asked.template_key)
    given = asked if template is None else _filled(asked, template)
    if given.name is None:
        raise Refused(UserErrorCode.INVALID_INPUT, "Give `name`, or `templateKey`.", ("name",))
    if given.reference_seed is not None:
        within("referenceSeed", given.reference_seed, 0, LARGEST_SEED)
    if given.game_id is not None:
        await found(session, viewer, Game, given.game_id)
    character = Character(
        owner_id=viewer.user_id,
        name=named(given.name),
        game_id=given.game_id,
        appearance=said(given.appearance),
        base_appearance_description=said(given.base_appearance_description),
        art_style=said(given.art_style),
        style_modifiers=_modifiers(given.style_modifiers),
        reference_seed=given.reference_seed,
        reference_seed_fixed=given.reference_seed is not None,
        template_key=given.template_key,
    )
    require_look(character)
    session.add(character)
    await session.flush()
    return character


async def update_character(info: Info, asked: UpdateCharacterInput) -> Character:
    """Change what was given; the look only while it is not locked."""
    context = info.context
    async with context.writing() as session:
        character = await found(session, context.viewer, Character, asked.subject_id, lock=True)
        if isinstance(asked.name, Some):
            character.name = named(asked.name.value)
        if isinstance(asked.game_id, Some):
            await _move(session, context.viewer, character, asked)
        if isinstance(asked.art_style, Some):
            character.art_style = said(asked.art_style.value)
        if isinstance(asked.style_modifiers, Some):
            character.style_modifiers = _modifiers(asked.style_modifiers.value)
        change_look(character, asked.appearance, asked.base_appearance_description)
        if isinstance(asked.reference_seed, Some):
            await _set_seed(session, character, asked.reference_seed.value)
        if session.is_modified(character):
            character.updated_at = func.clock()
    return character


async def _move(
    session: AsyncSession, viewer: Viewer, character: Character, asked: UpdateCharacterInput
) -> None:
    """Into another game, or into none."""
    game_id = asked.game_id.value if asked.game_id else None
    if game_id is not None:
        await found(session, viewer, Game, game_id)
    character.game_id = game_id


async def _set_seed(session: AsyncSession, character: Character, seed: int | None) -> None:
    """Fix the reference seed by hand, or give it back to the approved picture."""
    character.reference_seed_fixed = seed is not None
    if seed is not None:
        within("referenceSeed", seed, 0, LARGEST_SEED)
        character.reference_seed = seed
        return
    approved = await session.get(Variant, character.base_image_id) if character.appearance_locked else None
    character.reference_seed = approved.seed if approved is not None else None


def _template(key: str | None) -> CharacterTemplate | None:
    if key is None:
        return None
    if key not in TEMPLATES:
        words = f"There is no template {key!r}. `characterTemplates` lists them all."
        raise Refused(UserErrorCode.UNKNOWN_TEMPLATE, words, ("templateKey",))
    return TEMPLATES[key]


def _filled(asked: CreateCharacterInput, template: CharacterTemplate) -> CreateCharacterInput:
    """What was given, and what the template says where nothing was."""
    looks = asked.appearance is not None or asked.base_appearance_description is not None
    return dataclasses.replace(
        asked,
        name=template.name if asked.name is None else asked.name,
        appearance=asked.appearance if looks else template.appearance,
        art_style=template.art_style if asked.art_style is None else asked.art_style,
        style_modifiers=list(template.style_modifiers)
        if asked.style_modifiers is None
        else asked.style_modifiers,
    )


def _modifiers(sent: list[str] | None) -> list[str]:
    """The phrases without white space around them, empty ones and repetitions left out."""
    phrases = list(dict.fromkeys(phrase.strip() for phrase in sent or () if phrase.strip()))
    if len(phrases) > MOST_MODIFIERS:
        words = f"At most {MOST_MODIFIERS} style modifiers can be given; got {len(phrases)}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("styleModifiers",))
    return phrases


def _listing(statement: Select[Character], order_by: SubjectOrder | None) -> Listing[Character]:
    order = order_by or SubjectOrder()
    key = Character.name if order.field is SubjectOrderField.NAME else Character.created_at
    return Listing(
        statement=statement,
        order=Order(key=key, id=Character.id, descending=order.direction is Direction.DESC),
    )
