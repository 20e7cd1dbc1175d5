"""Live modules and tables. Each version is parsed once per process; which one is live is read per event, so a
publish or a rollback holds for the next event everywhere."""

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from sqlalchemy.orm import Session

from curation.lookup import Expected, Table
from responses import module as modules
from responses.check import columns_read
from responses.module import Module
from store import versions

T = TypeVar("T")

_MOST = 200
_lock = threading.Lock()
_modules: dict[tuple[str, int], Module] = {}
_tables: dict[tuple[str, int], Table] = {}


def live_modules(session: Session) -> list[tuple[Module, int]]:
    live = versions.live(session, versions.MODULE)
    return [(module_version(session, name, number), number) for name, number in live.items()]


def all_modules(session: Session) -> list[Module]:
    """Each module once: its draft if there is one, else what is live."""
    kept = [versions.current(session, versions.MODULE, name) for name in versions.names(session, versions.MODULE)]
    return [parsed(one) for one in kept if one is not None]


def module_version(session: Session, name: str, number: int) -> Module:
    key = (name, number)
    if key not in _modules:
        kept = versions.get(session, versions.MODULE, name, number)
        if kept is None:
            raise versions.Nothing(f"module {name} has no version {number}")
        _remember(_modules, key, parsed(kept))
    return _modules[key]


def parsed(kept: versions.Version) -> Module:
    return modules.parse(kept.content, f"{kept.name}.yaml")


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


def _remember(kept: dict[tuple[str, int], T], key: tuple[str, int], value: T) -> None:
    with _lock:
        if len(kept) >= _MOST:
            kept.pop(next(iter(kept)))
        kept[key] = value
