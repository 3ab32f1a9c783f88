"""Pictures: subjects whose look must stay, the variants that show them, and the files that hold the bytes."""

import uuid
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from store.database.tables.declarative import Big, Created, Instant, Key, Money, Sha256, Table, choice
from store.database.tables.words import (
    BaseImageStatus,
    ImageSource,
    SubjectKind,
    VariantPurpose,
    VariantStatus,
)


class Subject(Table):
    """A persona or a character. `base_image_id` is the newest draft, or the approved picture."""

    __tablename__ = "subjects"
    __table_args__ = (
        CheckConstraint(
            "appearance IS NOT NULL OR base_appearance_description IS NOT NULL", name="has_a_look"
        ),
        Index(None, "owner_id", "kind", "created_at", "id"),
        Index(None, "owner_id", "kind", "name", "id"),
        Index(None, "owner_id", "kind", "base_image_status", "created_at", "id"),
        Index(None, "base_image_status"),
    )
    __mapper_args__ = {
        "polymorphic_on": "kind",
        "with_polymorphic": "*",  # a subject is read with all its columns, whichever kind it turns out to be
        "eager_defaults": True,
    }

    id: Mapped[Key]
    kind: Mapped[SubjectKind] = mapped_column(choice(SubjectKind))
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    appearance: Mapped[str | None] = mapped_column(Text)
    base_appearance_description: Mapped[str | None] = mapped_column(Text)
    base_image_status: Mapped[BaseImageStatus] = mapped_column(
        choice(BaseImageStatus), server_default=BaseImageStatus.PENDING_UPLOAD.value
    )
    base_image_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("variants.id", ondelete="SET NULL", use_alter=True), index=True
    )
    base_image_versions: Mapped[int] = mapped_column(server_default="0")
    personality: Mapped[str | None] = mapped_column(Text)
    active_adapter_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("adapters.id", ondelete="SET NULL", use_alter=True), index=True
    )
    created_at: Mapped[Created]
    updated_at: Mapped[Created]

    @hybrid_property
    def appearance_locked(self) -> bool:
        """Whether the look is fixed: from approval until it is unlocked on purpose."""
        return self.base_image_status is BaseImageStatus.APPROVED

    @appearance_locked.inplace.expression
    @classmethod
    def _appearance_locked_expression(cls) -> ColumnElement[bool]:
        return cls.base_image_status == BaseImageStatus.APPROVED

    @property
    def look(self) -> str:
        """The words that prompts use for the look: the description, else the appearance."""
        return self.base_appearance_description or self.appearance or ""


class Persona(Subject):
    """A brand face or an AI influencer."""

    __mapper_args__ = {"polymorphic_identity": SubjectKind.PERSONA, "eager_defaults": True}


class Character(Subject):
    """Somebody in a role-playing game. `reference_seed` is the approved picture's, unless it was fixed by hand."""

    game_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("games.id", ondelete="SET NULL"), index=True)
    art_style: Mapped[str | None] = mapped_column(String(200))
    style_modifiers: Mapped[list[str] | None] = mapped_column(ARRAY(String(200)))
    reference_seed: Mapped[Big | None]
    reference_seed_fixed: Mapped[bool | None]
    template_key: Mapped[str | None] = mapped_column(String(64))

    __mapper_args__ = {"polymorphic_identity": SubjectKind.CHARACTER, "eager_defaults": True}


class File(Table):
    """Bytes one user owns, by content. The bytes go when no row of any owner refers to them."""

    __tablename__ = "files"
    __table_args__ = (UniqueConstraint("owner_id", "sha256"),)

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    sha256: Mapped[Sha256] = mapped_column(index=True)
    size: Mapped[Big]
    media_type: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]
    height: Mapped[int]
    thumbnail_256: Mapped[Sha256] = mapped_column(index=True)
    thumbnail_512: Mapped[Sha256] = mapped_column(index=True)
    placeholder: Mapped[str] = mapped_column(String(64))
    perceptual_hash: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[Created]


