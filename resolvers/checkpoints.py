"""Bringing checkpoints onto this server, for its operators."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from executor import specs
from executor.lanes import IO_LANE
from generators.spec import DownloadSpec
from resolvers import audit, idempotency
from resolvers.adapter_inputs import DownloadCheckpointInput
from resolvers.context import Context, Info
from resolvers.idempotency import Asked
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import found
from store import queue
from store.database.ids import new_id
from store.database.tables import FINAL, Job, JobKind, Task, TaskKind

TITLE = 200


async def download_checkpoint(info: Info, asked: DownloadCheckpointInput) -> Job:
    """Enqueue a download; one that is under way already is answered instead."""
    context, once = info.context, Asked.of("downloadCheckpoint", asked)
    async with context.writing() as session:
        made = await idempotency.earlier(session, context.viewer, once)
        if made is not None:
            return await found(session, context.viewer, Job, made["job"])
        _require(context, asked.model)
        job = await _under_way(session, context, asked.model)
        if job is None:
            job = _job(context, asked.model)
            await queue.enqueue(session, job, [], [_task(context, job, asked.model)])
            audit.note(context, session, "checkpoint.downloaded", job, model=asked.model)
        await idempotency.keep(session, context.viewer, once, job=job.id)
    return job


def _require(context: Context, key: str) -> None:
    if context.models.get(key) is None:
        words = f"There is no model {key!r}. `models` lists them all."
        raise Refused(UserErrorCode.UNKNOWN_MODEL, words, ("model",))
    reason = context.models.not_downloadable(key)
    if reason is not None:
        raise Refused(UserErrorCode.NOT_SUPPORTED, reason, ("model",))


async def _under_way(session: AsyncSession, context: Context, key: str) -> Job | None:
    """The viewer's own download of it; raises Refused CONFLICT for somebody else's."""
    job = await session.scalar(
        select(Job)
        .join(Task, Task.job_id == Job.id)
        .where(Task.kind == TaskKind.DOWNLOAD, Task.model_key == key, Task.state.not_in(FINAL))
        .limit(1)
    )
    if job is not None and job.owner_id != context.viewer.user_id:
        words = f"Somebody else is downloading {key} just now."
        raise Refused(UserErrorCode.CONFLICT, words, ("model",))
    return job


def _job(context: Context, key: str) -> Job:
    return Job(
        id=new_id(),
        owner_id=context.viewer.user_id,
        kind=JobKind.DOWNLOAD,
        title=f"Download of {key}"[:TITLE],
        request={"model": key},
        request_id=context.request_id,
    )


def _task(context: Context, job: Job, key: str) -> Task:
    spec = DownloadSpec(model=key, owner_id=str(job.owner_id), request_id=context.request_id or "")
    return Task(
        id=new_id(),
        job_id=job.id,
        owner_id=job.owner_id,
        kind=TaskKind.DOWNLOAD,
        lane=IO_LANE,
        model_key=key,
        spec=specs.to_json(spec),
        request_id=context.request_id,
    )
