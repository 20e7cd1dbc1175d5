"""The one database: SQLite in WAL mode or PostgreSQL, through Flask-SQLAlchemy."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Double,
    Integer,
    event,
    literal_column,
    text,
)
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
FROZEN_SECONDS = 10


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


class real_time(FunctionElement[float]):
    """Seconds since 1970 as the database has it, so that the processes of two hosts measure with one clock."""

    type = Double()
    inherit_cache = True


@compiles(real_time)
def _real_time(element: real_time, compiler: SQLCompiler, **more: Any) -> str:
    if compiler.dialect.name == "sqlite":
        return "((julianday('now') - 2440587.5) * 86400.0)"
    return "EXTRACT(EPOCH FROM now())::double precision"


def engine_options(url: str, patience: float) -> dict[str, Any]:
    """`patience`: seconds to wait for another writer before giving up. Short in a web process, which has a spool."""
    if make_url(url).get_backend_name() == "sqlite":
        # The one used last first: those that a burst has opened stay cold, and small.
        return {
            "connect_args": {"timeout": patience}, "pool_size": 40, "pool_use_lifo": True, "hide_parameters": True,
        }  # fmt: skip
    waits = f"-c lock_timeout={int(patience * 1000)} -c statement_timeout={int(patience * 1000) + 20000}"
    # A frozen process must not keep its locks, nor a server that vanished keep us waiting for hours.
    waits += f" -c idle_in_transaction_session_timeout={FROZEN_SECONDS * 1000}"
    alive = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 8000}
    # Nor must a host that vanished: between two messages of one statement the server counts no time, and would keep
    # locks and connections for two hours.
    waits += "".join(f" -c tcp_{name.removeprefix('tcp_')}={value}" for name, value in alive.items())
    return {
        "connect_args": {"connect_timeout": 3, "options": waits, **alive},
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
        # Little cache for each of up to forty connections: every commit of another one empties it, and the system
        # keeps the file in memory anyway. With 16 MB each a worker could grow by hundreds of MB as the database grows.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-2000"):
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
    """A consistent look that leaves no transaction open behind it. The rows that it found may be read afterwards:
    left in the session each would be looked up again, and one may be gone by then."""
    session = db.session()
    try:
        yield session
    finally:
        session.expunge_all()
        session.rollback()


def is_one_of(column: Any, *words: str) -> ColumnElement[bool]:
    """`column` is one of our own state words, written into the SQL: SQLite uses a partial index only when it can
    see the value, which a bound parameter hides."""
    literals: list[ColumnElement[Any]] = [literal_column(f"'{word}'") for word in words]
    return column == literals[0] if len(literals) == 1 else column.in_(literals)  # type: ignore[no-any-return]


def is_away(error: BaseException) -> bool:
    """Is it the database that cannot write just now, rather than the values that it cannot take?"""
    if isinstance(error, DBAPIError):
        return not isinstance(error, DataError | IntegrityError) and not _too_large(error)
    return isinstance(error, SQLAlchemyError) and not isinstance(error, StatementError)


def _too_large(error: DBAPIError) -> bool:
    """PostgreSQL files what exceeds its limits (a key too long for an index) under operational errors."""
    return str(getattr(error.orig, "sqlstate", None) or "").startswith("54")


_UNSTORABLE = re.compile("[\ud800-\udfff\x00]")


def storable(text: str, most: int) -> str:
    """Somebody else's words, cut, without what no database takes: NUL and halves of surrogate pairs."""
    return _UNSTORABLE.sub("\ufffd", text)[:most]


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


SIZE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


def about(session: Session) -> tuple[str, str, int]:
    """Its kind, version and size in bytes."""
    dialect = session.get_bind().dialect
    version = ".".join(map(str, dialect.server_version_info or ()))
    kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[dialect.name]
    return kind, version, int(session.scalar(text(SIZE[dialect.name])) or 0)


def alone(session: Session) -> None:
    """Hold up whoever else sets the house up, to the end of the transaction. SQLite's writers are alone anyway."""
    if not is_sqlite(session):
        session.execute(text("SELECT pg_advisory_xact_lock(730116)"))


def writable() -> bool:
    """True when the database takes a write right now. Raises what the driver raises when it does not."""
    with writing() as session:
        session.execute(text("UPDATE heartbeats SET pid = pid WHERE 1 = 0"))  # a standby refuses even that
    return True


def overwrite_what_goes(session: Session) -> None:
    """From here on SQLite writes zeros over what this connection deletes. (PostgreSQL's autovacuum makes room.)"""
    if is_sqlite(session):
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")


def empty_journal(patience: float = 5.0) -> bool:
    """Bring SQLite's write-ahead log into the database file and cut it to nothing: it repeats what was written
    lately. False when readers kept it busy all the time."""
    if db.engine.dialect.name != "sqlite":
        return True
    connection = db.engine.raw_connection()
    try:
        until = time.monotonic() + patience
        while connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True
    finally:
        connection.close()
