"""Runs one claimed task from its first row to its last: drives the generator, event by event."""

import asyncio
import dataclasses
import time
from collections.abc import Mapping

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from executor.chores import Chore
from executor.content.rules import Finding
from executor.looking import Looking
from executor.models import Models
from executor.patience import persistently
from executor.pulling import Pulling, close
from executor.recorder import Recorder, Tools
from executor.specs import from_json
from generators.catalog import Provider
from generators.events import Downloaded, Failed, FailureKind
from generators.generator import Known, KnownCall, KnownLatents, Live
from store.database.sessions import settled
from store.database.tables import CallState, ProviderCall, TaskKind
from store.files.vault import FileMissing, Vault
from store.queue import Claim, LeaseLostError, begin

log = structlog.get_logger(__name__)
UNEXPECTED = "Something went wrong here that was not foreseen; the log of the server says more."


class Runner:
    """Runs tasks, one call of `run` each."""

    def __init__(self, tools: Tools, models: Models, chores: Mapping[TaskKind, Chore]) -> None:
        self._tools = tools
        self._models = models
        self._chores = chores

    async def run(self, claim: Claim) -> str:
        """Do a claimed task to its end; returns its outcome (see Observer.task_ended).

        Cancel the calling task to stop it: then nothing more is written, and the task is left as it stands.
        """
        live = self._tools.board.open(claim)
        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(
            request_id=claim.request_id, job=str(claim.job_id), task=str(claim.task_id)
        ):
            looking = Looking(live, self._tools.finisher.render)
            early: Pulling | None = None
            try:
                early = self._early(claim, looking)
                known = await settled(persistently(lambda: self._begin(claim)))
                live.begun()
                outcome = await self._run(claim, known, looking, early)
            except LeaseLostError:
                outcome = "LOST"
            finally:
                if early is not None:
                    await early.aclose()
                looking.close()
                self._tools.board.close(claim)
            log.info("run ended", outcome=outcome, seconds=round(time.monotonic() - started, 3))
        return outcome

    def _early(self, claim: Claim, live: Live) -> Pulling | None:
        """Let our own device begin with a new picture while the rows still learn that it runs.

        What it makes is nothing before it is recorded, which waits for those rows; of a provider nothing is asked early.
        """
        key = claim.model_key or ""
        model, generator = self._models.get(key), self._models.generator_for(key)
        if model is None or generator is None or model.provider is not Provider.LOCAL:
            return None
        if claim.kind is not TaskKind.IMAGE or not claim.first or self._refused(claim) is not None:
            return None
        try:
            spec = from_json(claim.kind, claim.spec)
        except ValueError:  # the run itself fails with it, where that is recorded
            return None
        return Pulling(generator.run(spec, Known(fence=claim.fence), live))

    def _refused(self, claim: Claim) -> Finding | None:
        return self._tools.guard.refuses(claim.spec.get("prompt"))

    async def _run(self, claim: Claim, known: Known, live: Looking, early: Pulling | None) -> str:
        known = dataclasses.replace(known, latents=await _known_latents(self._tools.vault, claim))
        recorder = Recorder(self._tools, claim, known.text, live.looks)
        try:
            await self._drive(claim, known, recorder, live, early)
        except LeaseLostError:
            raise
        except Exception:
            log.exception("a run failed in a way that was not foreseen")
            if recorder.outcome is None:
                await settled(recorder.record(Failed(kind=FailureKind.INTERNAL, words=UNEXPECTED)))
        return recorder.outcome or "LOST"

    async def _drive(
        self, claim: Claim, known: Known, recorder: Recorder, live: Live, early: Pulling | None
    ) -> None:
        chore = self._chores.get(claim.kind)
        if chore is not None:
            ending = await chore.do(claim, recorder.fenced)
            await settled(recorder.record(ending) if isinstance(ending, Failed) else recorder.end(ending))
            return
        key = claim.model_key or ""
        generator = self._models.generator_for(key)
        if generator is None:
            words = f"The model {key!r} is not offered by this server any more. Choose another one."
            await settled(recorder.record(Failed(kind=FailureKind.NO_CHECKPOINT, words=words)))
            return
        spec, found = from_json(claim.kind, claim.spec), self._refused(claim)
        if found is not None:
            words = f"Not made: {found.sentence}"
            await settled(recorder.record(Failed(kind=FailureKind.REJECTED_CONTENT, words=words)))
            return
        events = early or generator.run(spec, known, live)
        try:
            async for event in events:
                if isinstance(event, Downloaded):  # before anybody is told that it is here
                    await asyncio.to_thread(self._models.refresh)
                await settled(recorder.record(event))
        finally:  # nobody else pulls, so the generator rests at a yield or is over: never closed while it runs
            await close(events)
        if recorder.outcome is None:
            raise RuntimeError(f"The generator of {key!r} ended without a final event.")

    async def _begin(self, claim: Claim) -> Known:
        """Say that it runs; the calls and the text that earlier runs left, as they stand behind the fence."""
        async with self._tools.db.begin() as session:
            job = (await begin(session, claim)).job
            calls = () if claim.first else await _known_calls(session, claim)
        if job is None:
            return Known(calls=calls, fence=claim.fence)
        self._tools.board.committed(job.id, job.revision)
        return Known(calls=calls, text=job.text or "", fence=claim.fence)


async def _known_calls(session: AsyncSession, claim: Claim) -> tuple[KnownCall, ...]:
    rows = await session.scalars(
        select(ProviderCall).where(ProviderCall.task_id == claim.task_id).order_by(ProviderCall.id)
    )
    return tuple(
        KnownCall(
            key=call.key,
            provider=call.provider,
            model=call.model,
            provider_id=call.provider_id,
            unknown=call.state is CallState.UNKNOWN,
            ended=call.state in (CallState.SUCCEEDED, CallState.FAILED),
            succeeded=call.state is CallState.SUCCEEDED,
        )
        for call in rows
    )


async def _known_latents(vault: Vault, claim: Claim) -> KnownLatents | None:
    if claim.latents is None or claim.latents_step is None:
        return None
    try:
        data = await vault.read_async(claim.latents)
    except FileMissing:
        log.warning("the saved state is gone; the run begins anew", sha256=claim.latents)
        return None
    return KnownLatents(data=data, step=claim.latents_step)
