"""Personas and characters: reading, making, changing and deleting them."""

import uuid
from typing import Any, TypeVar

from sqlalchemy import Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from resolvers import audit, idempotency
from resolvers.context import Info, Maybe, Parent, Some
from resolvers.idempotency import Asked
from resolvers.identity import Viewer
from resolvers.inputs import (
    CreatePersonaInput,
    DeleteSubjectInput,
    Direction,
    PersonaFilter,
    SubjectOrder,
    SubjectOrderField,
    UpdatePersonaInput,
)
from resolvers.paging import Listing, Order
from resolvers.refused import Refused, UserErrorCode
from resolvers.visible import one, visible
from store import base_image, ledger, queue, removal
from store.adapters import drop_weights, weights_of
from store.database.tables import FINAL, Character, Job, Persona, Subject, Table, User, Variant

Row = TypeVar("Row", bound=Table)
LOCKED = "The appearance is locked since the base image was approved. Unlock it first."
NO_LOOK = "Give `appearance` or `baseAppearanceDescription`: one of them must say how the {kind} looks."


def personas_of(viewer: Viewer, filter_by: PersonaFilter | None = None) -> Select[Persona]:
    """The viewer's personas."""
    statement = select(Persona).where(visible(viewer, Persona))
    if filter_by is not None and filter_by.status is not None:
        statement = statement.where(Persona.base_image_status.in_(filter_by.status))
    if filter_by is not None and filter_by.name_contains:
        statement = statement.where(Persona.name.icontains(filter_by.name_contains, autoescape=True))
    return statement


def personas(
    info: Info, filter_by: PersonaFilter | None = None, order_by: SubjectOrder | None = None
) -> Listing[Persona]:
    """The list behind `personas`."""
    order = order_by or SubjectOrder()
    key = Persona.name if order.field is SubjectOrderField.NAME else Persona.created_at
    return Listing(
        statement=personas_of(info.context.viewer, filter_by),
        order=Order(key=key, id=Persona.id, descending=order.direction is Direction.DESC),
    )


async def owner(row: Parent[Any], info: Info) -> User | None:
    """Whose it is."""
    return await info.context.load(User, row.owner_id)


async def base_image_of(subject: Parent[Subject], info: Info) -> Variant | None:
    """The newest draft, or the approved picture."""
    return await info.context.load(Variant, subject.base_image_id)


async def create_persona(info: Info, asked: CreatePersonaInput) -> Persona:
    """Make a persona."""
    once = Asked.of("createPersona", asked)
    context = info.context
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Persona, made["persona"])
        persona = Persona(
            owner_id=context.viewer.user_id,
            name=named(asked.name),
            appearance=said(asked.appearance),
            base_appearance_description=said(asked.base_appearance_description),
            personality=said(asked.personality),
        )
        require_look(persona)
        session.add(persona)
        await session.flush()
        await idempotency.keep(session, context.viewer, once, persona=persona.id)
    return persona


async def update_persona(info: Info, asked: UpdatePersonaInput) -> Persona:
    """Change what was given; the look only while it is not locked."""
    context = info.context
    async with context.writing() as session:
        persona = await found(session, context.viewer, Persona, asked.subject_id, lock=True)
        if isinstance(asked.name, Some):
            persona.name = named(asked.name.value)
        if isinstance(asked.personality, Some):
            persona.personality = said(asked.personality.value)
        change_look(persona, asked.appearance, asked.base_appearance_description)
        if session.is_modified(persona):
            persona.updated_at = func.clock()
    return persona


async def delete_subject(info: Info, asked: DeleteSubjectInput) -> Subject:
    """Delete a subject with its pictures and jobs; running ones are cancelled, bytes nobody needs are removed."""
    context = info.context
    async with context.writing() as session:
        subject = await found(session, context.viewer, Subject, asked.subject_id)
        running = (
            select(Job.id).where(Job.subject_id == subject.id, Job.status.not_in(FINAL)).order_by(Job.id)
        )
        canceled = (await session.scalars(running)).all()
        for job_id in canceled:
            await queue.stop_job(session, job_id)
        await base_image.lock(session, subject.id)
        await ledger.settle_jobs(session, canceled)
        audit.note(context, session, "subject.deleted", subject, name=subject.name)
        gone = await removal.going(session, Variant.subject_id == subject.id)
        weights = await weights_of(session, subject.id)
        await session.execute(delete(Subject).where(Subject.id == subject.id))
        hashes = await removal.unneeded(session, gone.file_ids)
    await removal.finish(context.db, context.files.vault, context.files.copies, gone, hashes)
    await drop_weights(context.db, context.files.vault, weights)
    return subject


async def found(
    session: AsyncSession, viewer: Viewer, table: type[Row], key: uuid.UUID, *, lock: bool = False
) -> Row:
    """The viewer's row; raises Refused NOT_FOUND, naming the field it came from, when there is none."""
    statement = one(viewer, table, key)
    row = await session.scalar(statement.with_for_update() if lock else statement)
    if row is None:
        raise missing(table)
    return row


def missing(table: type[Table], field: str | None = None) -> Refused:
    """The refusal for a row that does not exist or belongs to somebody else."""
    what = "subject" if issubclass(table, Subject) else table.__name__.lower()
    return Refused(UserErrorCode.NOT_FOUND, f"There is no {what} with this id.", (field or f"{what}Id",))


def named(name: str) -> str:
    """The name without white space around it; raises Refused when nothing is left."""
    stripped = name.strip()
    if not stripped:
        raise Refused(UserErrorCode.INVALID_INPUT, "The name must not be empty.", ("name",))
    return stripped


def change_look(
    subject: Subject, appearance: Maybe[str | None], base_appearance_description: Maybe[str | None]
) -> None:
    """Change what is given of the look; raises Refused while it is locked, and when none would be left."""
    changes = {"appearance": appearance, "base_appearance_description": base_appearance_description}
    for name, change in changes.items():
        if not isinstance(change, Some) or said(change.value) == getattr(subject, name):
            continue
        if subject.appearance_locked:
            field = "appearance" if name == "appearance" else "baseAppearanceDescription"
            raise Refused(UserErrorCode.APPEARANCE_LOCKED, LOCKED, (field,))
        setattr(subject, name, said(change.value))
    require_look(subject)


def require_look(subject: Subject) -> None:
    """Raise Refused unless some words say how the subject looks."""
    if not subject.look:
        kind = "character" if isinstance(subject, Character) else "persona"
        raise Refused(UserErrorCode.INVALID_INPUT, NO_LOOK.format(kind=kind), ("appearance",))


def said(words: str | None) -> str | None:
    """The words, None when they say nothing."""
    return words if words and words.strip() else None
