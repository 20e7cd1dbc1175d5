"""The console: accounts with sessions, links and a second factor, the audit, errands, and who changed which version.

Columns are added only, with defaults, so that processes of the release before can go on writing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

OF_STAFF = ("sealed_totp", "totp_step", "seen_at", "left_at")
OF_VERSIONS = ("revision", "saved_by", "published_by", "note", "proposed_by", "starts_at", "trouble")
OF_LIVE = ("made_by", "note")
NUMBERS, MOMENTS = ("totp_step", "revision"), ("seen_at", "left_at", "starts_at")
DEAD_BY = (("deliveries", "due_at"), ("events", "received_at"))


def added(name: str) -> sa.Column:
    if name in MOMENTS:
        return sa.Column(name, MOMENT, nullable=True)
    if name in NUMBERS:
        return sa.Column(name, ID, nullable=False, server_default="0")
    return sa.Column(name, sa.String(), nullable=False, server_default="")


def upgrade() -> None:
    for name in OF_STAFF:
        op.add_column("staff", added(name))
    for name in OF_VERSIONS:
        op.add_column("versions", added(name))
    for name in OF_LIVE:
        op.add_column("live_versions", added(name))
    scheduled = sa.text("starts_at IS NOT NULL")
    op.create_index(
        "ix_versions_starting", "versions", ["starts_at"], sqlite_where=scheduled, postgresql_where=scheduled
    )
    op.create_table(
        "staff_sessions",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("ix_staff_sessions_staff", "staff_sessions", ["staff_id"])
    op.create_table(
        "staff_links",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_table(
        "login_failures",
        sa.Column("id", ID, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_login_failures_at", "login_failures", ["at"])
    op.create_table(
        "audit",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for name in ("subject", "who", "what"):
        op.create_index(f"ix_audit_{name}", "audit", [name, "id"])
    op.create_table(
        "errands",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=True),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_errands_open",
        "errands",
        ["id"],
        sqlite_where=sa.text("state IN ('waiting', 'working')"),
        postgresql_where=sa.text("state IN ('waiting', 'working')"),
    )
    # Today counts what lies in a span, from the index alone: the rows are fat. Dead ones are few, and looked at often.
    op.create_index(
        "ix_deliveries_sent",
        "deliveries",
        ["sent_at", "kind", "began_at", "wait"],
        sqlite_where=sa.text("sent_at IS NOT NULL"),
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )
    op.create_index("ix_answers_now", "answers", ["now", "module", "state", "ask_delivery", "event_id"])
    for table, column in DEAD_BY:
        dead = sa.text("state = 'dead'")
        op.create_index(f"ix_{table}_dead", table, [column], sqlite_where=dead, postgresql_where=dead)


def downgrade() -> None:
    for table, _ in DEAD_BY:
        op.drop_index(f"ix_{table}_dead", table)
    op.drop_index("ix_answers_now", "answers")
    op.drop_index("ix_deliveries_sent", "deliveries")
    for table in ("errands", "audit", "login_failures", "staff_links", "staff_sessions"):
        op.drop_table(table)
    op.drop_index("ix_versions_starting", "versions")
    for name in OF_LIVE:
        op.drop_column("live_versions", name)
    for name in OF_VERSIONS:
        op.drop_column("versions", name)
    for name in OF_STAFF:
        op.drop_column("staff", name)
