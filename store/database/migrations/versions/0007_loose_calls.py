"""Paid calls of which nobody knows how they ended are found without looking at all others."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_provider_calls_loose",
        "provider_calls",
        ["updated_at"],
        postgresql_where=sa.text("state NOT IN ('SUCCEEDED', 'FAILED')"),
    )


def downgrade() -> None:
    op.drop_index("ix_provider_calls_loose", table_name="provider_calls")
