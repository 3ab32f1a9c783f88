"""Approval without a person: a finished picture that reaches every threshold its job set.

Off unless the job asked for it. A score that could not be measured never approves, and the audit log keeps the
scores either way. Knows rows; measures nothing itself.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from store import base_image
from store.base_image import Move
from store.database.tables import AuditEntry, Variant, VariantPurpose, VariantStatus
from store.outbox import WebhookEvent, tell
from store.queue import Held

ACTOR = "autoApprove"
THRESHOLDS = {"min_quality": "quality", "min_likeness": "likeness"}


async def approve_if_good(session: AsyncSession, held: Held) -> bool:
    """Decide on a held task's finished picture, before the task is ended; whether it was approved.

    A base image is approved only while no other one is: of several candidates the first good one is taken.
    """
    job, variant = held.job, held.variant
    if job is None or variant is None:
        return False
    wanted = {name: job.request[name] for name in THRESHOLDS if job.request.get(name) is not None}
    if not wanted or variant.status is not VariantStatus.DRAFT:
        return False
    good = reaches(variant, wanted)
    approved = good and await _approve(session, variant)
    session.add(_entry(held, variant, wanted, approved=approved))
    return approved


def reaches(variant: Variant, wanted: Mapping[str, float]) -> bool:
    """Whether every score that is wanted was measured and is high enough."""
    scores = {name: getattr(variant, THRESHOLDS[name]) for name in wanted}
    return all(score is not None and score >= wanted[name] for name, score in scores.items())


async def _approve(session: AsyncSession, variant: Variant) -> bool:
    if variant.purpose is VariantPurpose.BASE_IMAGE and variant.subject_id is not None:
        subject = await base_image.lock(session, variant.subject_id)
        if subject is None or not base_image.allowed(subject.base_image_status, Move.APPROVED):
            return False
        base_image.approve(subject, variant)
        told = {"subjectId": str(subject.id), "variantId": str(variant.id), "name": subject.name}
        await tell(session, subject.owner_id, WebhookEvent.BASE_IMAGE_APPROVED, f"{variant.id}", told)
        return True
    variant.status = VariantStatus.APPROVED
    variant.approved_at = func.clock()
    return True


def _entry(held: Held, variant: Variant, wanted: Mapping[str, float], *, approved: bool) -> AuditEntry:
    details: dict[str, Any] = {
        "approved": approved,
        "quality": variant.quality,
        "likeness": variant.likeness,
        **{"minQuality" if name == "min_quality" else "minLikeness": value for name, value in wanted.items()},
    }
    return AuditEntry(
        owner_id=variant.owner_id,
        actor=ACTOR,
        action="variant.auto_approved" if approved else "variant.not_auto_approved",
        object_id=variant.id,
        object_type="Variant",
        request_id=held.task.request_id,
        details=details,
    )
