"""What is let go by its age is found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OLD = ("webhook_deliveries", "activity_entries")


def upgrade() -> None:
    for table in OLD:
        op.create_index(f"ix_{table}_created_at", table, ["created_at"], postgresql_using="brin")
    op.create_index(
        "ix_tasks_delivered", "tasks", ["created_at"], postgresql_where=sa.text("kind = 'DELIVER'")
    )


def downgrade() -> None:
    op.drop_index("ix_tasks_delivered", table_name="tasks")
    for table in OLD:
        op.drop_index(f"ix_{table}_created_at", table_name=table)
