"""The chats, whoever was heard last first, with how each stands: going, asking, done, stopped, failed, quiet.

A chat's standing is that of its latest answer. Nothing of it is kept in a column: recording an event stays as cheap
as it is, and the list is worked out for the chats that are looked at. What is rare (failed, going, asking) is found
by partial indexes, everything else by walking back from the newest event.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from store.answers import ASKING as OPEN_QUESTION
from store.answers import Answer
from store.chats import Chat
from store.database import is_one_of
from store.deliveries import CANCELLED, UNFINISHED, Delivery
from store.deliveries import DEAD as UNSENT
from store.events import ANSWERED, DEAD, NEW, Event

GOING, ASKING, DONE, STOPPED, FAILED, QUIET = "going", "asking", "done", "stopped", "failed", "quiet"
STATES = (GOING, ASKING, DONE, STOPPED, FAILED, QUIET)
RARE = (GOING, ASKING, FAILED)
PER_PAGE = 50
TOGETHER = 100  # chats worked out at once
MOST_LOOKED_AT = 400  # chats worked out for one page; a filter that fits few of them goes on with the next page
MOST_CANDIDATES = 500
MOST_SEARCHED = 10_000  # newest messages whose words are searched

Pair = tuple[str, str]  # channel, chat


@dataclass(frozen=True)
class Wanted:
    channel: str = ""
    module: str = ""
    state: str = ""
    words: str = ""
    before: int | None = None  # the event of the last chat seen
    knows_names: bool = True  # else a name is only found whole, and messages are not searched


@dataclass(frozen=True)
class Listed:
    channel: str
    chat: str
    person: str
    name: str
    module: str
    state: str
    event: int
    kind: str
    text: str
    heard_at: datetime


@dataclass(frozen=True)
class Found:
    chats: list[Listed]
    before: int | None  # where the next page begins; None at the end
    gave_up: bool  # looked at as many as one page may, and there are more


def find(session: Session, wanted: Wanted, channels: Sequence[str]) -> Found:
    found: list[Listed] = []
    looked_at = 0
    newest = _newest_first(session, wanted, channels)
    while batch := list(islice(newest, TOGETHER)):
        standing = _standing(session, batch)
        fitting = [one for one in batch if _fits(wanted, *standing[one[1:]])]
        found += _described(session, fitting, standing)
        looked_at += len(batch)
        if len(found) > PER_PAGE:
            return Found(found[:PER_PAGE], found[PER_PAGE - 1].event, False)
        if looked_at >= MOST_LOOKED_AT:
            return Found(found, batch[-1][0], True)
    return Found(found, None, False)


def _fits(wanted: Wanted, state: str, module: str) -> bool:
    return wanted.state in ("", state) and wanted.module in ("", module)


# --- which chats, and by which event of theirs they are in the list ---

Newest = tuple[int, str, str]  # event, channel, chat


def _newest_first(session: Session, wanted: Wanted, channels: Sequence[str]) -> Iterator[Newest]:
    if wanted.words:
        return iter(_by_newest(session, _searched(session, wanted, channels), wanted))
    if wanted.state in RARE:
        return iter(_by_newest(session, _rare(session, wanted.state), wanted))
    return _walk(session, wanted)


def _walk(session: Session, wanted: Wanted) -> Iterator[Newest]:
    """Back from the newest event, leaving out those that are not the last of their chat."""
    later = aliased(Event)
    newer = select(later.id).where(later.channel == Event.channel, later.chat == Event.chat, later.id > Event.id)
    # OFFSET 0 keeps PostgreSQL from making a join of it, which would read every event before the first is found.
    query = select(Event.id, Event.channel, Event.chat).where(Event.chat != "", ~newer.limit(1).offset(0).exists())
    if wanted.channel:
        # Not as an equation: an index that begins with the channel would be read whole and sorted.
        query = query.where(func.coalesce(Event.channel, "") == wanted.channel)
    before = wanted.before
    while True:
        page = query if before is None else query.where(Event.id < before)
        rows = session.execute(page.order_by(Event.id.desc()).limit(TOGETHER)).all()
        yield from ((row.id, row.channel, row.chat) for row in rows)
        if len(rows) < TOGETHER:
            return
        before = rows[-1].id


def _by_newest(session: Session, pairs: Iterable[Pair], wanted: Wanted) -> list[Newest]:
    found: list[Newest] = []
    for channel, chats in _by_channel(pairs).items():
        if wanted.channel in ("", channel):
            query = select(func.max(Event.id), Event.chat).where(Event.channel == channel, Event.chat.in_(chats))
            found += [(row[0], channel, row[1]) for row in session.execute(query.group_by(Event.chat))]
    return sorted((one for one in found if wanted.before is None or one[0] < wanted.before), reverse=True)


def _by_channel(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for channel, chat in dict.fromkeys(pairs):
        if chat:
            found.setdefault(channel, []).append(chat)
    return found


def _rare(session: Session, state: str) -> list[Pair]:
    """Where it may be so, by the partial indexes of what is unfinished, open or failed."""
    tables: dict[str, list[tuple[Any, Any]]] = {
        GOING: [(Delivery, is_one_of(Delivery.state, *UNFINISHED)), (Event, is_one_of(Event.state, NEW))],
        ASKING: [(Answer, is_one_of(Answer.state, OPEN_QUESTION))],
        FAILED: [(Delivery, is_one_of(Delivery.state, UNSENT)), (Event, is_one_of(Event.state, DEAD))],
    }
    found: list[Pair] = []
    for table, which in tables[state]:
        newest = select(table.channel, table.chat).where(which).order_by(table.id.desc()).limit(MOST_CANDIDATES)
        found += [(row.channel, row.chat) for row in session.execute(newest)]
    return found


def _searched(session: Session, wanted: Wanted, channels: Sequence[str]) -> list[Pair]:
    """By an id, a name, or words that were said lately."""
    words = wanted.words
    whole = exists().where(Event.channel == Chat.channel, Event.chat == Chat.chat)
    of_id = or_(Chat.person == words, (Chat.chat == words) & Chat.channel.in_(channels))
    of_name = Chat.name.icontains(words, autoescape=True) if wanted.knows_names else Chat.name == words
    queries = [
        select(Chat.channel, Chat.chat).where(of_id),
        select(Chat.channel, Chat.chat).where(of_name, whole),
    ]
    if wanted.knows_names:
        queries += _said_lately(session, words)
    found: list[Pair] = []
    for query in queries:
        found += [(row.channel, row.chat) for row in session.execute(query.limit(MOST_CANDIDATES))]
    return found


def _said_lately(session: Session, words: str) -> list[Any]:
    newest_sent = session.scalar(select(func.max(Delivery.id))) or 0
    newest_heard = session.scalar(select(func.max(Event.id))) or 0
    heard = Event.inbound["text"].as_string()
    sent = select(Delivery.channel, Delivery.chat, Delivery.id).where(
        Delivery.id > newest_sent - MOST_SEARCHED, Delivery.text.icontains(words, autoescape=True)
    )
    came = select(Event.channel, Event.chat, Event.id).where(
        Event.id > newest_heard - MOST_SEARCHED, Event.kind == "message", heard.icontains(words, autoescape=True)
    )
    return [sent.order_by(Delivery.id.desc()), came.order_by(Event.id.desc())]


# --- how they stand ---


def _described(
    session: Session, chosen: Sequence[Newest], standing: Mapping[Pair, tuple[str, str]]
) -> Iterator[Listed]:
    names: dict[Pair, tuple[str, str]] = {}
    for channel, chats in _by_channel(one[1:] for one in chosen).items():
        rows = select(Chat.chat, Chat.person, Chat.name).where(Chat.channel == channel, Chat.chat.in_(chats))
        names |= {(channel, chat): (person, name) for chat, person, name in session.execute(rows)}
    columns = Event.id, Event.person, Event.kind, Event.inbound, Event.received_at
    of_id = select(*columns).where(Event.id.in_([one[0] for one in chosen]))
    events = {row.id: row for row in session.execute(of_id)}
    for id, channel, chat in chosen:
        event, (person, name) = events[id], names.get((channel, chat), ("", ""))
        state, module = standing[channel, chat]
        said = str(event.inbound.get("text") or "")[:200] if event.inbound else ""
        yield Listed(
            channel, chat, person or event.person, name, module, state, id, event.kind, said, event.received_at
        )


def _standing(session: Session, batch: Iterable[Newest]) -> dict[Pair, tuple[str, str]]:
    """State and module of each of these chats."""
    found: dict[Pair, tuple[str, str]] = {}
    for channel, chats in _by_channel(one[1:] for one in batch).items():
        decided, messages = _last_decided(session, channel, chats), _messages(session, channel, chats)
        latest = {chat: max(by_answer) for chat, by_answer in messages.items()}
        of_id = select(Answer.id, Answer.module, Answer.state).where(Answer.id.in_(latest.values()))
        runs = {row.id: (row.module, row.state) for row in session.execute(of_id)}
        failed = {chat: states[DEAD] for chat, states in decided.items() if _ended_dead(states)}
        of_failed = select(Event.id, Event.module).where(Event.id.in_(failed.values()))
        failed_of = dict(session.execute(of_failed).tuples().all())
        for chat in chats:
            module, run_state = runs.get(latest.get(chat, 0), ("", ""))
            module = failed_of.get(failed.get(chat, 0), "") or module
            state = _state(decided.get(chat, {}), messages.get(chat, {}), run_state)
            found[channel, chat] = (state, module)
    return found


def _last_decided(session: Session, channel: str, chats: list[str]) -> dict[str, dict[str, int]]:
    """The last event of each chat that ended so, by how it ended."""
    found: dict[str, dict[str, int]] = {}
    rows = select(Event.chat, Event.state, func.max(Event.id)).where(Event.channel == channel, Event.chat.in_(chats))
    for chat, state, id in session.execute(rows.group_by(Event.chat, Event.state)):
        found.setdefault(chat, {})[state] = id
    return found


def _messages(session: Session, channel: str, chats: list[str]) -> dict[str, dict[int, set[str]]]:
    """How the messages of each answer stand; 0 are those of none."""
    found: dict[str, dict[int, set[str]]] = {}
    columns = Delivery.chat, Delivery.answer_id, Delivery.state
    rows = select(*columns).where(Delivery.channel == channel, Delivery.chat.in_(chats)).group_by(*columns)
    for chat, answer_id, state in session.execute(rows):
        found.setdefault(chat, {}).setdefault(answer_id or 0, set()).add(state)
    return found


def _ended_dead(decided: Mapping[str, int]) -> bool:
    return decided.get(DEAD, 0) > decided.get(ANSWERED, 0)


def _state(decided: Mapping[str, int], messages: Mapping[int, set[str]], run_state: str) -> str:
    if NEW in decided:
        return GOING
    if _ended_dead(decided):
        return FAILED
    if run_state == OPEN_QUESTION:
        return ASKING
    if any(states & set(UNFINISHED) for states in messages.values()):
        return GOING
    latest = messages[max(messages)] if messages else set()
    if UNSENT in latest:
        return FAILED
    if CANCELLED in latest:
        return STOPPED
    return DONE if latest else QUIET
