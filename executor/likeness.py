"""How alike a finished picture is to the look that must stay: measured before its rows are written.

`likeness` is the cosine of two embeddings of one encoder, 0..1: pictures that point apart count as 0, the same bytes
as 1. It is to the subject's approved base image; while there is none, to the picture that was refined. Whatever
cannot be measured is None and stops nothing.
"""

import dataclasses
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from executor.patience import persistently
from generators.encoder import Encoders, ImageEncoder
from generators.spec import ConditioningKind
from store.database.sessions import Database
from store.database.tables import BaseImageStatus, Embedding, File, Subject, Variant
from store.files.vault import FileMissing, Vault
from store.queue import Claim

log = structlog.get_logger(__name__)
Vector = tuple[float, ...]
MADE_FROM = frozenset(
    kind.value
    for kind in (
        ConditioningKind.INIT_IMAGE,
        ConditioningKind.REFERENCE_IMAGE,
        ConditioningKind.IP_ADAPTER,
    )
)
"""How a model is shown the picture that it refines; hosted ones take it as a reference."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Likeness:
    """What was measured. `reference` = the picture it was compared with and its vector, None = there was none."""

    encoder: str
    vector: Vector
    reference: tuple[uuid.UUID, Vector] | None = None

    @property
    def score(self) -> float | None:
        """0..1; None without a picture to compare with."""
        return None if self.reference is None else cosine(self.vector, self.reference[1])


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Reference:
    """The picture to compare with; `vector` None = it has not been embedded by this encoder yet."""

    variant_id: uuid.UUID
    sha256: str
    vector: Vector | None


class Measuring:
    """Measures finished pictures; without `encoders` nothing is."""

    def __init__(self, db: Database, vault: Vault, encoders: Encoders | None) -> None:
        self._db = db
        self._vault = vault
        self._encoders = encoders

    async def measure(self, claim: Claim, model: str, picture: bytes) -> Likeness | None:
        """Compare a finished picture of a claimed task; None when no encoder sees it."""
        encoder = None if self._encoders is None else self._encoders.encoder_for(model)
        if encoder is None:
            return None
        try:
            return await self._measure(encoder, claim, picture)
        except (OSError, ValueError, RuntimeError):
            log.exception("the likeness of a picture could not be measured")
            return None

    async def _measure(self, encoder: ImageEncoder, claim: Claim, picture: bytes) -> Likeness | None:
        vector = await encoder.embed(picture)
        if vector is None:
            return None
        found = await persistently(lambda: self._reference(claim, encoder.key))
        reference = None if found is None else await self._embedded(encoder, found)
        return Likeness(encoder=encoder.key, vector=vector, reference=reference)

    async def _embedded(self, encoder: ImageEncoder, found: _Reference) -> tuple[uuid.UUID, Vector] | None:
        if found.vector is not None:
            return found.variant_id, found.vector
        try:
            data = await self._vault.read_async(found.sha256)
        except FileMissing:
            return None
        vector = await encoder.embed(data)
        return None if vector is None else (found.variant_id, vector)

    async def _reference(self, claim: Claim, encoder: str) -> _Reference | None:
        async with self._db.session() as session:
            variant_id = await _compared_with(session, claim)
            if variant_id is None:
                return None
            row = (
                await session.execute(
                    select(File.sha256, Embedding.vector)
                    .select_from(Variant)
                    .join(File, File.id == Variant.file_id)
                    .outerjoin(
                        Embedding, (Embedding.variant_id == Variant.id) & (Embedding.encoder == encoder)
                    )
                    .where(Variant.id == variant_id)
                )
            ).one_or_none()
        if row is None:
            return None
        vector = None if row.vector is None else tuple(float(each) for each in row.vector)
        return _Reference(variant_id=variant_id, sha256=row.sha256, vector=vector)


_KEEP = text("""
INSERT INTO embeddings (variant_id, encoder, owner_id, vector)
SELECT id, :encoder, owner_id, CAST(:vector AS vector) FROM variants WHERE id = :variant FOR KEY SHARE
ON CONFLICT (variant_id, encoder) DO UPDATE SET vector = excluded.vector
""")


async def keep(session: AsyncSession, variant: Variant, measured: Likeness | None) -> None:
    """Write down what was measured; call it before anything is decided by `variant.likeness`."""
    if measured is None:
        return
    variant.likeness = measured.score
    vectors = {variant.id: measured.vector}
    if measured.reference is not None:
        vectors.setdefault(*measured.reference)
    for variant_id, vector in vectors.items():
        written = "[" + ",".join(map(repr, vector)) + "]"
        await session.execute(_KEEP, {"variant": variant_id, "encoder": measured.encoder, "vector": written})


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two unit vectors of the same length, 0..1; less than 0 counts as 0."""
    return min(1.0, max(0.0, sum(a * b for a, b in zip(one, other, strict=True))))


async def _compared_with(session: AsyncSession, claim: Claim) -> uuid.UUID | None:
    """The subject's approved base image, else the picture that this one was made from."""
    approved: Any = (
        select(Subject.base_image_id)
        .join(Variant, Variant.subject_id == Subject.id)
        .where(Variant.id == claim.variant_id, Subject.base_image_status == BaseImageStatus.APPROVED)
    )
    found: uuid.UUID | None = await session.scalar(approved)
    if found is not None:
        return found
    shown = [
        uuid.UUID(item["source_id"])
        for item in claim.spec.get("conditioning") or ()
        if item.get("kind") in MADE_FROM and item.get("source_id")
    ]
    if not shown:
        return None
    pictures = set(await session.scalars(select(Variant.id).where(Variant.id.in_(shown))))
    return next((key for key in shown if key in pictures), None)  # what is no picture of ours is an upload
