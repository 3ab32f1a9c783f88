"""By what a subject is held in a picture: the strongest way that the model offers, or the one that was asked for.

What there is to hold by is found once (`Grip`); what a model can do of it is decided for each model.
"""

import dataclasses
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from generators.catalog import Capability, Model, Provider
from generators.spec import Conditioning, ConditioningKind, FileRef
from resolvers.identity import Viewer
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import missing
from resolvers.visible import visible
from resolvers.wishes import Wish
from store.database.tables import Adapter, BaseImageStatus, Character, File, Subject, Upload, Variant

USUAL = {
    ConditioningKind.LORA: 1.0,
    ConditioningKind.IP_ADAPTER: 0.7,
    ConditioningKind.REFERENCE_IMAGE: 1.0,
    ConditioningKind.INIT_IMAGE: 0.3,
    ConditioningKind.CONTROLNET: 1.0,
}
"""The usual weights; more of an initial picture would repeat its pose and background."""
HEAVIEST = 2.0
ADAPTER_TYPE = "application/octet-stream"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grip:
    """What there is to hold a subject by. `seed` = the character's own; `references` are uploads."""

    subject: Subject | None = None
    picture: Conditioning | None = None
    adapter: Adapter | None = None
    seed: int | None = None
    references: tuple[Conditioning, ...] = ()


async def grip(session: AsyncSession, viewer: Viewer, subject: Subject | None, wish: Wish) -> Grip:
    """Find it; raises Refused for a picture or an upload that the viewer does not have."""
    uploads = await references(session, viewer, wish.reference_upload_ids or (), "referenceUploadIds")
    if subject is None:
        if wish.conditioning_kind is not None or wish.conditioning_variant_id is not None:
            words = "There is nobody to hold: give `subjectId` with `conditioning`."
            raise Refused(UserErrorCode.INVALID_INPUT, words, ("conditioning",))
        return Grip(references=uploads)
    adapter = None
    if subject.active_adapter_id is not None:
        adapter = await session.get(Adapter, subject.active_adapter_id)
    return Grip(
        subject=subject,
        picture=await _picture(session, subject, wish.conditioning_variant_id),
        adapter=adapter,
        seed=subject.reference_seed if isinstance(subject, Character) else None,
        references=uploads,
    )


def conditioning(model: Model, held: Grip, wish: Wish, *, by_seed: bool) -> tuple[Conditioning, ...]:
    """By what that model holds the subject; raises Refused for a way that it does not offer."""
    chosen: list[Conditioning] = []
    if held.subject is not None:
        chosen.append(Conditioning(kind=ConditioningKind.PROMPT))
        if by_seed and Capability.SEED in model.capabilities:
            chosen.append(Conditioning(kind=ConditioningKind.SEED))
        strongest = _strongest(model, held, wish)
        if strongest is not None:
            chosen.append(strongest)
    return (*chosen, *_given(model, held, chosen))


def _strongest(model: Model, held: Grip, wish: Wish) -> Conditioning | None:
    offered = _offered(model, held)
    wanted = wish.conditioning_kind
    if wanted in {ConditioningKind.PROMPT, ConditioningKind.SEED}:
        return None
    if wanted is None:
        found = next(iter(offered.values()), None)
    else:
        found = offered.get(wanted)
        if found is None:
            raise _cannot(model, held, wanted, offered)
    if found is None or wish.conditioning_weight is None:
        return found
    heaviest = 1.0 if found.kind is ConditioningKind.INIT_IMAGE else HEAVIEST
    if not 0 <= wish.conditioning_weight <= heaviest:
        words = f"The weight of {found.kind.value} must be between 0 and {heaviest:g}; got {wish.conditioning_weight}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("conditioning", "weight"))
    return dataclasses.replace(found, weight=wish.conditioning_weight)


