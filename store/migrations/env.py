"""Alembic's entry: our models, the app's engine, one transaction for all that is due."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from store import (  # noqa: F401 (their tables)
    answers,
    audit,
    chats,
    deliveries,
    errands,
    events,
    logins,
    processes,
    services,
    staff,
    standing,
    surveys,
    ticks,
    totals,
    versions,
)
from store.database import db


def run() -> None:
    given = context.config.attributes.get("connection")  # a restore migrates inside its own transaction
    if given is not None:
        migrate(given)
        return
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect().execution_options(writing=True) as connection:
        migrate(connection)


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=False,
        transactional_ddl=True,  # SQLite's too, as we begin by ourselves: killed half-way, nothing was done
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            # Two hosts that start together migrate one after the other.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(730116)")
        context.run_migrations()


run()