class Upload(Table):
    """A file somebody sent, usable wherever a mutation takes a file. `original_name` is display text only."""

    __tablename__ = "uploads"
    __table_args__ = (Index(None, "owner_id", "created_at", "id"),)

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("files.id", ondelete="CASCADE"), index=True)
    original_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[Created]


class Variant(Table):
    """One picture, asked for or made; its seed is its own.

    `version_number` counts within the job, or within the subject's base images. `seed` 0..2**53-1.
    `likeness` and `quality` 0..1, null where they cannot be measured.
    """

    __tablename__ = "variants"
    __table_args__ = (
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "owner_id", "status", "created_at", "id"),
        Index(None, "subject_id", "purpose", "version_number"),
        Index(None, "subject_id", "created_at", "id"),
        Index(None, "job_id", "version_number"),
        Index(None, "post_id", "created_at", "id"),
        Index(
            "ix_variants_undecided",
            "finished_at",
            "id",
            postgresql_where=text("status = 'DRAFT' AND purpose <> 'BASE_IMAGE' AND NOT keep"),
        ),
        Index("ix_variants_held", "created_at", "id", postgresql_where=text("status = 'HELD'")),
        Index(
            "uq_variants_base_image_version",
            "subject_id",
            "version_number",
            unique=True,
            postgresql_where=text("purpose = 'BASE_IMAGE'"),
        ),
    )

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    subject_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("subjects.id", ondelete="CASCADE"))
    post_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("posts.id", ondelete="SET NULL"))
    file_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("files.id", ondelete="RESTRICT"), index=True)
    purpose: Mapped[VariantPurpose] = mapped_column(choice(VariantPurpose))
    version_number: Mapped[int]
    status: Mapped[VariantStatus] = mapped_column(
        choice(VariantStatus), server_default=VariantStatus.QUEUED.value
    )
    source: Mapped[ImageSource] = mapped_column(choice(ImageSource))
    model_key: Mapped[str | None] = mapped_column(String(200))
    model_version: Mapped[str | None] = mapped_column(String(200))
    original_prompt: Mapped[str | None] = mapped_column(Text)
    enhanced_prompt: Mapped[str | None] = mapped_column(Text)
    enhanced_by: Mapped[str | None] = mapped_column(String(200))
    composed_prompt: Mapped[str | None] = mapped_column(Text)
    negative_prompt: Mapped[str | None] = mapped_column(Text)
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    conditioning: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    width: Mapped[int | None]
    height: Mapped[int | None]
    seed: Mapped[Big | None]
    likeness: Mapped[float | None]
    quality: Mapped[float | None]
    generation_time_ms: Mapped[int | None]
    cost_usd: Mapped[Money | None]
    provider_job_id: Mapped[str | None] = mapped_column(String(200))
    attribution: Mapped[dict[str, Any] | None]
    is_favorite: Mapped[bool] = mapped_column(server_default=false())
    rating: Mapped[int | None]
    keep: Mapped[bool] = mapped_column(server_default=false())
    rejection_reason: Mapped[str | None] = mapped_column(Text)
    held_reason: Mapped[str | None] = mapped_column(Text)
    fallback_from: Mapped[str | None] = mapped_column(String(200))
    failure_code: Mapped[str | None] = mapped_column(String(32))
    failure_message: Mapped[str | None] = mapped_column(Text)
    failure_retryable: Mapped[bool | None]
    cdn_url: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]
    finished_at: Mapped[Instant | None]
    approved_at: Mapped[Instant | None]
    published_at: Mapped[Instant | None]

    @hybrid_property
    def preview_mode(self) -> bool:
        """Whether only the local preview exists."""
        return self.cdn_url is None

    @preview_mode.inplace.expression
    @classmethod
    def _preview_mode_expression(cls) -> ColumnElement[bool]:
        return cls.cdn_url.is_(None)
