"""A backup in one file: every table as JSON lines, which any of our databases can take back, and a manifest
with counts and checksums. A .tar.gz, so that a person can look inside with what every machine has."""

import base64
import hashlib
import io
import json
import os
import re
import tarfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from datetime import time as clock_time
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Date,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    Time,
    func,
    insert,
    select,
    text,
)

FORMAT = 1
PART_BYTES = 4 * 1024 * 1024  # of lines in one member: what is held in memory
LARGEST_MANIFEST = 64 * 1024 * 1024
TOGETHER = 1000  # rows in one statement
# Processes of the past hold no leases, and who was logged in then is not let in now. Errands can be had again.
LEFT_OUT = (
    "alembic_version",
    "heartbeats",
    "staff_sessions",
    "staff_links",
    "login_failures",
    "errands",
    "bot_sockets",
    "tickets",
)
MANIFEST, SECRET_KEY = "manifest.json", "secret-key"
_MEMBER = re.compile(r"manifest\.json|secret-key|(spool|bad)/\d{6}\.json|tables/[a-z_]+-\d{6}\.jsonl")

Manifest = dict[str, Any]


class Broken(Exception):
    """The file is no whole backup of ours; the text says why."""


# --- out ---


def write(path: Path, connection: Connection, about: Mapping[str, Any], files: Iterable[tuple[str, bytes]]) -> Manifest:
    """`connection` shows one moment of the database (see `snapshot`); `files` are kept as they are."""
    manifest: Manifest = {"format": FORMAT, **about, "tables": {}, "files": {}}
    unfinished = path.with_name(f".{path.name}.part")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar:
                for name, content in files:
                    _add(tar, manifest, name, content)
                for table in tables_of(connection):
                    _add_table(tar, manifest, connection, table)
                _add(tar, None, MANIFEST, json.dumps(manifest, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        os.rename(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return manifest


@contextmanager
def snapshot(connect: Callable[[], Connection]) -> Iterator[Connection]:
    """One read-only transaction that sees the database as it is now, whatever is written meanwhile."""
    with connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            take_your_time(connection)
            connection.execute(text("SELECT version_num FROM alembic_version"))  # from here on
            yield connection


def take_your_time(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {limit} = {'10000' if limit == 'lock_timeout' else '0'}")


def tables_of(connection: Connection) -> list[Table]:
    """As the database has them, whichever revision that is."""
    found = MetaData()
    found.reflect(connection)
    for table in found.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=bool(column.nullable))
    return [table for table in found.sorted_tables if table.name not in LEFT_OUT]


def _add_table(tar: tarfile.TarFile, manifest: Manifest, connection: Connection, table: Table) -> None:
    count, number, lines, size = 0, 0, [], 0
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=TOGETHER).execute(query).mappings():
        line = json.dumps({name: _neutral(value) for name, value in row.items()}).encode() + b"\n"
        lines.append(line)
        size += len(line)
        count += 1
        if size > PART_BYTES:
            number += 1
            _add(tar, manifest, f"tables/{table.name}-{number:06d}.jsonl", b"".join(lines))
            lines, size = [], 0
    if lines:
        _add(tar, manifest, f"tables/{table.name}-{number + 1:06d}.jsonl", b"".join(lines))
    manifest["tables"][table.name] = count


def _add(tar: tarfile.TarFile, manifest: Manifest | None, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
    tar.addfile(member, io.BytesIO(content))
    if manifest is not None:
        manifest["files"][name] = hashlib.sha256(content).hexdigest()


def _neutral(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, date | clock_time):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes | memoryview) else value


# --- in ---


def check(path: Path) -> Manifest:
    """The manifest, after every byte was read and compared with it."""
    found: dict[str, str] = {}
    manifest: Manifest | None = None
    for name, content in members(path):
        if name == MANIFEST:
            try:
                manifest = json.loads(content)
            except ValueError:
                raise Broken("its manifest cannot be read") from None
        else:
            found[name] = hashlib.sha256(content).hexdigest()
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise Broken("it has no manifest: it is no backup of ours, or its end is missing")
    if manifest.get("format") != FORMAT:
        raise Broken(f"it was made by another Maru: format {manifest.get('format')!r}; this one reads {FORMAT}")
    wrong = sorted(name for name in found.keys() | manifest["files"] if found.get(name) != manifest["files"].get(name))
    if wrong:
        raise Broken(f"the checksum of {wrong[0]} differs ({len(wrong)} of {len(found)} parts)")
    return manifest


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path, "r|gz") as tar:
            for member in tar:
                if not member.isfile() or not _MEMBER.fullmatch(member.name) or member.size > LARGEST_MANIFEST:
                    raise Broken("it holds a file that no backup of ours has")
                content = tar.extractfile(member)
                if content is None:
                    raise Broken("it holds a file that no backup of ours has")
                yield member.name, content.read()
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise Broken(f"it is no whole .tar.gz ({type(error).__name__})") from None
    except OSError as error:
        raise Broken(f"it cannot be read: {error.strerror or type(error).__name__}") from None


def load(path: Path, connection: Connection, manifest: Manifest) -> None:
    """Put every row back into the tables of `connection`, which are empty and of the backup's revision."""
    tables = {table.name: table for table in tables_of(connection)}
    loaded = dict.fromkeys(manifest["tables"], 0)
    for name, content in members(path):
        if not name.startswith("tables/"):
            continue
        table = tables[name.removeprefix("tables/").rpartition("-")[0]]
        rows = [_row(table, json.loads(line)) for line in content.splitlines()]
        for start in range(0, len(rows), TOGETHER):
            connection.execute(insert(table), rows[start : start + TOGETHER])
        loaded[table.name] += len(rows)
    if loaded != manifest["tables"]:
        raise Broken("it holds other numbers of rows than its manifest says")
    if connection.dialect.name == "postgresql":
        for table in tables.values():
            _go_on_counting(connection, table)


def _row(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(table.columns[name], value) for name, value in row.items()}


def _value(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, DateTime):
        moment = datetime.fromisoformat(value)
        return moment if getattr(column.type, "timezone", False) else moment.astimezone(UTC).replace(tzinfo=None)
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    if isinstance(column.type, Time):
        return clock_time.fromisoformat(value)
    return base64.b64decode(value) if isinstance(column.type, LargeBinary) else value


def _go_on_counting(connection: Connection, table: Table) -> None:
    """PostgreSQL numbers new rows from a sequence, which knows nothing of rows that brought their number."""
    for column in table.primary_key.columns:
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        if sequence:
            newest = connection.scalar(select(func.max(column)))
            connection.execute(select(func.setval(sequence, newest or 1, newest is not None)))
