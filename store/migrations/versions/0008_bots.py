"""The bot platform: companies, their bots with keys and commands, calls to the bots, invites, tickets of browsers."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
OPEN = "state IN ('waiting', 'given')"


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False, server_default="")


def moment(name: str, nullable: bool = True) -> sa.Column[sa.DateTime]:
    return sa.Column(name, MOMENT, nullable=nullable)


def switch(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def upgrade() -> None:
    _bots()
    _calls()
    op.create_table(
        "invites",
        sa.Column("id", ID, primary_key=True),
        text("company"),
        sa.Column("digest", sa.String(), nullable=False, unique=True),
        switch("guest"),
        text("made_by"),
        moment("made_at", nullable=False),
        moment("expires_at", nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
    )
    op.create_table(
        "tickets",
        sa.Column("digest", sa.String(), primary_key=True),
        text("company"),
        text("chat"),
        text("name"),
        sa.Column("until", sa.Double(), nullable=False),
    )
    op.add_column("staff", text("company"))
    where = sa.text("channel = 'webchat' AND sent_at IS NOT NULL")
    op.create_index("ix_deliveries_webchat", "deliveries", ["sent_at"], sqlite_where=where, postgresql_where=where)


def _bots() -> None:
    op.create_table("companies", sa.Column("name", sa.String(), primary_key=True), moment("created_at", nullable=False))
    op.create_table(
        "bots",
        sa.Column("id", ID, primary_key=True),
        *(text(name) for name in ("company", "name", "ip", "sdk")),
        switch("listens"),
        moment("created_at", nullable=False),
        *(moment(name) for name in ("hello_at", "seen_at", "revoked_at")),
    )
    op.create_index("ux_bots", "bots", ["company", "name"], unique=True)
    op.create_table(
        "bot_keys",
        sa.Column("id", ID, primary_key=True),
        sa.Column("bot_id", ID, nullable=False, index=True),
        sa.Column("digest", sa.String(), nullable=False, unique=True),
        text("ending"),
        moment("made_at", nullable=False),
        *(moment(name) for name in ("used_at", "revoked_at")),
    )
    op.create_table(
        "bot_commands",
        sa.Column("company", sa.String(), primary_key=True),
        sa.Column("folded", sa.String(), primary_key=True),
        sa.Column("bot_id", ID, nullable=False, index=True),
        *(text(name) for name in ("name", "help", "usage")),
        switch("guests"),
        moment("since", nullable=False),
    )
    op.create_table(
        "bot_sockets",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("bot_id", ID, nullable=False, index=True),
        sa.Column("key_id", ID, nullable=False),
        *(text(name) for name in ("relay", "ip", "sdk")),
        *(moment(name, nullable=False) for name in ("since", "seen_at")),
        switch("draining"),
    )


def _calls() -> None:
    op.create_table(
        "bot_calls",
        sa.Column("id", ID, primary_key=True),
        sa.Column("event_id", ID, nullable=False, unique=True),
        sa.Column("bot_id", ID, nullable=False),
        *(text(name) for name in ("company", "command", "text", "channel", "chat", "thread", "person", "name")),
        *(text(name) for name in ("language", "trace", "state", "why")),
        *(switch(name) for name in ("room", "guest")),
        sa.Column("socket", sa.String(), nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("gives", "last_seq", "wait_seq")),
        *(moment(name, nullable=False) for name in ("asked_at", "expires_at")),
        *(moment(name) for name in ("wait_until", "ended_at")),
    )
    where = {"sqlite_where": sa.text(OPEN), "postgresql_where": sa.text(OPEN)}
    op.create_index("ix_bot_calls_open", "bot_calls", ["bot_id", "id"], **where)
    op.create_index("ix_bot_calls_expiry", "bot_calls", ["expires_at"], **where)
    op.create_index("ix_bot_calls_chat", "bot_calls", ["channel", "chat", "id"])
    op.create_table(
        "bot_answers",
        sa.Column("call_id", ID, primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("event_id", ID, nullable=True, unique=True),
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_webchat", "deliveries")
    op.drop_column("staff", "company")
    tables = ("tickets", "invites", "bot_answers", "bot_calls", "bot_sockets", "bot_commands", "bot_keys", "bots")
    for name in (*tables, "companies"):
        op.drop_table(name)
