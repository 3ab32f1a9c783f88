"""Articles and publishing: a post is found again by its topic, undecided pictures by their age, a publication's job."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posts", sa.Column("topic_slug", sa.String(length=220), nullable=True))
    op.create_unique_constraint(op.f("uq_posts_owner_id_topic_slug"), "posts", ["owner_id", "topic_slug"])
    op.add_column("publications", sa.Column("job_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_publications_job_id"), "publications", ["job_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_publications_job_id_jobs"), "publications", "jobs", ["job_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(
        "ix_variants_undecided",
        "variants",
        ["finished_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'DRAFT' AND purpose <> 'BASE_IMAGE' AND NOT keep"),
    )


def downgrade() -> None:
    op.drop_index("ix_variants_undecided", table_name="variants")
    op.drop_constraint(op.f("fk_publications_job_id_jobs"), "publications", type_="foreignkey")
    op.drop_index(op.f("ix_publications_job_id"), table_name="publications")
    op.drop_column("publications", "job_id")
    op.drop_constraint(op.f("uq_posts_owner_id_topic_slug"), "posts", type_="unique")
    op.drop_column("posts", "topic_slug")
