"""Games and their beats: reading, making, changing, moving and deleting them.

A game's row is locked while its beats change places, so that positions are always 1, 2, … without gaps.
"""

import uuid

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import audit, idempotency
from resolvers.checks import within
from resolvers.context import Info, Parent, Some
from resolvers.game_inputs import (
    CreateBeatInput,
    CreateGameInput,
    DeleteBeatInput,
    DeleteGameInput,
    UpdateBeatInput,
    UpdateGameInput,
)
from resolvers.idempotency import Asked
from resolvers.identity import Viewer
from resolvers.paging import Listing, Order
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found, named
from resolvers.visible import visible
from store.database.ids import new_id
from store.database.tables import Beat, Game, Post

MOST_BEATS = 1000


def games_of(viewer: Viewer) -> Select[Game]:
    """The viewer's games."""
    return select(Game).where(visible(viewer, Game))


def games(info: Info) -> Listing[Game]:
    """The list behind `games`, newest first."""
    order = Order(key=Game.created_at, id=Game.id, descending=True)
    return Listing(statement=games_of(info.context.viewer), order=order)


def beats_of_game(game: Parent[Game], info: Info) -> Listing[Beat]:
    """The game's beats, in their order."""
    statement = select(Beat).where(visible(info.context.viewer, Beat), Beat.game_id == game.id)
    return Listing(statement=statement, order=Order(key=Beat.position, id=Beat.id))


def posts_of_beat(beat: Parent[Beat], info: Info) -> Listing[Post]:
    """What was written in that beat, oldest first."""
    statement = select(Post).where(visible(info.context.viewer, Post), Post.beat_id == beat.id)
    return Listing(statement=statement, order=Order(key=Post.created_at, id=Post.id))


async def game_of_beat(beat: Parent[Beat], info: Info) -> Game | None:
    """The game it is a moment of."""
    return await info.context.load(Game, beat.game_id)


async def create_game(info: Info, asked: CreateGameInput) -> Game:
    """Make a game."""
    context, once = info.context, Asked.of("createGame", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Game, made["game"])
        game = Game(id=new_id(), owner_id=context.viewer.user_id, name=named(asked.name))
        session.add(game)
        await session.flush()
        await idempotency.keep(session, context.viewer, once, game=game.id)
    return game


async def update_game(info: Info, asked: UpdateGameInput) -> Game:
    """Change what was given."""
    context = info.context
    async with context.writing() as session:
        game = await found(session, context.viewer, Game, asked.game_id, lock=True)
        if isinstance(asked.name, Some):
            game.name = named(asked.name.value)
        if session.is_modified(game):
            game.updated_at = func.clock()
    return game


async def delete_game(info: Info, asked: DeleteGameInput) -> Game:
    """Delete a game with its beats and their posts; characters and pictures stay."""
    context = info.context
    async with context.writing() as session:
        game = await found(session, context.viewer, Game, asked.game_id, lock=True)
        audit.note(context, session, "game.deleted", game, name=game.name)
        await session.execute(delete(Game).where(Game.id == game.id))
    return game


async def create_beat(info: Info, asked: CreateBeatInput) -> Beat:
    """Make a beat, at the end or between others."""
    context, once = info.context, Asked.of("createBeat", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Beat, made["beat"])
        game = await found(session, context.viewer, Game, asked.game_id, lock=True)
        last = await _count(session, game.id)
        if last >= MOST_BEATS:
            words = f"A game has at most {MOST_BEATS:,} beats."
            raise Refused(UserErrorCode.INVALID_STATE, words, ("gameId",))
        position = last + 1 if asked.position is None else asked.position
        within("position", position, 1, last + 1)
        if position <= last:
            await _shift(session, game.id, position, last, 1)
        beat = Beat(
            id=new_id(),
            owner_id=game.owner_id,
            game_id=game.id,
            title=titled(asked.title),
            position=position,
        )
        session.add(beat)
        await session.flush()
        await idempotency.keep(session, context.viewer, once, beat=beat.id)
    return beat


async def update_beat(info: Info, asked: UpdateBeatInput) -> Beat:
    """Change what was given; a beat that moves takes its place and the others close up."""
    context = info.context
    async with context.writing() as session:
        beat = await _locked(session, context.viewer, asked.beat_id)
        if isinstance(asked.title, Some):
            beat.title = titled(asked.title.value)
        if isinstance(asked.position, Some) and asked.position.value != beat.position:
            wanted, now = asked.position.value, beat.position
            within("position", wanted, 1, await _count(session, beat.game_id))
            low, high, by = (now + 1, wanted, -1) if wanted > now else (wanted, now - 1, 1)
            await _shift(session, beat.game_id, low, high, by)
            beat.position = wanted
    return beat


async def delete_beat(info: Info, asked: DeleteBeatInput) -> Beat:
    """Delete a beat with its posts; later ones move up."""
    context = info.context
    async with context.writing() as session:
        beat = await _locked(session, context.viewer, asked.beat_id)
        audit.note(context, session, "beat.deleted", beat, title=beat.title)
        await session.execute(delete(Beat).where(Beat.id == beat.id))
        await _shift(session, beat.game_id, beat.position + 1, MOST_BEATS, -1)
    return beat


def titled(title: str) -> str:
    """The title without white space around it; raises Refused when nothing is left."""
    stripped = title.strip()
    if not stripped:
        raise Refused(UserErrorCode.INVALID_INPUT, "The title must not be empty.", ("title",))
    return stripped


async def _locked(session: AsyncSession, viewer: Viewer, beat_id: uuid.UUID) -> Beat:
    """The beat as it is once its game is locked."""
    beat = await found(session, viewer, Beat, beat_id)
    await session.get(Game, beat.game_id, with_for_update=True)
    await session.refresh(beat)
    return beat


async def _count(session: AsyncSession, game_id: uuid.UUID) -> int:
    return (await session.scalar(select(func.count()).where(Beat.game_id == game_id))) or 0


async def _shift(session: AsyncSession, game_id: uuid.UUID, first: int, last: int, by: int) -> None:
    """Move the beats from `first` to `last`, both included."""
    await session.execute(
        update(Beat)
        .where(Beat.game_id == game_id, Beat.position.between(first, last))
        .values(position=Beat.position + by)
        .execution_options(synchronize_session=False)
    )
