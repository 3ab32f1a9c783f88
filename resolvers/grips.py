"""What there is to hold a subject by: its approved picture, its adapters, its seed, and what the caller names."""

import dataclasses
import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from generators.spec import Conditioning, ConditioningKind, FileRef
from resolvers.identity import Viewer
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import missing
from resolvers.visible import visible
from store.database.tables import Adapter, BaseImageStatus, Character, File, Subject, Upload, Variant

MOST_WAYS = 8
NOBODY = "There is nobody to hold: give `subjectId` with `conditioning`."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """One way to hold that is asked for; see `ConditioningInput`."""

    kind: ConditioningKind | None = None
    weight: float | None = None
    variant_id: uuid.UUID | None = None
    adapter_id: uuid.UUID | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grip:
    """What there is to hold a subject by.

    `picture` shows the look, `adapter` is the active one. `seed` = the character's own; `references` are uploads.
    `pictures` and `adapters` are those that the asked ways name. With a `mask` a part of a picture is painted anew.
    """

    subject: Subject | None = None
    picture: Conditioning | None = None
    adapter: Adapter | None = None
    seed: int | None = None
    references: tuple[Conditioning, ...] = ()
    pictures: Mapping[uuid.UUID, Conditioning] = dataclasses.field(default_factory=dict)
    adapters: Mapping[uuid.UUID, Adapter] = dataclasses.field(default_factory=dict)
    mask: FileRef | None = None

    @property
    def locked(self) -> bool:
        """Whether the look is fixed."""
        return self.subject is not None and self.subject.appearance_locked

    @property
    def own_adapters(self) -> list[Adapter]:
        """The subject's, of those that are known here."""
        known = [*self.adapters.values(), *([self.adapter] if self.adapter is not None else [])]
        return [one for one in known if self.subject is not None and one.subject_id == self.subject.id]


async def grip(
    session: AsyncSession,
    viewer: Viewer,
    subject: Subject | None,
    asked: Sequence[Way],
    upload_ids: Sequence[uuid.UUID] = (),
) -> Grip:
    """Find it; raises Refused for a picture, an adapter or an upload that the viewer does not have."""
    if len(asked) > MOST_WAYS:
        words = f"Give at most {MOST_WAYS} ways to hold the subject; got {len(asked)}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("conditioning",))
    uploads = await references(session, viewer, upload_ids, "referenceUploadIds")
    adapters = await _adapters(session, viewer, [way.adapter_id for way in asked if way.adapter_id])
    if subject is None:
        if any(way.adapter_id is None and (way.kind or way.variant_id) for way in asked):
            raise Refused(UserErrorCode.INVALID_INPUT, NOBODY, ("conditioning",))
        return Grip(references=uploads, adapters=adapters)
    active = None
    if subject.active_adapter_id is not None:
        active = await session.get(Adapter, subject.active_adapter_id)
    named = [way.variant_id for way in asked if way.variant_id]
    approved = subject.base_image_status is BaseImageStatus.APPROVED
    base = subject.base_image_id if approved else None
    shown = await pictures(session, subject, [*named, *([base] if base is not None else [])])
    return Grip(
        subject=subject,
        picture=shown[base] if base is not None else None,
        adapter=active,
        seed=subject.reference_seed if isinstance(subject, Character) else None,
        references=uploads,
        pictures=shown,
        adapters=adapters,
    )


async def pictures(
    session: AsyncSession, subject: Subject, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Conditioning]:
    """Pictures of the subject by id; raises Refused NOT_FOUND for one that is none, or not finished."""
    if not ids:
        return {}
    statement = (
        select(Variant.id, File)
        .join(File, File.id == Variant.file_id)
        .where(Variant.id.in_(ids), Variant.subject_id == subject.id)
    )
    found = {row[0]: _of_file(row[1], row[0]) for row in (await session.execute(statement)).all()}
    if any(key not in found for key in ids):
        raise missing(Variant, "conditioning")
    return found


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


async def _adapters(
    session: AsyncSession, viewer: Viewer, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Adapter]:
    if not ids:
        return {}
    rows = await session.scalars(select(Adapter).where(Adapter.id.in_(ids), visible(viewer, Adapter)))
    found = {row.id: row for row in rows}
    if any(key not in found for key in ids):
        raise missing(Adapter, "conditioning")
    return found


def _of_file(file: File, source_id: uuid.UUID) -> Conditioning:
    ref = FileRef(sha256=file.sha256, size=file.size, media_type=file.media_type)
    return Conditioning(kind=ConditioningKind.REFERENCE_IMAGE, file=ref, source_id=str(source_id))
