"""The first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# Database time. Tests move it with the setting `likeness.now`; everybody else sees now().
CLOCK = """
CREATE FUNCTION clock() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(nullif(current_setting('likeness.now', true), '')::timestamptz, now())
$$
"""


def upgrade() -> None:
    op.execute(CLOCK)
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("handle", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column(
            "role",
            sa.Enum(
                "OWNER",
                "EDITOR",
                "REVIEWER",
                "VIEWER",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="OWNER",
            nullable=False,
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("handle", name=op.f("uq_users_handle")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String(length=32)), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index(op.f("ix_api_keys_user_id"), "api_keys", ["user_id"], unique=False)
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("object_type", sa.String(length=32), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_audit_entries_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(
        op.f("ix_audit_entries_owner_id_created_at_id"),
        "audit_entries",
        ["owner_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("thumbnail_256", sa.String(length=64), nullable=False),
        sa.Column("thumbnail_512", sa.String(length=64), nullable=False),
        sa.Column("placeholder", sa.String(length=64), nullable=False),
        sa.Column("perceptual_hash", sa.String(length=32), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_files_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("owner_id", "sha256", name=op.f("uq_files_owner_id_sha256")),
    )
    op.create_index(op.f("ix_files_sha256"), "files", ["sha256"], unique=False)
    op.create_index(op.f("ix_files_thumbnail_256"), "files", ["thumbnail_256"], unique=False)
    op.create_index(op.f("ix_files_thumbnail_512"), "files", ["thumbnail_512"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("mutation", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("input_digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_idempotency_keys_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint(
            "user_id", "mutation", "key", name=op.f("uq_idempotency_keys_user_id_mutation_key")
        ),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "subjects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "PERSONA",
                "CHARACTER",
                name="subjectkind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("appearance", sa.Text(), nullable=True),
        sa.Column("base_appearance_description", sa.Text(), nullable=True),
        sa.Column(
            "base_image_status",
            sa.Enum(
                "PENDING_UPLOAD",
                "DRAFT",
                "APPROVED",
                "REJECTED",
                name="baseimagestatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="PENDING_UPLOAD",
            nullable=False,
        ),
        sa.Column("base_image_id", sa.Uuid(), nullable=True),
        sa.Column("base_image_versions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("personality", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.CheckConstraint(
            "appearance IS NOT NULL OR base_appearance_description IS NOT NULL",
            name=op.f("ck_subjects_has_a_look"),
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_subjects_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subjects")),
    )
    op.create_index(op.f("ix_subjects_base_image_id"), "subjects", ["base_image_id"], unique=False)
    op.create_index(op.f("ix_subjects_base_image_status"), "subjects", ["base_image_status"], unique=False)
    op.create_index(
        op.f("ix_subjects_owner_id_kind_base_image_status_created_at_id"),
        "subjects",
        ["owner_id", "kind", "base_image_status", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_subjects_owner_id_kind_created_at_id"),
        "subjects",
        ["owner_id", "kind", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_subjects_owner_id_kind_name_id"),
        "subjects",
        ["owner_id", "kind", "name", "id"],
        unique=False,
    )
    op.create_table(
        "lanes",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("virtual_time", sa.Double(), server_default="0", nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lanes")),
    )
    op.create_table(
        "turns",
        sa.Column("lane", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("virtual_time", sa.Double(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_turns_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("lane", "user_id", name=op.f("pk_turns")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "IMAGE",
                "ARTICLE",
                "TEXT",
                "TRAINING",
                "PUBLICATION",
                "DOWNLOAD",
                name="jobkind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("project", sa.String(length=200), nullable=True),
        sa.Column("use_case", sa.String(length=200), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "QUEUED",
                "RUNNING",
                "SUCCEEDED",
                "FAILED",
                "CANCELED",
                name="jobstatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="QUEUED",
            nullable=False,
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("retry_of_id", sa.Uuid(), nullable=True),
        sa.Column(
            "request",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("failed_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=12, scale=6), server_default="0", nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("failure_code", sa.String(length=32), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("failure_retryable", sa.Boolean(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_jobs_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["retry_of_id"], ["jobs.id"], name=op.f("fk_jobs_retry_of_id_jobs"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subjects.id"], name=op.f("fk_jobs_subject_id_subjects"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(
        op.f("ix_jobs_owner_id_created_at_id"), "jobs", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_jobs_owner_id_status_created_at_id"),
        "jobs",
        ["owner_id", "status", "created_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_jobs_retry_of_id"), "jobs", ["retry_of_id"], unique=False)
    op.create_index(op.f("ix_jobs_subject_id_created_at"), "jobs", ["subject_id", "created_at"], unique=False)
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("original_name", sa.String(length=200), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("fk_uploads_file_id_files"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_uploads_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_file_id"), "uploads", ["file_id"], unique=False)
    op.create_index(
        op.f("ix_uploads_owner_id_created_at_id"), "uploads", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "variants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column(
            "purpose",
            sa.Enum(
                "BASE_IMAGE",
                "POST_IMAGE",
                "SCENE",
                name="variantpurpose",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "QUEUED",
                "RUNNING",
                "DRAFT",
                "HELD",
                "APPROVED",
                "PUBLISHED",
                "REJECTED",
                "BLOCKED",
                "FAILED",
                "CANCELED",
                name="variantstatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="QUEUED",
            nullable=False,
        ),
        sa.Column(
            "source",
            sa.Enum(
                "UPLOAD",
                "LOCAL",
                "CLOUD",
                "STOCK",
                name="imagesource",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("model_key", sa.String(length=200), nullable=True),
        sa.Column("model_version", sa.String(length=200), nullable=True),
        sa.Column("original_prompt", sa.Text(), nullable=True),
        sa.Column("enhanced_prompt", sa.Text(), nullable=True),
        sa.Column("enhanced_by", sa.String(length=200), nullable=True),
        sa.Column("composed_prompt", sa.Text(), nullable=True),
        sa.Column("negative_prompt", sa.Text(), nullable=True),
        sa.Column(
            "parameters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "conditioning",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("likeness", sa.Double(), nullable=True),
        sa.Column("quality", sa.Double(), nullable=True),
        sa.Column("generation_time_ms", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("provider_job_id", sa.String(length=200), nullable=True),
        sa.Column("attribution", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("is_favorite", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("keep", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rejection_reason", sa.Text(), nullable=True),
        sa.Column("held_reason", sa.Text(), nullable=True),
        sa.Column("fallback_from", sa.String(length=200), nullable=True),
        sa.Column("failure_code", sa.String(length=32), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("failure_retryable", sa.Boolean(), nullable=True),
        sa.Column("cdn_url", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("fk_variants_file_id_files"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_variants_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_variants_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subjects.id"], name=op.f("fk_variants_subject_id_subjects"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variants")),
    )
    op.create_index(op.f("ix_variants_file_id"), "variants", ["file_id"], unique=False)
    op.create_index(
        op.f("ix_variants_job_id_version_number"), "variants", ["job_id", "version_number"], unique=False
    )
    op.create_index(
        op.f("ix_variants_owner_id_created_at_id"), "variants", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_variants_owner_id_status_created_at_id"),
        "variants",
        ["owner_id", "status", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_variants_subject_id_created_at_id"),
        "variants",
        ["subject_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_variants_subject_id_purpose_version_number"),
        "variants",
        ["subject_id", "purpose", "version_number"],
        unique=False,
    )
    op.create_index(
        "uq_variants_base_image_version",
        "variants",
        ["subject_id", "version_number"],
        unique=True,
        postgresql_where=sa.text("purpose = 'BASE_IMAGE'"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("variant_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "IMAGE",
                "WRITE",
                "TRAIN",
                "PUBLISH",
                "DOWNLOAD",
                "DELIVER",
                name="taskkind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("lane", sa.String(length=32), nullable=False),
        sa.Column("model_key", sa.String(length=200), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "QUEUED",
                "RUNNING",
                "SUCCEEDED",
                "FAILED",
                "CANCELED",
                name="jobstatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="QUEUED",
            nullable=False,
        ),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "spec",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deaths", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stepped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("advanced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("worker", sa.String(length=64), nullable=True),
        sa.Column(
            "not_before", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("latents", sa.String(length=64), nullable=True),
        sa.Column("latents_step", sa.Integer(), nullable=True),
        sa.Column("cost_estimate", sa.Numeric(precision=12, scale=6), server_default="0", nullable=False),
        sa.Column("failure_code", sa.String(length=32), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("failure_retryable", sa.Boolean(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_tasks_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_tasks_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["variants.id"], name=op.f("fk_tasks_variant_id_variants"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(
        "ix_tasks_claimable",
        "tasks",
        ["lane", "owner_id", sa.literal_column("priority DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("state = 'QUEUED'"),
    )
    op.create_index(op.f("ix_tasks_job_id"), "tasks", ["job_id"], unique=False)
    op.create_index(
        "ix_tasks_leases",
        "tasks",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'RUNNING'"),
    )
    op.create_index(
        "ix_tasks_suspects",
        "tasks",
        ["lane"],
        unique=False,
        postgresql_where=sa.text("state = 'QUEUED' AND deaths > 0"),
    )
    op.create_index(
        "ix_tasks_latents",
        "tasks",
        ["latents"],
        unique=False,
        postgresql_where=sa.text("latents IS NOT NULL"),
    )
    op.create_index(op.f("ix_tasks_variant_id"), "tasks", ["variant_id"], unique=False)
    op.create_table(
        "provider_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("provider_id", sa.String(length=200), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "INTENDED",
                "ACCEPTED",
                "SUCCEEDED",
                "FAILED",
                "UNKNOWN",
                name="callstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="INTENDED",
            nullable=False,
        ),
        sa.Column("estimate", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("cost", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_provider_calls_task_id_tasks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_calls")),
        sa.UniqueConstraint("task_id", "key", name=op.f("uq_provider_calls_task_id_key")),
    )
    op.create_table(
        "task_progress",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("phase", sa.String(length=32), nullable=False),
        sa.Column("step", sa.Integer(), server_default="0", nullable=False),
        sa.Column("steps", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tick", sa.Integer(), server_default="0", nullable=False),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("preview", sa.LargeBinary(), nullable=True),
        sa.Column("preview_type", sa.String(length=32), nullable=True),
        sa.Column("preview_width", sa.Integer(), nullable=True),
        sa.Column("preview_height", sa.Integer(), nullable=True),
        sa.Column("watched_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task_progress")),
        prefixes=["UNLOGGED"],
    )
    op.create_foreign_key(
        op.f("fk_subjects_base_image_id_variants"),
        "subjects",
        "variants",
        ["base_image_id"],
        ["id"],
        ondelete="SET NULL",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_subjects_base_image_id_variants"), "subjects", type_="foreignkey")
    op.drop_table("task_progress")
    op.drop_table("provider_calls")
    op.drop_index(op.f("ix_tasks_variant_id"), table_name="tasks")
    op.drop_index(
        "ix_tasks_suspects",
        table_name="tasks",
        postgresql_where=sa.text("state = 'QUEUED' AND deaths > 0"),
    )
    op.drop_index("ix_tasks_latents", table_name="tasks", postgresql_where=sa.text("latents IS NOT NULL"))
    op.drop_index("ix_tasks_leases", table_name="tasks", postgresql_where=sa.text("state = 'RUNNING'"))
    op.drop_index(op.f("ix_tasks_job_id"), table_name="tasks")
    op.drop_index("ix_tasks_claimable", table_name="tasks", postgresql_where=sa.text("state = 'QUEUED'"))
    op.drop_table("tasks")
    op.drop_index(
        "uq_variants_base_image_version",
        table_name="variants",
        postgresql_where=sa.text("purpose = 'BASE_IMAGE'"),
    )
    op.drop_index(op.f("ix_variants_subject_id_purpose_version_number"), table_name="variants")
    op.drop_index(op.f("ix_variants_subject_id_created_at_id"), table_name="variants")
    op.drop_index(op.f("ix_variants_owner_id_status_created_at_id"), table_name="variants")
    op.drop_index(op.f("ix_variants_owner_id_created_at_id"), table_name="variants")
    op.drop_index(op.f("ix_variants_job_id_version_number"), table_name="variants")
    op.drop_index(op.f("ix_variants_file_id"), table_name="variants")
    op.drop_table("variants")
    op.drop_index(op.f("ix_uploads_owner_id_created_at_id"), table_name="uploads")
    op.drop_index(op.f("ix_uploads_file_id"), table_name="uploads")
    op.drop_table("uploads")
    op.drop_index(op.f("ix_jobs_subject_id_created_at"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_retry_of_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_owner_id_status_created_at_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_owner_id_created_at_id"), table_name="jobs")
    op.drop_table("jobs")
    op.drop_table("turns")
    op.drop_table("lanes")
    op.drop_index(op.f("ix_subjects_owner_id_kind_name_id"), table_name="subjects")
    op.drop_index(op.f("ix_subjects_owner_id_kind_created_at_id"), table_name="subjects")
    op.drop_index(op.f("ix_subjects_owner_id_kind_base_image_status_created_at_id"), table_name="subjects")
    op.drop_index(op.f("ix_subjects_base_image_status"), table_name="subjects")
    op.drop_index(op.f("ix_subjects_base_image_id"), table_name="subjects")
    op.drop_table("subjects")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("ix_files_thumbnail_512"), table_name="files")
    op.drop_index(op.f("ix_files_thumbnail_256"), table_name="files")
    op.drop_index(op.f("ix_files_sha256"), table_name="files")
    op.drop_table("files")
    op.drop_index(op.f("ix_audit_entries_owner_id_created_at_id"), table_name="audit_entries")
    op.drop_table("audit_entries")
    op.drop_index(op.f("ix_api_keys_user_id"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("users")
    op.drop_table("secrets")
    op.execute("DROP FUNCTION clock()")
