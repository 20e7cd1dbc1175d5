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

OF_STAFF = ("sealed_totp", "totp_step", "left_at")
OF_VERSIONS = ("revision", "saved_by", "published_by", "note", "proposed_by", "starts_at")
NUMBERS, MOMENTS = ("totp_step", "revision"), ("left_at", "starts_at")


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
        sa.Column("email", sa.String(), nullable=False),
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
    op.create_index("ix_audit_subject", "audit", ["subject", "id"])
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
    # Today and Chats look at the newest rows, and at those of a span.
    op.create_index("ix_deliveries_sent", "deliveries", ["sent_at"])
    op.create_index("ix_answers_now", "answers", ["now"])


def downgrade() -> None:
    op.drop_index("ix_answers_now", "answers")
    op.drop_index("ix_deliveries_sent", "deliveries")
    for table in ("errands", "audit", "login_failures", "staff_links", "staff_sessions"):
        op.drop_table(table)
    for name in OF_VERSIONS:
        op.drop_column("versions", name)
    for name in OF_STAFF:
        op.drop_column("staff", name)
