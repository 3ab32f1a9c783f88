"""Adapters of a subject: reading, activating and deleting them. Their training is in training.py."""

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from generators.catalog import Model
from resolvers import audit
from resolvers.adapter_inputs import ActivateAdapterInput, DeleteAdapterInput
from resolvers.context import Info, Parent
from resolvers.subjects import found, missing
from store.adapters import drop_weights
from store.database.tables import Adapter, Job, Subject


async def adapters_of(subject: Parent[Subject], info: Info) -> list[Adapter]:
    """The subject's, newest first."""
    loader = info.context.batched("adapters of", lambda keys: _of_subjects(info, keys))
    rows: list[Adapter] = await loader.load(subject.id)
    return rows


async def active_adapter(subject: Parent[Subject], info: Info) -> Adapter | None:
    """The one that holds the look."""
    return await info.context.load(Adapter, subject.active_adapter_id)


async def subject_of(adapter: Parent[Adapter], info: Info) -> Subject | None:
    """Whose look it holds."""
    return await info.context.load(Subject, adapter.subject_id)


async def job_of(adapter: Parent[Adapter], info: Info) -> Job | None:
    """The job that trained it."""
    return await info.context.load(Job, adapter.job_id)


async def active(adapter: Parent[Adapter], info: Info) -> bool:
    """Whether it holds the look now."""
    subject = await info.context.load(Subject, adapter.subject_id)
    return subject is not None and subject.active_adapter_id == adapter.id


def base_model(adapter: Parent[Adapter], info: Info) -> Model | None:
    """The model it was trained on, while that is in the catalog."""
    return info.context.models.get(adapter.base_model_key)


def picture_model(adapter: Parent[Adapter]) -> str:
    """The key of the model that makes pictures with it."""
    if adapter.provider_version is not None:
        return f"{adapter.provider.lower()}:{adapter.provider_version}"
    return adapter.base_model_key


async def activate_adapter(info: Info, asked: ActivateAdapterInput) -> Subject:
    """Hold the look by that adapter from now on, or by none."""
    context = info.context
    async with context.writing() as session:
        subject = await found(session, context.viewer, Subject, asked.subject_id, lock=True)
        if asked.adapter_id is not None:
            adapter = await found(session, context.viewer, Adapter, asked.adapter_id)
            if adapter.subject_id != subject.id:
                raise missing(Adapter)
        if subject.active_adapter_id != asked.adapter_id:
            subject.active_adapter_id = asked.adapter_id
            named = None if asked.adapter_id is None else str(asked.adapter_id)
            audit.note(context, session, "adapter.activated", subject, adapter=named)
    return subject


async def delete_adapter(info: Info, asked: DeleteAdapterInput) -> Adapter:
    """Delete it with its weights; a subject that it held is held by something else from now on."""
    context = info.context
    async with context.writing() as session:
        adapter = await found(session, context.viewer, Adapter, asked.adapter_id)
        await _let_go(session, adapter)
        audit.note(context, session, "adapter.deleted", adapter, trigger=adapter.trigger)
        await session.delete(adapter)
    if adapter.sha256 is not None:
        await drop_weights(context.db, context.files.vault, [adapter.sha256])
    return adapter


async def _let_go(session: AsyncSession, adapter: Adapter) -> None:
    subject = await session.get_one(Subject, adapter.subject_id, with_for_update=True)
    if subject.active_adapter_id == adapter.id:
        subject.active_adapter_id = None


async def _of_subjects(info: Info, keys: list[uuid.UUID]) -> list[list[Adapter]]:
    statement = (
        select(Adapter)
        .where(Adapter.subject_id.in_(keys))
        .order_by(Adapter.created_at.desc(), Adapter.id.desc())
    )
    async with info.context.reading() as session:
        rows = (await session.scalars(statement)).all()
    return [[row for row in rows if row.subject_id == key] for key in keys]
