"""The catalogue of services as an index that can be asked: kept by the process, and made anew once it changed."""

import threading
from dataclasses import fields
from functools import cache
from importlib.util import find_spec

from sqlalchemy.orm import Session

import clock
import logs
from interaction.services import Found, Hit, Index, Service
from store import database, services, standing

_KEYS = tuple(one.name for one in fields(Service) if one.name != "synonyms")
_turn = threading.Lock()
_kept: tuple[services.State, Index] | None = None


def catalogue(session: Session) -> list[Service]:
    return [as_value(row) for row in services.listed(session)]


def as_value(row: services.Service) -> Service:
    return Service(**{key: getattr(row, key) for key in _KEYS}, synonyms=tuple(row.synonyms))


def search(session: Session, text: str, most: int, elasticsearch_url: str | None) -> list[Hit]:
    state, index = _current(session)
    return index.search(text, most, _likely(text, index, state, elasticsearch_url))


def answer(session: Session, text: str, elasticsearch_url: str | None) -> Found:
    state, index = _current(session)
    return index.answer(text, _likely(text, index, state, elasticsearch_url))


def _current(session: Session) -> tuple[services.State, Index]:
    global _kept
    state = services.state(session)
    with _turn:
        if _kept is None or _kept[0] != state:
            _kept = state, Index(catalogue(session), _kept[1] if _kept else None)
        return _kept


def trouble(url: str) -> str:
    """Asks Elasticsearch. Nothing when it answers, else what it means that it does not."""
    if not _has_client():
        return "the client of Elasticsearch is not installed; the embedded index answers"
    from workers import candidates

    return candidates.status(url)


def note_trouble(url: str) -> None:
    """For readiness, which asks no other machine."""
    words = trouble(url)
    with database.writing() as session:
        news = standing.checked(session, standing.ELASTICSEARCH, words, clock.now())
    if news and words:
        logs.warn("search.trouble", why=words)
    elif news:
        logs.say("search.fine")


def _likely(text: str, index: Index, state: services.State, url: str | None) -> list[str] | None:
    if not url or not _has_client():
        return None
    from workers import candidates

    return candidates.source(url).candidates(text, index.services, state)


@cache
def _has_client() -> bool:
    """The client of Elasticsearch is an extra."""
    if find_spec("elasticsearch") is None:
        logs.warn("search.no_client", mend="pip install elasticsearch, as requirements-dev.txt has it")
        return False
    return True
