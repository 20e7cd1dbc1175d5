"""A message that was on its way when its series ended is not tried again; a backlog costs no more than its turn."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("ended", sa.String(), nullable=False, server_default=""))
    for name, columns, where in (
        (
            "ix_deliveries_turn",
            ["channel", "event_id", "step"],
            "state = 'waiting' AND due_at IS NOT NULL AND position IS NOT NULL",
        ),
        ("ix_deliveries_apart", ["due_at"], "state = 'waiting' AND position IS NULL"),
    ):
        op.create_index(
            name, "deliveries", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )


def downgrade() -> None:
    op.drop_index("ix_deliveries_apart", "deliveries")
    op.drop_index("ix_deliveries_turn", "deliveries")
    op.drop_column("deliveries", "ended")
