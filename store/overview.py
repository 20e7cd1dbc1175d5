"""All modules at a glance: what is live, who has a draft open, how often each began lately, what went wrong last."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from store.answers import Answer
from store.database import is_one_of
from store.deliveries import DEAD as UNDELIVERED
from store.deliveries import Delivery
from store.events import DEAD, Event
from store.versions import DRAFT, MODULE, Live, Version

_NEWEST_EVENTS, _NEWEST_DELIVERIES = 2_000, 200  # an error further back is no news


@dataclass
class Standing:
    name: str
    content: str  # of the draft if there is one, else of what is live
    live: Live | None = None
    draft: Version | None = None
    started: int = 0
    error: str = ""
    error_at: datetime | None = None


def modules(session: Session, since: datetime) -> list[Standing]:
    found: dict[str, Standing] = {}
    same = and_(Version.kind == Live.kind, Version.name == Live.name, Version.number == Live.number)
    for live, content in session.execute(select(Live, Version.content).join(Version, same).where(Live.kind == MODULE)):
        found[live.name] = Standing(live.name, content, live=live)
    drafts = select(Version).where(Version.kind == MODULE, Version.number == DRAFT)
    for draft in session.scalars(drafts):
        standing = found.setdefault(draft.name, Standing(draft.name, draft.content))
        standing.draft, standing.content = draft, draft.content
    began = select(Answer.module, func.count()).where(Answer.now >= since).group_by(Answer.module)
    for module, count in session.execute(began):
        if module in found:
            found[module].started = count
    for module, reason, at in _errors(session, since):
        standing_here = found.get(module)
        if standing_here and (standing_here.error_at is None or standing_here.error_at < at):
            standing_here.error, standing_here.error_at = reason, at
    return list(found.values())


def _errors(session: Session, since: datetime) -> list[tuple[str, str, datetime]]:
    columns = (Event.module, Event.reason, Event.received_at, Event.state)
    newest = select(*columns).where(Event.received_at >= since)
    newest_events = newest.order_by(Event.received_at.desc()).limit(_NEWEST_EVENTS).subquery()
    undecided = select(newest_events.c.module, newest_events.c.reason, newest_events.c.received_at).where(
        newest_events.c.state == DEAD, newest_events.c.module != ""
    )
    undelivered = (
        select(Answer.module, Delivery.reason, Delivery.due_at)
        .join(Answer, Answer.id == Delivery.answer_id)
        .where(is_one_of(Delivery.state, UNDELIVERED), Delivery.due_at >= since)
        .order_by(Delivery.due_at.desc())
        .limit(_NEWEST_DELIVERIES)
    )
    return [(row[0], row[1], row[2]) for query in (undecided, undelivered) for row in session.execute(query)]
