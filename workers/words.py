"""Live modules and tables. Each version is parsed once per process; which one is live is read per event, so a
publish or a rollback holds for the next event everywhere."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from sqlalchemy.orm import Session

import logs
from curation.lookup import Expected, Table
from responses import module as modules
from responses.check import check, columns_read
from responses.module import Module
from responses.problems import Invalid, Problem
from store import audit, database, versions

K = TypeVar("K")
T = TypeVar("T")

_MOST = 200
_lock = threading.Lock()
_modules: dict[tuple[str, int], Module] = {}
_tables: dict[tuple[str, int], Table] = {}
_problems: dict[tuple[str, str, tuple[tuple[str, int | None], ...]], list[Problem]] = {}


def live_modules(session: Session) -> list[tuple[Module, int]]:
    live = versions.live(session, versions.MODULE)
    return [(module_version(session, name, number), number) for name, number in live.items()]


def all_modules(session: Session) -> list[Module]:
    """What is live, and the drafts; one that cannot be read yet, since somebody is at it, needs nothing."""
    found = [module for module, _ in live_modules(session)]
    for name in sorted(versions.has_draft(session, versions.MODULE)):
        draft = versions.get(session, versions.MODULE, name, versions.DRAFT)
        try:
            found += [parsed(draft)] if draft else []
        except Invalid:
            continue
    return found


def module_version(session: Session, name: str, number: int) -> Module:
    key = (name, number)
    if key not in _modules:
        kept = versions.get(session, versions.MODULE, name, number)
        if kept is None:
            raise versions.Nothing(f"module {name} has no version {number}")
        _remember(_modules, key, parsed(kept))
    return _modules[key]


def parsed(kept: versions.Version) -> Module:
    return _parsed(kept.name, kept.content)


@lru_cache(maxsize=64)
def _parsed(name: str, content: str) -> Module:
    return modules.parse(content, f"{name}.yaml")


def title(kept: versions.Version) -> str:
    """A draft in the middle of a change may have none that can be read; its name will do."""
    try:
        return parsed(kept).title or kept.name
    except Invalid:
        return kept.name


def table_version(session: Session, name: str, number: int) -> Table:
    key = (name, number)
    if number == versions.DRAFT:
        return _table(session, name, number)
    if key not in _tables:
        _remember(_tables, key, _table(session, name, number))
    return _tables[key]


def _table(session: Session, name: str, number: int) -> Table:
    kept = versions.get(session, versions.TABLE, name, number)
    if kept is None:
        raise versions.Nothing(f"table {name} has no version {number}")
    return Table.from_json(kept.content, version=number)


def tables(session: Session, numbers: Mapping[str, int]) -> Callable[[str], Table | None]:
    """Tables by name, in exactly these versions."""
    return lambda name: table_version(session, name, numbers[name]) if name in numbers else None


def current_tables(session: Session) -> dict[str, Table]:
    """What a module may look up: the live version of each table, its draft where nothing is live yet."""
    live = versions.live(session, versions.TABLE)
    return {
        name: table_version(session, name, live.get(name, versions.DRAFT))
        for name in versions.names(session, versions.TABLE)
    }


def expected(session: Session, name: str, new_columns: bool = False) -> Expected | None:
    """What a sheet must have: the columns that modules use, and those of the version that is live."""
    needed: dict[str, str] = {}
    for module in all_modules(session):
        for column in columns_read(module, name):
            needed.setdefault(column, module.name)
    live = versions.live_number(session, versions.TABLE, name)
    known = table_version(session, name, live) if live else None
    if known is None and not needed:
        return None
    return Expected.of(known, needed, new_columns)


def problems(session: Session, draft: versions.Version) -> list[Problem]:
    """What keeps a module's or a table's draft from being published, and what is worth a warning."""
    if draft.kind == versions.MODULE:
        return _module_problems(draft, current_tables(session))
    wanted = expected(session, draft.name)
    known = Table.from_json(draft.content).keys()
    return [
        Problem(draft.name, None, f"The column '{column}' is missing, and module {module} reads it", "Add the column.")
        for column, module in (wanted.needed.items() if wanted else ())
        if column not in known
    ]


def _module_problems(draft: versions.Version, tables: dict[str, Table]) -> list[Problem]:
    """Checked once for each content and set of published tables: it takes a tenth of a second and more."""
    key = (draft.name, draft.content, tuple((name, table.version) for name, table in sorted(tables.items())))
    if key not in _problems or not all(table.version for table in tables.values()):
        _remember(_problems, key, check(draft.content, f"{draft.name}.yaml", tables))
    return _problems[key]


def publish_scheduled(now: datetime) -> None:
    """Drafts whose time has come go live, each in a transaction of its own; what is wrong with one stays its own."""
    while True:
        with database.writing() as session:
            due = versions.starting(session, now)
            if due is None:
                return
            _publish_scheduled(session, due, now)


def _publish_scheduled(session: Session, draft: versions.Version, now: datetime) -> None:
    kind, name, who, note = draft.kind, draft.name, draft.published_by, draft.note
    wrong = [problem for problem in problems(session, draft) if problem.level == "error"]
    before, subject = versions.live_number(session, kind, name), f"{kind}:{name}"
    if wrong:
        versions.unschedule(session, kind, name, trouble=str(wrong[0]))
        audit.note(session, now, who, f"{kind}.not_published", subject, None, {"why": str(wrong[0])})
        logs.warn("draft.not_published", kind=kind, name=name, problems=len(wrong))
        return
    number = versions.publish(session, kind, name, now, who, note)
    audit.note(session, now, who, f"{kind}.published", subject, before, {"version": number, "scheduled": True})
    logs.say("draft.published", kind=kind, name=name, version=number)


def _remember(kept: dict[K, T], key: K, value: T) -> None:
    with _lock:
        if len(kept) >= _MOST:
            kept.pop(next(iter(kept)))
        kept[key] = value
