"""Every change of state becomes one activity entry, numbered without gaps for each user.

The triggers are deferred: they run as the last thing of a transaction, so the row that counts is locked only while
it commits, and whoever sees entry n has seen all before it.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NOTE = """
CREATE FUNCTION note_activity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  kind text := TG_ARGV[0];
  mine bigint;
BEGIN
  IF TG_TABLE_NAME = 'subjects' THEN
    kind := initcap(NEW.kind);
  END IF;
  INSERT INTO activity_heads AS head (owner_id, sequence) VALUES (NEW.owner_id, 1)
    ON CONFLICT (owner_id) DO UPDATE SET sequence = head.sequence + 1
    RETURNING head.sequence INTO mine;
  INSERT INTO activity_entries (owner_id, sequence, node_type, node_id)
    VALUES (NEW.owner_id, mine, kind, NEW.id);
  RETURN NULL;
END
$$
"""
WATCHED = {"jobs": ("Job", "status"), "variants": ("Variant", "status"), "posts": ("Post", "status")}
SUBJECTS = ("Subject", "base_image_status")


def upgrade() -> None:
    op.execute(NOTE)
    for table, (kind, column) in {**WATCHED, "subjects": SUBJECTS}.items():
        op.execute(
            f"CREATE CONSTRAINT TRIGGER activity_made AFTER INSERT ON {table} "
            f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_activity('{kind}')"
        )
        op.execute(
            f"CREATE CONSTRAINT TRIGGER activity_changed AFTER UPDATE ON {table} "
            f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) "
            f"EXECUTE FUNCTION note_activity('{kind}')"
        )


def downgrade() -> None:
    for table in (*WATCHED, "subjects"):
        op.execute(f"DROP TRIGGER activity_made ON {table}")
        op.execute(f"DROP TRIGGER activity_changed ON {table}")
    op.execute("DROP FUNCTION note_activity()")