def _offered(model: Model, held: Grip) -> dict[ConditioningKind, Conditioning]:
    """Every way the model offers for this subject, the strongest first."""
    ways: dict[ConditioningKind, Conditioning] = {}
    adapter, can = held.adapter, model.capabilities
    if (
        adapter is not None
        and Capability.LORA in can
        and adapter.base_model_key == model.key
        and adapter.sha256
    ):
        file = FileRef(sha256=adapter.sha256, size=adapter.size or 0, media_type=ADAPTER_TYPE)
        lora = ConditioningKind.LORA
        ways[lora] = Conditioning(kind=lora, weight=USUAL[lora], file=file, source_id=str(adapter.id))
    if held.picture is not None:
        kinds = (
            (Capability.REFERENCE_IMAGES, _reference_kind(model)),
            (Capability.IMAGE_TO_IMAGE, ConditioningKind.INIT_IMAGE),
            (Capability.CONTROLNET, ConditioningKind.CONTROLNET),
        )
        for capability, kind in kinds:
            if capability in can:
                ways[kind] = dataclasses.replace(held.picture, kind=kind, weight=USUAL[kind])
    return ways


def _given(model: Model, held: Grip, chosen: Sequence[Conditioning]) -> tuple[Conditioning, ...]:
    """The uploaded references as this model takes them."""
    if not held.references:
        return ()
    if Capability.REFERENCE_IMAGES in model.capabilities:
        kind = _reference_kind(model)
        return tuple(dataclasses.replace(one, kind=kind, weight=USUAL[kind]) for one in held.references)
    begun = any(one.kind is ConditioningKind.INIT_IMAGE for one in chosen)
    if Capability.IMAGE_TO_IMAGE in model.capabilities and len(held.references) == 1 and not begun:
        kind = ConditioningKind.INIT_IMAGE
        return (dataclasses.replace(held.references[0], kind=kind, weight=USUAL[kind]),)
    words = f"{model.name} takes no reference pictures besides the one it begins with."
    raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("referenceUploadIds",))


def _reference_kind(model: Model) -> ConditioningKind:
    """A checkpoint here looks at references through an adapter, a hosted model by itself."""
    return (
        ConditioningKind.IP_ADAPTER if model.provider is Provider.LOCAL else ConditioningKind.REFERENCE_IMAGE
    )


def _cannot(
    model: Model, held: Grip, wanted: ConditioningKind, offered: dict[ConditioningKind, Conditioning]
) -> Refused:
    if held.picture is None and wanted is not ConditioningKind.LORA:
        words = "There is no approved base image to hold the subject by. Approve one, or name a `variantId`."
        return Refused(UserErrorCode.NO_BASE_IMAGE, words, ("conditioning",))
    ways = ", ".join(["PROMPT", *(kind.value for kind in offered)])
    words = f"{model.name} cannot hold this subject by {wanted.value}. It can by: {ways}."
    return Refused(UserErrorCode.NOT_SUPPORTED, words, ("conditioning", "kind"))


async def _picture(
    session: AsyncSession, subject: Subject, variant_id: uuid.UUID | None
) -> Conditioning | None:
    """The picture that shows the look: the one that is named, else the approved base image."""
    wanted = variant_id
    if wanted is None and subject.base_image_status is BaseImageStatus.APPROVED:
        wanted = subject.base_image_id
    if wanted is None:
        return None
    statement = (
        select(Variant.id, File)
        .join(File, File.id == Variant.file_id)
        .where(Variant.id == wanted, Variant.subject_id == subject.id)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise missing(Variant, "conditioning")
    return _of_file(row[1], row[0])


async def references(
    session: AsyncSession, viewer: Viewer, upload_ids: Sequence[uuid.UUID], field: str
) -> tuple[Conditioning, ...]:
    """The viewer's uploads in their order, each once; raises Refused NOT_FOUND naming the field."""
    if not upload_ids:
        return ()
    statement = (
        select(Upload.id, File)
        .join(File, File.id == Upload.file_id)
        .where(Upload.id.in_(upload_ids), visible(viewer, Upload))
    )
    files = {row[0]: row[1] for row in (await session.execute(statement)).all()}
    if len(files) < len(set(upload_ids)):
        raise missing(Upload, field)
    return tuple(_of_file(files[key], key) for key in dict.fromkeys(upload_ids))


def _of_file(file: File, source_id: uuid.UUID) -> Conditioning:
    ref = FileRef(sha256=file.sha256, size=file.size, media_type=file.media_type)
    return Conditioning(kind=ConditioningKind.REFERENCE_IMAGE, file=ref, source_id=str(source_id))
