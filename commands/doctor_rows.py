"""What doctor asks others: the database, Redis, the parts, the platforms, and the words that are kept."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import flask_migrate
from alembic.script import ScriptDirectory
from flask import current_app
from redis.exceptions import RedisError
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

import channels as platforms
import clock
from channels import http
from channels.contract import SendError
from commands.db import FOLDER
from commands.doctor_house import Verdict, bad, good
from responses import check as checking
from settings import Settings, is_loopback
from store import database, processes, versions
from store.database import db
from workers.words import current_tables

LARGEST_DRIFT = 2.0  # seconds between this machine and the database's
START = "Start it: make run, or systemctl start maru.target."


def is_running(settings: Settings) -> bool:
    """Is anything of the service up? When nothing is, that nothing answers is no news."""
    try:
        with database.reading() as session:
            if session.scalars(processes.alive()).first() is not None:
                return True
    except SQLAlchemyError:
        pass  # no database to tell by; `rows` says so
    host = settings.host if is_loopback(settings.host) else "127.0.0.1"
    return _answers(f"http://{host}:{settings.port}/healthz")


def _answers(url: str) -> bool:
    try:
        return http.call("GET", url, headers={}).status == 200
    except SendError:
        return False


def rows(settings: Settings) -> Iterator[Verdict]:
    try:
        with db.engine.connect() as connection:
            kind = connection.dialect.name
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
            tables = inspect(connection).get_table_names()
            revision = "alembic_version" in tables and connection.scalar(
                text("SELECT version_num FROM alembic_version")
            )
            drift = float(connection.scalar(select(database.real_time())) or 0) - clock.real()
            journal = connection.scalar(text("PRAGMA journal_mode")) if kind == "sqlite" else None
            size = connection.scalar(text(database.SIZE[kind]))
    except SQLAlchemyError as error:
        mend = "Is it running? Look at DATABASE_URL, and whether this host may connect."
        yield bad("database", f"cannot be reached: {type(error).__name__}", mend)
        return
    yield good("database", f"{kind} {version}, {int(size or 0) / 1024**2:.1f} MiB")
    flask_migrate.Migrate(current_app, db, directory=str(FOLDER))
    config = current_app.extensions["migrate"].migrate.get_config(str(FOLDER))
    head = ScriptDirectory.from_config(config).get_current_head()
    if revision == head:
        yield good("migrations", f"at revision {revision}")
    else:
        yield bad("migrations", f"at revision {revision or 'none'}; {head} is due", "flask db upgrade")
    if journal is not None:
        wal = str(journal).lower() == "wal"
        mend = "The disk under DATA_DIR must be a local one: SQLite's WAL does not work over a network."
        yield good("journal", "WAL") if wal else bad("journal", f"{journal}, not WAL", mend)
    if abs(drift) > LARGEST_DRIFT:
        mend = "Let both machines take their time from NTP: timedatectl set-ntp true"
        yield bad("time", f"the database's clock is {drift:+.1f} s from this machine's", mend, "warn")
    else:
        yield good("time", "this machine and the database agree")
    if revision == head:
        yield _writable()


def _writable() -> Verdict:
    try:
        database.writable()
    except SQLAlchemyError as error:
        mend = "Is another program holding a lock, the disk full, or this server a standby?"
        return bad("database writes", f"cannot be written: {type(error).__name__}", mend)
    return good("database writes", "can be written")


def redis(settings: Settings, running: bool) -> Iterator[Verdict]:
    try:
        about = current_app.extensions["intake"].bell.redis.info("server")
    except RedisError as error:
        if settings.embedded_redis and not running:
            yield bad("redis", "the embedded one is stopped, like the service", START, "warn")
            return
        mend = "Look at REDIS_URL. Until it is back workers look by themselves every second; nothing is lost."
        yield bad("redis", f"cannot be reached: {type(error).__name__}", mend, "error")
        return
    version = f"Valkey {about['valkey_version']}" if "valkey_version" in about else f"Redis {about['redis_version']}"
    yield good("redis", f"{version}{', embedded' if settings.embedded_redis else ''}")


def spool() -> Iterator[Verdict]:
    found = current_app.extensions["intake"].spool
    if found is None:
        mend = "Switch it on where the disk is persistent; else calls are refused while the database is away."
        yield bad("spool", "off", mend, "warn")
        return
    try:
        found.probe()
    except OSError as error:
        yield bad(
            "spool",
            f"cannot be written: {error.strerror}",
            "Look at the disk and at who owns DATA_DIR/spool.",
        )
        return
    waiting, aside = len(found.waiting()), len(found.laid_aside())
    if waiting:
        mend = "The web process of this host brings them in as soon as the database is back."
        yield bad("spool", f"{waiting} calls wait for the database", mend, "warn")
    if aside:
        yield bad(
            "spool",
            f"{aside} calls that no database takes",
            "Look at DATA_DIR/spool/bad, then delete them.",
            "warn",
        )
    if not waiting and not aside:
        yield good("spool", "empty, and can be written")


def parts(running: bool) -> Iterator[Verdict]:
    with database.reading() as session:
        alive = set(session.scalars(processes.alive()))
        found = [row for row in processes.parts(session) if row.id in alive]
    for part in ("worker", "clock"):
        hosts = sorted(row.host for row in found if row.part == part)
        if hosts:
            yield good(part, f"{len(hosts)} running on {', '.join(dict.fromkeys(hosts))}")
        elif running:
            yield bad(part, f"no {part} is running", f"Start one: flask {part}, or systemctl start maru.target.")
        else:
            yield bad(part, "the service is stopped", START, "warn")


def address(settings: Settings, running: bool) -> Iterator[Verdict]:
    url = settings.base_url
    if _answers(f"{url}/healthz"):
        yield good("address", f"{url} answers")
    elif not running:
        yield bad("address", f"{url} does not answer: the service is stopped", START, "warn")
    else:
        mend = "Look at BASE_URL, its name server entry, the TLS front's log and its certificate."
        yield bad("address", f"{url} does not answer, although the service runs", mend)


def channels(settings: Settings, running: bool) -> Iterator[Verdict]:
    for name, channel in platforms.CHANNELS.items():
        if not hasattr(channel, "verify"):
            continue  # it only sends: see doctor_mail
        keys = current_app.extensions["keys"][name]
        if not channel.configured(keys):
            mend = f"Give its keys (README), unless {name} is not used."
            yield bad(name, "off: it has no keys", mend, "warn")
            continue
        found = channel.checks(keys) if hasattr(channel, "checks") else []
        if not found:
            yield bad(name, "only webhook tokens are given", "Give its access key and secret: sending needs them.")
        for one in found:
            stopped = is_loopback(urlsplit(keys.get("api_url", "")).hostname) and not running
            yield Verdict(f"{name} {one.name}", one.ok, one.detail, one.mend, "warn" if stopped else one.level)


def words() -> Iterator[Verdict]:
    with database.reading() as session:
        tables = current_tables(session)
        kept = [versions.current(session, versions.MODULE, name) for name in versions.names(session, versions.MODULE)]
        modules = [(one.name, one.number, one.content) for one in kept if one is not None]
    for name, number, content in modules:
        problems = checking.check(content, f"{name}.yaml", tables)
        errors = [problem for problem in problems if problem.level == "error"]
        what = f"version {number}" if number else "draft"
        mend = f"flask responses export {name} > {name}.yaml, mend it, flask responses import {name}.yaml"
        if problems:
            worst = (errors or problems)[0]
            # A draft that is wrong is work in progress; what is live and wrong fails for customers.
            level = "error" if errors and number else "warn"
            yield bad(f"module {name}", f"{what}, line {worst.line}: {worst.message}", worst.mend or mend, level)
        else:
            yield good(f"module {name}", f"{what} is in order")
    for name, table in sorted(tables.items()):
        yield good(f"table {name}", f"{len(table.rows)} rows")
    if not modules:
        yield bad("modules", "there are none", "flask setup brings those that are shipped.", "warn")
