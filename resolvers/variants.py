"""Pictures: reading them, and what is said about each beyond its columns."""

import dataclasses
import enum
import uuid
from typing import Any

from sqlalchemy import Select, select

from generators.catalog import Model
from generators.events import FailureKind
from generators.spec import ConditioningKind
from resolvers.context import Info, Parent
from resolvers.identity import Scope, Viewer
from resolvers.inputs import Direction, VariantFilter, VariantOrder
from resolvers.paging import Listing, Order
from resolvers.visible import visible
from store.database.tables import Adapter, File, ImageSource, Job, Subject, Variant, VariantStatus
from store.files import cloudinary
from store.files.marking import SourceType
from store.files.vault import FileMissing
from store.naming import traceable_name

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOFTWARE = "Likeness"
UNSEEN = frozenset({VariantStatus.HELD, VariantStatus.BLOCKED})


class ThumbnailSize(enum.Enum):
    """The box a thumbnail fits into, in pixels a side; pictures are scaled down, never up."""

    PX_256 = "256"
    PX_512 = "512"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """Why something was not made."""

    code: FailureKind
    message: str
    retryable: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Held:
    """One thing by which a subject was held in a picture."""

    kind: ConditioningKind
    weight: float
    source_id: uuid.UUID | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """What the file says about how it was made."""

    made_by_ai: bool
    digital_source_type: str | None
    system: str | None
    system_version: str | None
    software: str | None


def variants_of(viewer: Viewer, filter_by: VariantFilter | None = None) -> Select[Variant]:
    """The viewer's pictures."""
    statement = select(Variant).where(visible(viewer, Variant))
    wanted = filter_by or VariantFilter()
    if wanted.subject_id is not None:
        statement = statement.where(Variant.subject_id == wanted.subject_id)
    if wanted.job_id is not None:
        statement = statement.where(Variant.job_id == wanted.job_id)
    if wanted.status is not None:
        statement = statement.where(Variant.status.in_(wanted.status))
    if wanted.purpose is not None:
        statement = statement.where(Variant.purpose == wanted.purpose)
    if wanted.source is not None:
        statement = statement.where(Variant.source == wanted.source)
    return statement


def variants(
    info: Info, filter_by: VariantFilter | None = None, order_by: VariantOrder | None = None
) -> Listing[Variant]:
    """The list behind `variants`."""
    order = order_by or VariantOrder()
    descending = order.direction is Direction.DESC
    return _by_age(variants_of(info.context.viewer, filter_by), descending=descending)


def variants_of_subject(
    subject: Parent[Subject], info: Info, filter_by: VariantFilter | None = None
) -> Listing[Variant]:
    """The subject's pictures, newest first."""
    statement = variants_of(info.context.viewer, filter_by).where(Variant.subject_id == subject.id)
    return _by_age(statement)


def variants_of_job(job: Parent[Job], info: Info) -> Listing[Variant]:
    """The job's pictures by version number."""
    statement = variants_of(info.context.viewer).where(Variant.job_id == job.id)
    return Listing(statement=statement, order=Order(key=Variant.version_number, id=Variant.id))


async def job_of(variant: Parent[Variant], info: Info) -> Job | None:
    """The job that asked for it."""
    return await info.context.load(Job, variant.job_id)


async def subject_of(row: Parent[Any], info: Info) -> Subject | None:
    """Whom it is about."""
    return await info.context.load(Subject, row.subject_id)


def model_of(variant: Parent[Variant], info: Info) -> Model | None:
    """The catalog row, while there is one."""
    return None if variant.model_key is None else info.context.models.get(variant.model_key)


def failure_of(row: Parent[Any]) -> Failure | None:
    """Why it failed, from the row's three columns."""
    if row.failure_code is None:
        return None
    return Failure(
        code=FailureKind(row.failure_code),
        message=row.failure_message or "",
        retryable=bool(row.failure_retryable),
    )


def conditioning_of(variant: Parent[Variant]) -> list[Held]:
    """How the subject was held, as it was when the picture was made."""
    return [
        Held(
            kind=ConditioningKind(each["kind"]),
            weight=each.get("weight", 1.0),
            source_id=uuid.UUID(each["sourceId"]) if each.get("sourceId") else None,
        )
        for each in variant.conditioning
    ]


