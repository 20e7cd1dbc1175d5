"""Alembic's entry: our models, the app's engine, one transaction for all that is due."""

from alembic import context
from flask import current_app

from store import answers, chats, deliveries, events, processes, staff, surveys, versions  # noqa: F401 (their tables)
from store.database import db


def run() -> None:
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect().execution_options(writing=True) as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                # Two hosts that start together migrate one after the other.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(730116)")
            context.run_migrations()


run()
