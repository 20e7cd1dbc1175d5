"""Ticks of the clock, totals for /metrics, how we stand with each platform, and when a delivery's event came in.

A later migration that lets Alembic copy `events` or `deliveries` on SQLite (batch_alter_table) loses the triggers and
has to make them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# What counts as ended, by table. A write to the platform's profile is a delivery too, but no message.
ENDED = {
    "events": "NEW.state IN ('answered', 'ignored', 'dead')",
    "deliveries": "NEW.state IN ('sent', 'cancelled', 'dead') AND NEW.kind <> 'effects'",
}
NOTE = "INSERT INTO totals (name, channel, outcome, amount) VALUES ('{table}', NEW.channel, NEW.state, 1)"


def upgrade() -> None:
    op.create_table(
        "ticks",
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("schedule", "due_at"),
    )
    op.create_table(
        "standings",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.create_table(
        "totals",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("deliveries", sa.Column("began_at", sa.DateTime(timezone=True), nullable=True))
    for table, ended in ENDED.items():
        # What happened before there were totals.
        op.execute(
            f"INSERT INTO totals (name, channel, outcome, amount) SELECT '{table}', channel, state, count(*) "
            f"FROM {table} AS NEW WHERE {ended} GROUP BY channel, state"
        )
        _count_from_now_on(table, ended)


def _count_from_now_on(table: str, ended: str) -> None:
    note, changed = NOTE.format(table=table), f"OLD.state <> NEW.state AND {ended}"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER count_{table} AFTER UPDATE OF state ON {table} WHEN {changed} BEGIN {note}; END"
        )
        return
    op.execute(
        f"CREATE OR REPLACE FUNCTION count_{table}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN {note}; RETURN NULL; END $$"
    )
    op.execute(
        f"CREATE TRIGGER count_{table} AFTER UPDATE OF state ON {table} FOR EACH ROW WHEN ({changed}) "
        f"EXECUTE FUNCTION count_{table}()"
    )


def downgrade() -> None:
    for table in ENDED:
        of_table = "" if op.get_bind().dialect.name == "sqlite" else f" ON {table}"
        op.execute(f"DROP TRIGGER count_{table}{of_table}")
        if of_table:
            op.execute(f"DROP FUNCTION count_{table}()")
    op.drop_column("deliveries", "began_at")
    for table in ("totals", "standings", "ticks"):
        op.drop_table(table)
