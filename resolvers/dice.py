"""Dice: a notation is rolled by the library `d20`; what it cannot read is refused with the place.

A roll ends early however hostile its notation is: at most 200 dice, 200 characters and numbers of 18 digits.
"""

import re
import uuid
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import idempotency
from resolvers.checks import within
from resolvers.context import Info, Parent
from resolvers.dice_inputs import RollDiceInput
from resolvers.idempotency import Asked
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found
from resolvers.visible import visible
from store.database.ids import new_id
from store.database.tables import DiceRoll, Post

if TYPE_CHECKING:
    import d20

MOST_DICE = 200  # what selectors do with a set takes the square of its size
MOST_AT_ONCE, MOST_ROLLS = 20, 100  # in one call, of one post
LARGEST = 2**31 - 1
END = "$END"
_LONG_NUMBER = re.compile(r"\d{19}")


async def roll_dice(info: Info, asked: RollDiceInput) -> DiceRoll:
    """Roll, and keep what came."""
    context, once = info.context, Asked.of("rollDice", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, DiceRoll, made["roll"])
        post = None
        if asked.post_id is not None:
            post = await found(session, context.viewer, Post, asked.post_id, lock=True)
        roll = rolled(asked.notation, ("notation",), owner_id=context.viewer.user_id)
        await keep(session, post, [roll])
        await idempotency.keep(session, context.viewer, once, roll=roll.id)
    return roll


def rolled(notation: str, field: tuple[str, ...], *, owner_id: uuid.UUID) -> DiceRoll:
    """A roll that is not kept yet; raises Refused INVALID_NOTATION, naming the place."""
    import d20  # it builds its grammar when it is imported

    leading, notation = len(notation) - len(notation.lstrip()), notation.strip()
    number = _LONG_NUMBER.search(notation)
    if number is not None:
        place = leading + number.start() + 1
        raise _refusal(f"the number at character {place} is too long; 18 digits are the most", field)
    try:
        result = d20.Roller(d20.RollContext(max_rolls=MOST_DICE)).roll(notation)
        total, breakdown = result.total, result.result
    except d20.RollSyntaxError as error:
        raise _refusal(_place(error, notation, leading), field) from error
    except d20.TooManyRolls as error:
        raise _refusal(f"that would be more than {MOST_DICE:,} dice", field) from error
    except (d20.RollError, OverflowError, RecursionError) as error:
        words = str(error) if isinstance(error, d20.RollError) else "it is too large to be worked out"
        raise _refusal(words.rstrip("."), field) from error
    if abs(total) > LARGEST:
        raise _refusal(f"its total is beyond {LARGEST:,}", field)
    return DiceRoll(id=new_id(), owner_id=owner_id, notation=notation, total=total, breakdown=breakdown)


def rolled_all(notations: list[str], *, owner_id: uuid.UUID) -> list[DiceRoll]:
    """The rolls of a new post; raises Refused, naming the one that cannot be rolled."""
    within("dice", len(notations), 0, MOST_AT_ONCE)
    return [
        rolled(notation, ("dice", str(place)), owner_id=owner_id) for place, notation in enumerate(notations)
    ]


async def keep(session: AsyncSession, post: Post | None, rolls: list[DiceRoll]) -> None:
    """Keep rolls, with a locked post where they belong to one; raises Refused when it has too many."""
    if post is not None:
        had = (await session.scalar(select(func.count()).where(DiceRoll.post_id == post.id))) or 0
        if had + len(rolls) > MOST_ROLLS:
            words = f"A post shows at most {MOST_ROLLS} rolls; it has {had}."
            raise Refused(UserErrorCode.INVALID_STATE, words, ("postId",))
        for roll in rolls:
            roll.post_id = post.id
    session.add_all(rolls)
    await session.flush()


async def dice_rolls_of(post: Parent[Post], info: Info) -> list[DiceRoll]:
    """The post's rolls, in the order they fell; read together for all posts that are asked for."""
    loader = info.context.batched("dice rolls", lambda keys: _of_posts(info, keys))
    rolls: list[DiceRoll] = await loader.load(post.id)
    return rolls


async def _of_posts(info: Info, keys: list[uuid.UUID]) -> list[list[DiceRoll]]:
    statement = (
        select(DiceRoll)
        .where(DiceRoll.post_id.in_(keys), visible(info.context.viewer, DiceRoll))
        .order_by(DiceRoll.rolled_at, DiceRoll.id)
    )
    async with info.context.reading() as session:
        rolls = (await session.scalars(statement)).all()
    return [[roll for roll in rolls if roll.post_id == key] for key in keys]


def _place(error: "d20.RollSyntaxError", notation: str, leading: int) -> str:
    got = str(error.got)
    if getattr(error.got, "type", None) == END or not got:
        return f"something is missing at its end, after character {leading + len(notation)}"
    return f"{got[:20]!r} at character {leading + error.col} is not understood"


def _refusal(words: str, field: tuple[str, ...]) -> Refused:
    return Refused(UserErrorCode.INVALID_NOTATION, f"These dice cannot be rolled: {words}.", field)
