"""Employees: the catalogue of services that they search, and what was searched for in vain."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("chats", sa.Column("room", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("deliveries", sa.Column("parts_sent", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("deliveries", sa.Column("repeated", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "services",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("synonyms", sa.JSON(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("link", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.Column("stamp", ID, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "searches_missed",
        sa.Column("id", ID, nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ux_searches_missed_text", "searches_missed", ["text", "channel"], unique=True)
    op.create_index("ix_searches_missed_last", "searches_missed", ["last_at"])
    op.create_table(
        "people",
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("quiet_from", sa.Time(), nullable=True),
        sa.Column("quiet_until", sa.Time(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_index("ix_people_team", "people", ["team"])
    op.create_table(
        "teams",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "days",
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
    )
    op.create_index("ux_days_person", "days", ["person_id", "on"], unique=True)
    op.create_index("ix_days_on", "days", ["on"])
    op.create_table(
        "tellings",
        sa.Column("day_id", ID, nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("day_id", "what"),
        sa.ForeignKeyConstraint(["day_id"], ["days.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_tellings_due", "tellings", ["due_at"])
    op.create_table(
        "reminders",
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("room", sa.Boolean(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("repeat", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("tell_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_reminders_person", "reminders", ["person_id"])
    still_on = sa.text("state = 'on'")
    op.create_index(
        "ix_reminders_due", "reminders", ["tell_at"], sqlite_where=still_on, postgresql_where=still_on
    )
    op.create_table(
        "topics",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", ID, nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("quiet_from", sa.Time(), nullable=True),
        sa.Column("quiet_until", sa.Time(), nullable=True),
        sa.Column("severity", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ux_subscribers", "subscribers", ["topic", "channel", "chat"], unique=True)
    op.create_index("ix_subscribers_chat", "subscribers", ["channel", "chat"])

    op.create_table(
        "mail_profiles",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("tls", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("sealed_password", sa.String(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("mail_profiles")
    op.drop_table("subscribers")
    op.drop_table("topics")
    op.drop_table("reminders")
    op.drop_table("tellings")
    op.drop_table("days")
    op.drop_table("teams")
    op.drop_table("people")
    op.drop_column("deliveries", "repeated")
    op.drop_column("deliveries", "parts_sent")
    op.drop_column("chats", "room")
    op.drop_table("searches_missed")
    op.drop_table("services")
