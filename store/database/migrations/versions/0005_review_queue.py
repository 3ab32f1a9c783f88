"""What waits for a reviewer, of all users, in the order of waiting."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_variants_held",
        "variants",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'HELD'"),
    )


def downgrade() -> None:
    op.drop_index("ix_variants_held", table_name="variants")
