"""Whoever watches a task that another server runs can ask for sharp previews too."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("task_progress", sa.Column("sharp_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("task_progress", "sharp_until")
