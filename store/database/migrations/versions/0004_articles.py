"""Articles: a post is found again by the topic it was asked for; undecided pictures are found by their age."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posts", sa.Column("topic_slug", sa.String(length=220), nullable=True))
    op.create_unique_constraint(op.f("uq_posts_owner_id_topic_slug"), "posts", ["owner_id", "topic_slug"])
    op.create_index(
        "ix_variants_undecided",
        "variants",
        ["finished_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'DRAFT' AND purpose <> 'BASE_IMAGE' AND NOT keep"),
    )


def downgrade() -> None:
    op.drop_index("ix_variants_undecided", table_name="variants")
    op.drop_constraint(op.f("uq_posts_owner_id_topic_slug"), "posts", type_="unique")
    op.drop_column("posts", "topic_slug")
