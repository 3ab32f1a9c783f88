"""The life of a subject's base image: one table of allowed transitions, and what a finished picture changes.

`PENDING_UPLOAD -> DRAFT -> APPROVED | REJECTED`. Approval locks the appearance and stays until it is unlocked on
purpose; a rejected image needs a replacement. Knows rows; knows no viewer and no generator.

Lock order everywhere: job, task, variant, subject, budget, user.
"""

import enum
import uuid

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.database.tables import BaseImageStatus, Character, Subject, Variant, VariantPurpose, VariantStatus
from store.posts import LOCK


class Move(enum.Enum):
    """What can happen to a base image."""

    DRAWN = "DRAWN"  # a picture was finished or uploaded
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"  # the current draft or another one, and a draft is left
    LAST_REJECTED = "LAST_REJECTED"  # no draft is left
    UNLOCKED = "UNLOCKED"


_PENDING, _DRAFT = BaseImageStatus.PENDING_UPLOAD, BaseImageStatus.DRAFT
_APPROVED, _REJECTED = BaseImageStatus.APPROVED, BaseImageStatus.REJECTED

TRANSITIONS: dict[tuple[BaseImageStatus, Move], BaseImageStatus] = {
    (_PENDING, Move.DRAWN): _DRAFT,
    (_DRAFT, Move.DRAWN): _DRAFT,
    (_DRAFT, Move.APPROVED): _APPROVED,
    (_DRAFT, Move.REJECTED): _DRAFT,
    (_DRAFT, Move.LAST_REJECTED): _REJECTED,
    (_REJECTED, Move.DRAWN): _DRAFT,
    (_APPROVED, Move.DRAWN): _APPROVED,  # begun before the approval: a draft in the history, nothing more
    (_APPROVED, Move.UNLOCKED): _DRAFT,
}
"""Everything that may happen; what is not here is refused."""


class TransitionRefused(Exception):  # noqa: N818 -- an expected answer
    """The table does not allow this move; nothing was changed."""

    def __init__(self, status: BaseImageStatus, move: Move) -> None:
        self.status = status
        self.move = move
        super().__init__(f"{move.value} is not possible while the base image is {status.value}.")


def allowed(status: BaseImageStatus, move: Move) -> bool:
    """Whether the table has this move."""
    return (status, move) in TRANSITIONS


def advance(subject: Subject, move: Move) -> None:
    """Take a move on a locked subject; raises TransitionRefused when the table has no such move."""
    status = TRANSITIONS.get((subject.base_image_status, move))
    if status is None:
        raise TransitionRefused(subject.base_image_status, move)
    subject.base_image_status = status
    subject.updated_at = func.clock()


async def lock(session: AsyncSession, subject_id: uuid.UUID) -> Subject | None:
    """The subject, fresh and locked until the transaction ends; None when it is gone."""
    return await session.get(Subject, subject_id, with_for_update=LOCK, populate_existing=True)


async def settle(session: AsyncSession, subject_id: uuid.UUID) -> None:
    """Take in a finished picture: unless an approved one stands, the newest draft becomes the base image.

    For the transaction that commits the picture, after its row was written; a subject that is gone is no error.
    """
    await session.flush()
    subject = await lock(session, subject_id)
    if subject is None:
        return
    newest = await newest_draft(session, subject_id)
    if newest is None:
        return
    advance(subject, Move.DRAWN)
    if not subject.appearance_locked:
        subject.base_image_id = newest


async def newest_draft(session: AsyncSession, subject_id: uuid.UUID) -> uuid.UUID | None:
    """The finished, undecided base image with the highest version number."""
    newest: uuid.UUID | None = await session.scalar(
        select(Variant.id)
        .where(
            Variant.subject_id == subject_id,
            Variant.purpose == VariantPurpose.BASE_IMAGE,
            Variant.status == VariantStatus.DRAFT,
        )
        .order_by(Variant.version_number.desc())
        .limit(1)
    )
    return newest


def take_versions(subject: Subject, count: int) -> range:
    """The next `count` version numbers of a locked subject's base images, uploads and candidates alike."""
    first = subject.base_image_versions + 1
    subject.base_image_versions += count
    return range(first, first + count)


def approve(subject: Subject, variant: Variant) -> None:
    """Approve a draft of a locked subject; both rows are locked by the caller, the variant first.

    A character's reference seed becomes the picture's, unless it was fixed by hand.
    """
    advance(subject, Move.APPROVED)
    if isinstance(subject, Character) and not subject.reference_seed_fixed:
        subject.reference_seed = variant.seed
    subject.base_image_id = variant.id
    variant.status = VariantStatus.APPROVED
    variant.approved_at = func.clock()


def unlock(subject: Subject, variant: Variant) -> None:
    """Make the approved picture a draft again: the same image, free to be changed."""
    advance(subject, Move.UNLOCKED)
    variant.status = VariantStatus.DRAFT
    variant.approved_at = None


async def reject(session: AsyncSession, subject: Subject, variant: Variant, reason: str | None) -> None:
    """Reject a draft. The current one is replaced by the newest that is left; with none left, REJECTED.

    While an approved picture stands, rejecting another draft changes that draft alone.
    """
    variant.status = VariantStatus.REJECTED
    variant.rejection_reason = reason
    if subject.appearance_locked:
        return
    await session.flush()
    newest = await newest_draft(session, subject.id)
    advance(subject, Move.REJECTED if newest else Move.LAST_REJECTED)
    if subject.base_image_id == variant.id or newest is None:
        subject.base_image_id = newest
