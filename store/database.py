"""The one database: SQLite in WAL mode or PostgreSQL, through Flask-SQLAlchemy."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, ColumnElement, DateTime, Dialect, Integer, event, literal_column, text
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


# SQLite counts its own 64-bit row ids only in a column that is called INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


class Moment(TypeDecorator[datetime]):
    """An aware time, kept in UTC. SQLite has no zones, so there it is naive UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def engine_options(url: str, patience: float) -> dict[str, Any]:
    """`patience`: seconds to wait for another writer before giving up. Short in a web process, which has a spool."""
    if make_url(url).get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": patience}, "pool_size": 40, "hide_parameters": True}
    waits = f"-c lock_timeout={int(patience * 1000)} -c statement_timeout={int(patience * 1000) + 20000}"
    return {
        "connect_args": {"connect_timeout": 3, "options": waits, "tcp_user_timeout": 8000},
        "pool_size": 10,
        "max_overflow": 40,
        "pool_pre_ping": True,
        "hide_parameters": True,
    }


def prepare(engine: Engine, patience: float) -> None:
    """SQLite by default begins lazily and waits badly; make it WAL, durable, and explicit about writers."""
    if engine.dialect.name != "sqlite":
        return
    Path(str(engine.url.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A transaction that reads first and writes later can lose its snapshot; writers say so at once.
        if connection.get_execution_options().get("writing"):
            _begin_writing(connection, patience)
        else:
            connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection, patience: float) -> None:
    """SQLite waits for another writer with pauses that grow to a tenth of a second, so a web process would hardly
    ever get in beside a busy worker. Looking every millisecond makes the turns fair."""
    until = time.monotonic() + patience
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return
            except OperationalError as error:
                if "locked" not in str(error.orig) or time.monotonic() > until:
                    raise
            time.sleep(0.001)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={int(patience * 1000)}")


# SQLite has one writer, and who waits for it sleeps and polls. Threads of one process wait here instead, in turn.
_turn = threading.Lock()


@contextmanager
def writing() -> Iterator[Session]:
    """One transaction that writes: commits at the end, rolls back on any error."""
    session = db.session
    session.rollback()  # a read left open would keep an old snapshot
    with _turn if is_sqlite(session()) else nullcontext():
        try:
            session.connection(execution_options={"writing": True})
            yield session()
            session.commit()
        except BaseException:
            session.rollback()
            raise


@contextmanager
def reading() -> Iterator[Session]:
    """A consistent look that leaves no transaction open behind it."""
    try:
        yield db.session()
    finally:
        db.session.rollback()


def is_one_of(column: Any, *words: str) -> ColumnElement[bool]:
    """`column` is one of our own state words, written into the SQL: SQLite uses a partial index only when it can
    see the value, which a bound parameter hides."""
    literals: list[ColumnElement[Any]] = [literal_column(f"'{word}'") for word in words]
    return column == literals[0] if len(literals) == 1 else column.in_(literals)  # type: ignore[no-any-return]


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def writable() -> bool:
    """True when the database takes a write right now. Raises what the driver raises when it does not."""
    with writing() as session:
        session.execute(text("SELECT 1"))
    return True
