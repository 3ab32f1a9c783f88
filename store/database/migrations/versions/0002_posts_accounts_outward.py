"""Posts and games, accounts and their ledger, publications, webhooks and activity."""

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.create_table(
        "stock_searches",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("asked", sa.String(length=400), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("provider", "asked", name=op.f("pk_stock_searches")),
    )
    op.create_index(op.f("ix_stock_searches_created_at"), "stock_searches", ["created_at"], unique=False)
    op.create_table(
        "activity_entries",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node_type", sa.String(length=32), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_activity_entries_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "sequence", name=op.f("pk_activity_entries")),
    )
    op.create_table(
        "activity_heads",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_activity_heads_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_activity_heads")),
    )
    op.create_table(
        "games",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_games_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_games")),
    )
    op.create_index(
        op.f("ix_games_owner_id_created_at_id"), "games", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "limits",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("daily_images", sa.Integer(), nullable=True),
        sa.Column("monthly_images", sa.Integer(), nullable=True),
        sa.Column("monthly_budget_usd", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_limits_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_limits")),
    )
    op.create_table(
        "presets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("model_key", sa.String(length=200), nullable=False),
        sa.Column(
            "parameters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("batch_count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("smart_prompt", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("use_case", sa.String(length=200), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_presets_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presets")),
    )
    op.create_index("uq_presets_owner_id_key", "presets", ["owner_id", "key"], unique=True)
    op.create_table(
        "usage",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("images", sa.Integer(), server_default="0", nullable=False),
        sa.Column("held_images", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "days",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("spent_usd", sa.Numeric(precision=12, scale=6), server_default="0", nullable=False),
        sa.Column("held_usd", sa.Numeric(precision=12, scale=6), server_default="0", nullable=False),
        sa.CheckConstraint("held_usd >= 0 AND held_images >= 0", name=op.f("ck_usage_holds_are_real")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_usage_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "month", name=op.f("pk_usage")),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=120), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_webhook_endpoints_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index(
        op.f("ix_webhook_endpoints_owner_id_created_at_id"),
        "webhook_endpoints",
        ["owner_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "beats",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("game_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["game_id"], ["games.id"], name=op.f("fk_beats_game_id_games"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_beats_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_beats")),
        sa.UniqueConstraint(
            "game_id",
            "position",
            deferrable=True,
            initially="DEFERRED",
            name=op.f("uq_beats_game_id_position"),
        ),
    )
    op.create_index(
        op.f("ix_beats_owner_id_created_at_id"), "beats", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("event_key", sa.String(length=120), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING",
                "DELIVERED",
                "FAILED",
                name="deliverystate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("fk_webhook_deliveries_endpoint_id_webhook_endpoints"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_webhook_deliveries_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "endpoint_id", "event_key", name=op.f("uq_webhook_deliveries_endpoint_id_event_key")
        ),
    )
    op.create_index(
        op.f("ix_webhook_deliveries_endpoint_id_created_at_id"),
        "webhook_deliveries",
        ["endpoint_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_webhook_deliveries_owner_id"), "webhook_deliveries", ["owner_id"], unique=False)
    op.create_table(
        "posts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("slug", sa.String(length=220), nullable=True),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.Column("image_prompt", sa.Text(), nullable=True),
        sa.Column("persona_id", sa.Uuid(), nullable=True),
        sa.Column("beat_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "DRAFT",
                "WRITING",
                "AWAITING_IMAGE",
                "AWAITING_APPROVAL",
                "PUBLISHING",
                "PUBLISHED",
                name="poststatus",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="DRAFT",
            nullable=False,
        ),
        sa.Column("featured_image_id", sa.Uuid(), nullable=True),
        sa.Column("featured_image_url", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["beat_id"], ["beats.id"], name=op.f("fk_posts_beat_id_beats"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["featured_image_id"],
            ["variants.id"],
            name=op.f("fk_posts_featured_image_id_variants"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_posts_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["persona_id"], ["subjects.id"], name=op.f("fk_posts_persona_id_subjects"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
        sa.UniqueConstraint("owner_id", "slug", name=op.f("uq_posts_owner_id_slug")),
    )
    op.create_index(
        op.f("ix_posts_beat_id_created_at_id"), "posts", ["beat_id", "created_at", "id"], unique=False
    )
    op.create_index(op.f("ix_posts_featured_image_id"), "posts", ["featured_image_id"], unique=False)
    op.create_index(
        op.f("ix_posts_owner_id_created_at_id"), "posts", ["owner_id", "created_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_posts_owner_id_status_created_at_id"),
        "posts",
        ["owner_id", "status", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_posts_persona_id_created_at_id"), "posts", ["persona_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "dice_rolls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("notation", sa.String(length=200), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("breakdown", sa.Text(), nullable=False),
        sa.Column("rolled_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_dice_rolls_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_dice_rolls_post_id_posts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dice_rolls")),
    )
    op.create_index(op.f("ix_dice_rolls_owner_id"), "dice_rolls", ["owner_id"], unique=False)
    op.create_index(
        op.f("ix_dice_rolls_post_id_rolled_at_id"), "dice_rolls", ["post_id", "rolled_at", "id"], unique=False
    )
    op.create_table(
        "adapters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=32), server_default="LORA", nullable=False),
        sa.Column("base_model_key", sa.String(length=200), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("provider_version", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(length=64), nullable=False),
        sa.Column("training_images", sa.Integer(), nullable=False),
        sa.Column(
            "parameters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_adapters_job_id_jobs"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_adapters_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subjects.id"], name=op.f("fk_adapters_subject_id_subjects"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adapters")),
    )
    op.create_index(op.f("ix_adapters_job_id"), "adapters", ["job_id"], unique=False)
    op.create_index(op.f("ix_adapters_owner_id"), "adapters", ["owner_id"], unique=False)
    op.create_index(op.f("ix_adapters_sha256"), "adapters", ["sha256"], unique=False)
    op.create_index(
        op.f("ix_adapters_subject_id_created_at_id"),
        "adapters",
        ["subject_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "embeddings",
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("encoder", sa.String(length=200), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("vector", pgvector.sqlalchemy.Vector(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_embeddings_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["variants.id"],
            name=op.f("fk_embeddings_variant_id_variants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("variant_id", "encoder", name=op.f("pk_embeddings")),
    )
    op.create_index(
        op.f("ix_embeddings_encoder_owner_id"), "embeddings", ["encoder", "owner_id"], unique=False
    )
    op.create_index(op.f("ix_embeddings_owner_id"), "embeddings", ["owner_id"], unique=False)
    op.create_table(
        "post_images",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("character_id", sa.Uuid(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column(
            "generation_params",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["character_id"],
            ["subjects.id"],
            name=op.f("fk_post_images_character_id_subjects"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_post_images_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_post_images_post_id_posts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["variants.id"],
            name=op.f("fk_post_images_variant_id_variants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_images")),
        sa.UniqueConstraint(
            "post_id",
            "position",
            deferrable=True,
            initially="DEFERRED",
            name=op.f("uq_post_images_post_id_position"),
        ),
        sa.UniqueConstraint("post_id", "variant_id", name=op.f("uq_post_images_post_id_variant_id")),
    )
    op.create_index(op.f("ix_post_images_character_id"), "post_images", ["character_id"], unique=False)
    op.create_index(op.f("ix_post_images_owner_id"), "post_images", ["owner_id"], unique=False)
    op.create_index(op.f("ix_post_images_variant_id"), "post_images", ["variant_id"], unique=False)
    op.create_table(
        "publications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("target", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "INTENDED",
                "UPLOADED",
                "PUBLISHED",
                "WITHDRAWN",
                name="publicationstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="INTENDED",
            nullable=False,
        ),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column(
            "remote",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_publications_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_publications_post_id_posts"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["variants.id"],
            name=op.f("fk_publications_variant_id_variants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publications")),
        sa.UniqueConstraint("variant_id", "target", name=op.f("uq_publications_variant_id_target")),
    )
    op.create_index(op.f("ix_publications_owner_id"), "publications", ["owner_id"], unique=False)
    op.create_index(op.f("ix_publications_post_id"), "publications", ["post_id"], unique=False)
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "HOLD",
                "CAPTURE",
                "RELEASE",
                "CORRECT",
                name="ledgerkind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("usd", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("images", sa.Integer(), server_default="0", nullable=False),
        sa.Column("estimated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_ledger_entries_task_id_tasks"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_ledger_entries_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index(op.f("ix_ledger_entries_task_id"), "ledger_entries", ["task_id"], unique=False)
    op.create_index(
        op.f("ix_ledger_entries_user_id_month_id"), "ledger_entries", ["user_id", "month", "id"], unique=False
    )
    op.add_column("jobs", sa.Column("post_id", sa.Uuid(), nullable=True))
    op.add_column("jobs", sa.Column("continues_id", sa.Uuid(), nullable=True))
    op.add_column("jobs", sa.Column("series_id", sa.Uuid(), nullable=True))
    op.add_column("jobs", sa.Column("preset_key", sa.String(length=64), nullable=True))
    op.add_column(
        "jobs", sa.Column("reused_post", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_index(op.f("ix_jobs_continues_id"), "jobs", ["continues_id"], unique=False)
    op.create_index(op.f("ix_jobs_post_id"), "jobs", ["post_id"], unique=False)
    op.create_index(op.f("ix_jobs_series_id"), "jobs", ["series_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_jobs_post_id_posts"), "jobs", "posts", ["post_id"], ["id"], ondelete="SET NULL"
    )
    op.create_foreign_key(
        op.f("fk_jobs_continues_id_jobs"), "jobs", "jobs", ["continues_id"], ["id"], ondelete="SET NULL"
    )
    op.add_column("subjects", sa.Column("active_adapter_id", sa.Uuid(), nullable=True))
    op.add_column("subjects", sa.Column("game_id", sa.Uuid(), nullable=True))
    op.add_column("subjects", sa.Column("art_style", sa.String(length=200), nullable=True))
    op.add_column(
        "subjects", sa.Column("style_modifiers", postgresql.ARRAY(sa.String(length=200)), nullable=True)
    )
    op.add_column("subjects", sa.Column("reference_seed", sa.BigInteger(), nullable=True))
    op.add_column("subjects", sa.Column("reference_seed_fixed", sa.Boolean(), nullable=True))
    op.add_column("subjects", sa.Column("template_key", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_subjects_active_adapter_id"), "subjects", ["active_adapter_id"], unique=False)
    op.create_index(op.f("ix_subjects_game_id"), "subjects", ["game_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_subjects_game_id_games"), "subjects", "games", ["game_id"], ["id"], ondelete="SET NULL"
    )
    op.create_foreign_key(
        op.f("fk_subjects_active_adapter_id_adapters"),
        "subjects",
        "adapters",
        ["active_adapter_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.add_column("variants", sa.Column("post_id", sa.Uuid(), nullable=True))
    op.create_index(
        op.f("ix_variants_post_id_created_at_id"), "variants", ["post_id", "created_at", "id"], unique=False
    )
    op.create_foreign_key(
        op.f("fk_variants_post_id_posts"), "variants", "posts", ["post_id"], ["id"], ondelete="SET NULL"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_variants_post_id_posts"), "variants", type_="foreignkey")
    op.drop_index(op.f("ix_variants_post_id_created_at_id"), table_name="variants")
    op.drop_column("variants", "post_id")
    op.drop_constraint(op.f("fk_subjects_active_adapter_id_adapters"), "subjects", type_="foreignkey")
    op.drop_constraint(op.f("fk_subjects_game_id_games"), "subjects", type_="foreignkey")
    op.drop_index(op.f("ix_subjects_game_id"), table_name="subjects")
    op.drop_index(op.f("ix_subjects_active_adapter_id"), table_name="subjects")
    op.drop_column("subjects", "template_key")
    op.drop_column("subjects", "reference_seed_fixed")
    op.drop_column("subjects", "reference_seed")
    op.drop_column("subjects", "style_modifiers")
    op.drop_column("subjects", "art_style")
    op.drop_column("subjects", "game_id")
    op.drop_column("subjects", "active_adapter_id")
    op.drop_constraint(op.f("fk_jobs_continues_id_jobs"), "jobs", type_="foreignkey")
    op.drop_constraint(op.f("fk_jobs_post_id_posts"), "jobs", type_="foreignkey")
    op.drop_index(op.f("ix_jobs_series_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_post_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_continues_id"), table_name="jobs")
    op.drop_column("jobs", "reused_post")
    op.drop_column("jobs", "preset_key")
    op.drop_column("jobs", "series_id")
    op.drop_column("jobs", "continues_id")
    op.drop_column("jobs", "post_id")
    op.drop_index(op.f("ix_ledger_entries_user_id_month_id"), table_name="ledger_entries")
    op.drop_index(op.f("ix_ledger_entries_task_id"), table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_index(op.f("ix_publications_post_id"), table_name="publications")
    op.drop_index(op.f("ix_publications_owner_id"), table_name="publications")
    op.drop_table("publications")
    op.drop_index(op.f("ix_post_images_variant_id"), table_name="post_images")
    op.drop_index(op.f("ix_post_images_owner_id"), table_name="post_images")
    op.drop_index(op.f("ix_post_images_character_id"), table_name="post_images")
    op.drop_table("post_images")
    op.drop_index(op.f("ix_embeddings_owner_id"), table_name="embeddings")
    op.drop_index(op.f("ix_embeddings_encoder_owner_id"), table_name="embeddings")
    op.drop_table("embeddings")
    op.drop_index(op.f("ix_adapters_subject_id_created_at_id"), table_name="adapters")
    op.drop_index(op.f("ix_adapters_sha256"), table_name="adapters")
    op.drop_index(op.f("ix_adapters_owner_id"), table_name="adapters")
    op.drop_index(op.f("ix_adapters_job_id"), table_name="adapters")
    op.drop_table("adapters")
    op.drop_index(op.f("ix_dice_rolls_post_id_rolled_at_id"), table_name="dice_rolls")
    op.drop_index(op.f("ix_dice_rolls_owner_id"), table_name="dice_rolls")
    op.drop_table("dice_rolls")
    op.drop_index(op.f("ix_posts_persona_id_created_at_id"), table_name="posts")
    op.drop_index(op.f("ix_posts_owner_id_status_created_at_id"), table_name="posts")
    op.drop_index(op.f("ix_posts_owner_id_created_at_id"), table_name="posts")
    op.drop_index(op.f("ix_posts_featured_image_id"), table_name="posts")
    op.drop_index(op.f("ix_posts_beat_id_created_at_id"), table_name="posts")
    op.drop_table("posts")
    op.drop_index(op.f("ix_webhook_deliveries_owner_id"), table_name="webhook_deliveries")
    op.drop_index(op.f("ix_webhook_deliveries_endpoint_id_created_at_id"), table_name="webhook_deliveries")
    op.drop_table("webhook_deliveries")
    op.drop_index(op.f("ix_beats_owner_id_created_at_id"), table_name="beats")
    op.drop_table("beats")
    op.drop_index(op.f("ix_webhook_endpoints_owner_id_created_at_id"), table_name="webhook_endpoints")
    op.drop_table("webhook_endpoints")
    op.drop_table("usage")
    op.drop_index("uq_presets_owner_id_key", table_name="presets")
    op.drop_table("presets")
    op.drop_table("limits")
    op.drop_index(op.f("ix_games_owner_id_created_at_id"), table_name="games")
    op.drop_table("games")
    op.drop_table("activity_heads")
    op.drop_table("activity_entries")
    op.drop_index(op.f("ix_stock_searches_created_at"), table_name="stock_searches")
    op.drop_table("stock_searches")
