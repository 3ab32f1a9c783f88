"""The end of a picture's making: marked, looked at, kept, and its variant a DRAFT."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Mapping
from typing import Any

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from executor import likeness
from executor.approving import approve_if_good
from executor.content.guard import Guard, spoken
from executor.likeness import Likeness, Measuring
from executor.looking import Render
from executor.models import Models
from executor.publishing import PUBLISHABLE, Places
from generators.catalog import Provider
from generators.events import ImageMade
from generators.judge import Judge, Verdict
from generators.spec import Conditioning, ConditioningKind
from store import publications
from store.database.tables import AuditEntry, ImageSource, Variant, VariantPurpose, VariantStatus
from store.drafts import take_in
from store.files.containers import MediaType
from store.files.marking import Facts, mark
from store.files.quick_looks import Renditions
from store.files.vault import Vault
from store.naming import traceable_name
from store.pictures import Picture, keep_picture, store_while_looking
from store.queue import Claim, Held, finish

AUTO_PUBLISH = "autoPublish"
_SHOWN = ("prompt", "negative_prompt", "width", "height", "seed", "guidance", "determinism", "quality")
_NAMES = {"negative_prompt": "negativePrompt"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Means:
    """What pictures are finished with. `render` makes the quick looks (`Decoder.render` in the server)."""

    vault: Vault
    models: Models
    render: Render
    places: Places = dataclasses.field(default_factory=Places)
    judge: Judge | None = None
    guard: Guard = dataclasses.field(default_factory=Guard)
    measuring: Measuring | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ready:
    """A picture whose bytes are kept. Without a verdict its quality could not be measured.

    Without a `held_reason` nobody need look at it first.
    """

    picture: Picture
    verdict: Verdict | None = None
    held_reason: str | None = None
    likeness: Likeness | None = None

    def quality(self, variant: Variant) -> float | None:
        """0..1, as what the picture is for."""
        return (
            None if self.verdict is None else self.verdict.quality(of_subject=variant.subject_id is not None)
        )


class Finisher:
    """Keeps finished pictures."""

    def __init__(self, means: Means) -> None:
        self._vault = means.vault
        self._models = means.models
        self.render = means.render
        self._places = means.places
        self._judge = means.judge
        self._guard = means.guard
        self._measuring = means.measuring

    async def prepare(
        self, event: ImageMade, claim: Claim, looks: Awaitable[Renditions] | None = None
    ) -> Ready:
        """Judge a finished picture and put it into the vault, with its mark and its quick looks.

        `looks` = those, where they are in the making already.
        """
        words = [claim.spec.get("prompt"), claim.spec.get("negative_prompt")]
        reason = await self._guard.reason_to_hold(words, event.data, event.media_type)
        ready = await self._judged(event, claim, looks)
        return dataclasses.replace(ready, held_reason=reason, likeness=await self._measured(event, claim))

    async def _judged(self, event: ImageMade, claim: Claim, looks: Awaitable[Renditions] | None) -> Ready:
        picture = await self._store(event, claim, looks)
        if self._judge is None or self._source(event.facts.model) is ImageSource.STOCK:
            return Ready(picture=picture)
        prompt = str(claim.spec.get("prompt") or "")
        return Ready(picture=picture, verdict=await self._judge.judge(event.data, prompt))

    async def _measured(self, event: ImageMade, claim: Claim) -> Likeness | None:
        if self._measuring is None or self._source(event.facts.model) is ImageSource.STOCK:
            return None
        return await self._measuring.measure(claim, event.facts.model, event.data)

    async def _store(self, event: ImageMade, claim: Claim, looks: Awaitable[Renditions] | None) -> Picture:
        """Mark the picture "made by AI" unless a photographer made it, make its quick looks, put all into the vault."""
        media_type = MediaType(event.media_type)
        if self._source(event.facts.model) is ImageSource.STOCK:
            return await store_while_looking(self._vault, event.data, media_type, self.render(event.data))
        composite = any(item.kind is ConditioningKind.INIT_IMAGE for item in event.facts.conditioning)
        facts = Facts(
            parameters=parameters_of(event, claim.spec),
            composite=composite,
            system=event.facts.model,
            system_version=event.facts.model_version,
        )
        marked = await asyncio.to_thread(mark, event.data, media_type, facts)
        return await store_while_looking(self._vault, marked, media_type, looks or self.render(marked))

    async def keep(self, session: AsyncSession, held: Held, event: ImageMade, ready: Ready) -> Variant:
        """Write the rows: file, variant, task, job, subject or post; the picture's row."""
        variant, picture = held.variant, ready.picture
        if variant is None:
            raise ValueError("A picture was made for a task without a variant.")
        file = await keep_picture(session, variant.owner_id, picture)
        variant.file_id = file.id
        self._describe(variant, event, held.task.spec)
        variant.width, variant.height = picture.width, picture.height
        variant.quality = ready.quality(variant)
        variant.held_reason = ready.held_reason or self._held_with(held)
        await likeness.keep(session, variant, ready.likeness)
        variant.status = VariantStatus.DRAFT if variant.held_reason is None else VariantStatus.HELD
        variant.finished_at = func.clock()
        if variant.status is VariantStatus.DRAFT:
            await take_in(session, variant)
        await approve_if_good(session, held)
        await self._publish_at_once(session, held, variant)
        await finish(session, held)
        if event.facts.duration_ms:
            self._models.measured(event.facts.model, event.facts.duration_ms / 1000)
        return variant

    def _held_with(self, held: Held) -> str | None:
        """Why the text that the picture goes with makes it wait: an article is published with its picture."""
        text = held.job.text if held.job is not None else None
        return self._guard.holds(spoken(text)) if text else None

    async def copy(self, variant: Variant, ready: Ready) -> None:
        """After the commit: a copy under the traceable name, for people."""
        picture = ready.picture
        if not self._vault.exists(picture.stored.sha256):  # published and let go of by now
            return
        path = self._vault.path(picture.stored.sha256)
        name = traceable_name(variant, picture.media_type.value)
        base_image = variant.purpose is VariantPurpose.BASE_IMAGE
        await self._places.copies.keep(path, name, base_image=base_image)

    async def _publish_at_once(self, session: AsyncSession, held: Held, variant: Variant) -> None:
        """Where the job asked for it. The picture stays a DRAFT until it is published."""
        if held.job is None or not held.job.request.get("auto_publish"):
            return
        if variant.status in PUBLISHABLE and variant.purpose is not VariantPurpose.BASE_IMAGE:
            order = publications.Order(
                variant=variant,
                target=self._places.publish_to,
                title=f"Publish {held.job.title}",
                request_id=held.job.request_id,
            )
            _, fresh = await publications.publish(session, order)
            if not fresh:
                return
            session.add(
                AuditEntry(
                    owner_id=variant.owner_id,
                    actor=AUTO_PUBLISH,
                    action="variant.published",
                    object_id=variant.id,
                    object_type="Variant",
                    request_id=held.job.request_id,
                    details={"target": self._places.publish_to, "job": str(held.job.id)},
                )
            )

    def _describe(self, variant: Variant, event: ImageMade, spec: Mapping[str, Any]) -> None:
        facts = event.facts
        variant.source = self._source(facts.model)
        variant.model_key = facts.model
        variant.model_version = facts.model_version
        variant.parameters = {**variant.parameters, **parameters_of(event, spec)}
        variant.conditioning = [conditioning_json(item) for item in facts.conditioning]
        variant.seed = facts.seed if facts.seed is not None else variant.seed
        variant.generation_time_ms = facts.duration_ms
        if variant.composed_prompt is None:
            variant.composed_prompt = spec.get("prompt")
        if facts.cost is not None:
            variant.cost_usd = facts.cost
        variant.provider_job_id = facts.provider_job_id or variant.provider_job_id
        variant.fallback_from = facts.fallback_from
        attribution = facts.parameters.get("attribution")
        if isinstance(attribution, dict):
            variant.attribution = attribution

    def _source(self, key: str) -> ImageSource:
        model = self._models.get(key)
        if model is None or model.provider is Provider.LOCAL:
            return ImageSource.LOCAL
        return ImageSource.STOCK if model.provider is Provider.PEXELS else ImageSource.CLOUD


def parameters_of(event: ImageMade, spec: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for and what really ran, as shown to users and written into the file; no times, no ids."""
    asked = {_NAMES.get(name, name): spec[name] for name in _SHOWN if spec.get(name) is not None}
    ran: dict[str, Any] = {"model": event.facts.model, "steps": event.facts.steps}
    if event.facts.seed is not None:
        ran["seed"] = event.facts.seed
    return {**asked, **ran, **event.facts.parameters}


def conditioning_json(item: Conditioning) -> dict[str, Any]:
    """One conditioning as the variant keeps it."""
    return {"kind": item.kind.value, "weight": item.weight, "sourceId": item.source_id}
