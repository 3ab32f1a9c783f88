"""Refining a base image: which picture is gone on from, and by what it holds the next one."""

import dataclasses
import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from generators.catalog import Capability, Model
from generators.spec import Conditioning, ConditioningKind, FileRef
from resolvers import choosing, grips, holding, masks, wishes
from resolvers.context import Context
from resolvers.inputs import GenerateBaseImageInput
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import missing
from store.database.tables import BaseImageStatus, Subject, Variant, VariantPurpose

USUAL = {
    ConditioningKind.IP_ADAPTER: 0.3,
    ConditioningKind.INIT_IMAGE: 0.5,
    ConditioningKind.CONTROLNET: 0.6,
}
"""Half of the draft is kept, with who it shows where an adapter sees that, and its edges where there is a ControlNet;
other models look at it as they can. Without the adapter a new seed decides anew what the prompt leaves open, and half
of that is mixed into the draft: one eye of either colour.
"""


async def start(session: AsyncSession, subject: Subject, asked: GenerateBaseImageInput) -> Variant | None:
    """The picture to refine, None = begin anew."""
    if asked.from_scratch:
        if asked.refine_from is not None:
            words = "Give `refineFrom` or `fromScratch: true`, not both."
            raise Refused(UserErrorCode.INVALID_INPUT, words, ("refineFrom",))
        return None
    if asked.refine_from is not None:
        return await _version(session, subject, asked.refine_from)
    if subject.base_image_status is not BaseImageStatus.DRAFT or subject.base_image_id is None:
        return None
    return await _version(session, subject, subject.base_image_id)


async def _version(session: AsyncSession, subject: Subject, variant_id: uuid.UUID) -> Variant:
    variant = await session.scalar(
        select(Variant).where(
            Variant.id == variant_id,
            Variant.subject_id == subject.id,
            Variant.purpose == VariantPurpose.BASE_IMAGE,
        )
    )
    if variant is None:
        raise missing(Variant, "refineFrom")
    if variant.file_id is None:
        words = f"Version {variant.version_number} has no picture to refine; it is {variant.status.value}."
        raise Refused(UserErrorCode.INVALID_STATE, words, ("refineFrom",))
    return variant


async def held_by(
    context: Context,
    session: AsyncSession,
    model: Model,
    about: tuple[Subject, Variant, GenerateBaseImageInput, FileRef | None],
) -> tuple[Conditioning, ...]:
    """By what the picture holds the one that refines it, or of which the mask's part is painted anew.

    Raises:
        Refused: the model does not offer it.
    """
    subject, begun, asked, mask = about
    ways = wishes.ways(asked.conditioning or ())
    held = await grips.grip(session, context.viewer, subject, ways)
    draft = (await grips.pictures(session, subject, [begun.id]))[begun.id]
    if ways:
        chosen = holding.ways(model, dataclasses.replace(held, picture=draft, mask=mask), ways)
        if mask is not None:
            masks.require_picture(chosen)
        return chosen
    pictured = holding.pictured(model, draft, masked=mask is not None)
    weights = USUAL
    if mask is not None:  # the draft's edges would draw again what is to change
        weights = {**USUAL, **masks.USUAL}
        del weights[ConditioningKind.CONTROLNET]
    if not pictured:
        choosing.require(
            model, Capability.IMAGE_TO_IMAGE, "refine a picture (`fromScratch: true` begins anew)", "model"
        )
    usual = [
        dataclasses.replace(pictured[kind], weight=weight)
        for kind, weight in weights.items()
        if kind in pictured
    ]
    return tuple(usual or pictured.values())
