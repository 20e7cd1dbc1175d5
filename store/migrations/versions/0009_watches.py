"""Watches and their readings."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
ACCEPTED = "outcome IN ('first', 'changed', 'corrected', 'reverted')"


def upgrade() -> None:
    op.create_table(
        "watches",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("modified", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
    op.create_index("ix_watches_next", "watches", ["next_at"])
    op.create_table(
        "readings",
        sa.Column("id", ID, primary_key=True),
        sa.Column("watch", sa.String(), nullable=False),
        sa.Column("event_id", ID, nullable=False, unique=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_readings_watch", "readings", ["watch", "id"])
    where = sa.text(ACCEPTED)
    op.create_index("ix_readings_accepted", "readings", ["watch", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_table("readings")
    op.drop_table("watches")
