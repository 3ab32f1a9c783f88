"""What a training leaves: the adapter and its bytes, and the pictures it made on its way. Knows no generator.

Samples are variants of the training's job (SCENE, DRAFT, held by the adapter as it was at that step), so they are
seen, held, kept, rated and thrown away like any other picture.
"""

import asyncio
import dataclasses

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from executor.content.guard import Guard
from executor.looking import Render
from executor.models import Models
from generators.catalog import Provider
from generators.events import AdapterMade, SampleMade
from generators.spec import ConditioningKind
from store.database.ids import new_id
from store.database.tables import (
    Adapter,
    ImageSource,
    Job,
    Task,
    Variant,
    VariantPurpose,
    VariantStatus,
)
from store.files.containers import MediaType
from store.files.marking import Facts, mark
from store.files.vault import StoredFile, Vault
from store.pictures import Picture, keep_picture, store_while_looking
from store.queue import Claim, Held, finish, revise

TRAINED = "An adapter was trained. Activate it with activateAdapter."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample in the vault. `held_reason`: why it must wait for a reviewer."""

    picture: Picture
    held_reason: str | None


class Trained:
    """Writes the rows of trainings."""

    def __init__(self, vault: Vault, models: Models, render: Render, guard: Guard) -> None:
        self._vault = vault
        self._models = models
        self._render = render
        self._guard = guard

    async def prepare(self, event: SampleMade, claim: Claim) -> Sample:
        """Mark a sample "made by AI", make its quick looks, put all into the vault; ask whether it must wait."""
        words = [f"{claim.spec.get('trigger', '')} {claim.spec.get('class_prompt', '')}"]
        reason = await self._guard.reason_to_hold(words, event.data, event.media_type)
        media_type = MediaType(event.media_type)
        parameters = {"trainingStep": event.step, "trigger": claim.spec.get("trigger")}
        facts = Facts(parameters=parameters, system=claim.model_key)
        marked = await asyncio.to_thread(mark, event.data, media_type, facts)
        picture = await store_while_looking(self._vault, marked, media_type, self._render(marked))
        return Sample(picture=picture, held_reason=reason)

    async def keep_adapter(
        self, session: AsyncSession, held: Held, event: AdapterMade, stored: StoredFile
    ) -> Adapter:
        """The adapter's row and the end of its task; its bytes lie in the vault already."""
        job, spec = held.job, held.task.spec
        if job is None or job.subject_id is None:
            raise ValueError("An adapter was trained for nobody.")
        model = self._models.get(event.model)
        provider = model.provider if model is not None else Provider.LOCAL
        version = event.parameters.get("version")
        adapter = Adapter(
            id=new_id(),
            owner_id=job.owner_id,
            subject_id=job.subject_id,
            job_id=job.id,
            base_model_key=event.model,
            provider=provider.value,
            provider_version=version if isinstance(version, str) else None,
            sha256=stored.sha256,
            size=stored.size,
            rank=event.rank,
            trigger=spec.get("trigger", ""),
            training_images=len(spec.get("images", ())),
            parameters=dict(event.parameters),
        )
        session.add(adapter)
        job.message = TRAINED
        await finish(session, held)
        return adapter

    async def keep_sample(
        self, session: AsyncSession, held: Held, event: SampleMade, sample: Sample
    ) -> Variant:
        """The sample's row: a new one, or the one of an earlier run that came to this step."""
        job = held.job
        if job is None:
            raise ValueError("A sample was made for no job.")
        file = await keep_picture(session, job.owner_id, sample.picture)
        earlier = await session.scalars(
            select(Variant).where(Variant.job_id == job.id).order_by(Variant.version_number)
        )
        known = list(earlier)
        variant = next((one for one in known if one.parameters.get("trainingStep") == event.step), None)
        if variant is None:
            variant = _sample(job, held.task, event, len(known) + 1)
            variant.held_reason = sample.held_reason
            variant.status = VariantStatus.DRAFT if sample.held_reason is None else VariantStatus.HELD
            session.add(variant)
        variant.file_id = file.id
        variant.width, variant.height = sample.picture.width, sample.picture.height
        held.task.advanced = True
        revise(session, job)
        return variant


def _sample(job: Job, task: Task, event: SampleMade, number: int) -> Variant:
    spec = task.spec
    return Variant(
        id=new_id(),
        owner_id=job.owner_id,
        job_id=job.id,
        subject_id=job.subject_id,
        purpose=VariantPurpose.SCENE,
        version_number=number,
        status=VariantStatus.DRAFT,
        source=ImageSource.LOCAL,
        model_key=task.model_key,
        original_prompt=f"{spec.get('trigger', '')} {spec.get('class_prompt', '')}".strip(),
        parameters={"trainingStep": event.step},
        conditioning=[{"kind": ConditioningKind.LORA.value, "weight": 1.0, "sourceId": None}],
        seed=spec.get("seed"),
        finished_at=func.clock(),
    )