async def source_of(held: Parent[Held], info: Info) -> Variant | None:
    """The picture it came from."""
    return await info.context.load(Variant, held.source_id)


async def adapter_of(held: Parent[Held], info: Info) -> Adapter | None:
    """The adapter that was worn."""
    return await info.context.load(Adapter, held.source_id if held.kind is ConditioningKind.LORA else None)


async def url(variant: Parent[Variant], info: Info) -> str | None:
    """Where the picture is: published, or signed and expiring."""
    if variant.cdn_url is not None:
        return variant.cdn_url
    file = await _file(variant, info)
    return None if file is None else info.context.files.signer.address(file.id, "original")


async def thumbnail_url(
    variant: Parent[Variant], info: Info, size: ThumbnailSize = ThumbnailSize.PX_256
) -> str | None:
    """Where a small version is: at Cloudinary where the picture is published there, else here."""
    derived = cloudinary.thumbnail(variant.cdn_url, int(size.value)) if variant.cdn_url else None
    if derived is not None:
        return derived
    file = await _file(variant, info)
    return None if file is None else info.context.files.signer.address(file.id, size.value)


async def download_url(variant: Parent[Variant], info: Info) -> str | None:
    """Where it can be saved from, under its name; the published address once there is one."""
    if variant.cdn_url is not None:
        return variant.cdn_url
    file = await _file(variant, info)
    return None if file is None else info.context.files.signer.download(file.id, _name(variant, file))


async def local_path(variant: Parent[Variant], info: Info) -> str | None:
    """Where the bytes lie on the server's disk, for those who may know."""
    if not info.context.viewer.operator:
        return None
    file = await _file(variant, info)
    try:
        return None if file is None else str(info.context.files.vault.path(file.sha256).resolve())
    except FileMissing:
        return None


async def file_name(variant: Parent[Variant], info: Info) -> str:
    """A traceable name for people."""
    return _name(variant, await _file(variant, info))


async def placeholder(variant: Parent[Variant], info: Info) -> str | None:
    """A thumbhash."""
    file = await _file(variant, info)
    return None if file is None else file.placeholder


async def image_hash(variant: Parent[Variant], info: Info) -> str | None:
    """The bytes' SHA-256."""
    file = await _file(variant, info)
    return None if file is None else file.sha256


async def perceptual_hash(variant: Parent[Variant], info: Info) -> str | None:
    """What looks alike has alike."""
    file = await _file(variant, info)
    return None if file is None else file.perceptual_hash


def provenance(variant: Parent[Variant]) -> Provenance:
    """The marking that the file carries; for an upload, what its maker had said about it."""
    if variant.source is ImageSource.UPLOAD:
        said = variant.parameters.get("markedAsAiByItsMaker") is True
        return Provenance(
            made_by_ai=said, digital_source_type=None, system=None, system_version=None, software=None
        )
    generated = variant.source in {ImageSource.LOCAL, ImageSource.CLOUD}
    edited = any(each["kind"] == ConditioningKind.INIT_IMAGE.value for each in variant.conditioning)
    source_type = SourceType.COMPOSITE if edited else SourceType.GENERATED
    return Provenance(
        made_by_ai=generated,
        digital_source_type=IPTC + source_type if generated else None,
        system=variant.model_key,
        system_version=variant.model_version,
        software=SOFTWARE if generated else None,
    )


def _by_age(statement: Select[Variant], *, descending: bool = True) -> Listing[Variant]:
    order = Order(key=Variant.created_at, id=Variant.id, descending=descending)
    return Listing(statement=statement, order=order)


async def _file(variant: Variant, info: Info) -> File | None:
    """Its file; None while it is not made, and for all but reviewers while it is held or blocked."""
    if variant.status in UNSEEN and not info.context.viewer.may(Scope.REVIEW):
        return None
    return await info.context.load(File, variant.file_id)


def _name(variant: Variant, file: File | None) -> str:
    return traceable_name(variant, file.media_type if file else None)
