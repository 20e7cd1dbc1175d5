"""Alerts: what happened, who was told of it and why the others were not; silences, hooks."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False, server_default="")


def partial(words: str) -> dict[str, sa.TextClause]:
    return {"sqlite_where": sa.text(words), "postgresql_where": sa.text(words)}


def upgrade() -> None:
    for name in ("group_seconds", "repeat_minutes", "ack_minutes"):
        op.add_column("topics", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("subscribers", text("zone"))
    op.create_table(
        "alerts",
        sa.Column("id", ID, primary_key=True),
        *(text(name) for name in ("topic", "key", "state", "severity", "title", "text", "url", "source", "thread")),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        text("acked_by"),
        sa.Column("acked_at", MOMENT, nullable=True),
        sa.Column("muted_until", MOMENT, nullable=True),
        sa.Column("repeat_at", MOMENT, nullable=True),
    )
    open_ = "state = 'firing' AND key <> ''"
    op.create_index("ux_alerts_open", "alerts", ["topic", "key"], unique=True, **partial(open_))
    op.create_index("ix_alerts_key", "alerts", ["topic", "key", "id"])
    op.create_index("ix_alerts_began", "alerts", ["began_at"])
    op.create_index("ix_alerts_firing", "alerts", ["began_at"], **partial("state = 'firing'"))
    op.create_index("ix_alerts_repeat", "alerts", ["repeat_at"], **partial("state = 'firing'"))
    op.create_table(
        "bundles",
        sa.Column("id", ID, primary_key=True),
        text("topic"),
        text("of"),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closes_at", MOMENT, nullable=False),
        text("state"),
    )
    op.create_index("ix_bundles_topic", "bundles", ["topic", "of", "closes_at"])
    op.create_index("ix_bundles_open", "bundles", ["closes_at"], **partial("state = 'open'"))
    op.create_table(
        "happenings",
        sa.Column("id", ID, primary_key=True),
        sa.Column("alert_id", ID, nullable=True),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("bundle_id", ID, nullable=True),
        *(text(name) for name in ("topic", "what", "severity", "title", "text", "url", "who", "verdict", "detail")),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        text("state"),
        sa.Column("through", ID, nullable=False),
    )
    op.create_index("ux_happenings_event", "happenings", ["event_id"], unique=True)
    op.create_index("ix_happenings_alert", "happenings", ["alert_id", "id"])
    op.create_index("ix_happenings_bundle", "happenings", ["bundle_id"])
    op.create_index("ix_happenings_at", "happenings", ["at"])
    op.create_table(
        "alert_log",
        sa.Column("id", ID, primary_key=True),
        sa.Column("happening_id", ID, nullable=False),
        sa.Column("alert_id", ID, nullable=True),
        *(text(name) for name in ("topic", "channel", "chat", "outcome", "detail")),
        sa.Column("delivery_id", ID, nullable=True),
        sa.Column("held_until", MOMENT, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index("ux_alert_log", "alert_log", ["happening_id", "channel", "chat"], unique=True)
    op.create_index("ix_alert_log_alert", "alert_log", ["alert_id", "channel", "chat"])
    op.create_index("ix_alert_log_chat", "alert_log", ["channel", "chat", "id"])
    op.create_index("ix_alert_log_held", "alert_log", ["held_until"], **partial("held_until IS NOT NULL"))
    op.create_table(
        "silences",
        sa.Column("id", ID, primary_key=True),
        *(text(name) for name in ("topic", "key", "words", "severity", "comment", "by")),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("start_told", sa.Boolean(), nullable=False),
        sa.Column("end_told", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_silences_ends", "silences", ["ends_at"])
    op.create_table(
        "hooks",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), nullable=False, unique=True),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("used_at", MOMENT, nullable=True),
    )


def downgrade() -> None:
    for name in ("hooks", "silences", "alert_log", "happenings", "bundles", "alerts"):
        op.drop_table(name)
    op.drop_column("subscribers", "zone")
    for name in ("ack_minutes", "repeat_minutes", "group_seconds"):
        op.drop_column("topics", name)
