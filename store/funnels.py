"""How far customers got in each module: how many started, received each message, were asked, answered, finished."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, func, literal, select
from sqlalchemy.orm import Session

from store.answers import ASKING, ENDED, NO_ANSWER, Answer
from store.database import is_one_of
from store.deliveries import ASK, CANCELLED, DEAD, EFFECTS, SENT, Delivery
from store.events import ENDS

# How a run of a module ended: the first that holds.
FAILED, STOPPED, SILENT, OTHERWISE, GOING, COMPLETED = "failed", "stopped", "silent", "otherwise", "going", "completed"


@dataclass
class Funnel:
    module: str
    started: int = 0
    sent: Counter[int] = field(default_factory=Counter)  # by the message's place in the module
    asked: Counter[int] = field(default_factory=Counter)
    answered: Counter[int] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)

    def add(self, course: Sequence[str], state: str, has_question: bool, count: int) -> None:
        """So many runs took this course."""
        self.started += count
        self.ended[_ending({mark[0] for mark in course}, state, has_question)] += count
        for mark in course:
            letter, step = mark[0], int(mark[1:])
            if letter in (_SENT, _ASKED, _REPLIED):
                self.sent[step] += count
            if letter in (_ASKED, _REPLIED):
                self.asked[step] += count
            if letter == _REPLIED:
                self.answered[step] += count


# One letter for what became of a message; with its place it makes a mark, and the marks of a run its course. Thousands
# of runs share a few courses, so the database hands over a few rows.
_SENT, _ASKED, _REPLIED, _DEAD, _STOPPED, _SILENT, _OTHERWISE, _GOING = "sarxpnog"


def since(session: Session, moment: datetime) -> list[Funnel]:
    """Of the runs that began since then; the module that started most comes first."""
    found: dict[str, Funnel] = {}
    for row in session.execute(_courses(moment)):
        funnel = found.setdefault(row.module, Funnel(row.module))
        funnel.add(row.course.split(","), row.state, bool(row.has_question), row.runs)
    return sorted(found.values(), key=lambda one: (-one.started, one.module))


def _courses(moment: datetime) -> Select[Any]:
    mark: ColumnElement[str] = _letter().concat(cast(Delivery.step, String))
    has_question = Answer.ask_delivery.is_not(None).label("has_question")
    # A series shares its event's number, which has an index; the hints to unreadable replies have events of their own.
    runs = (
        select(Answer.module, Answer.state, has_question, func.aggregate_strings(mark, ",").label("course"))
        .join(Delivery, (Delivery.event_id == Answer.event_id) & (Delivery.answer_id == Answer.id))
        .where(Answer.now >= moment, Delivery.kind != EFFECTS)
        # Not by the bare number: SQLite would then read the table in its order, all of it, instead of the span.
        .group_by(Answer.id + 0, Answer.module, Answer.state, Answer.ask_delivery)
        .subquery()
    )
    return select(*runs.c, func.count().label("runs")).group_by(*runs.c)


def _letter() -> ColumnElement[str]:
    # A question is open, or was never answered, as long as its answer points at it.
    still_asked = (Delivery.kind == ASK) & (Answer.ask_delivery == Delivery.id)
    return case(
        (is_one_of(Delivery.state, SENT) & still_asked, literal(_ASKED)),
        (is_one_of(Delivery.state, SENT) & (Delivery.kind == ASK), literal(_REPLIED)),
        (is_one_of(Delivery.state, SENT), literal(_SENT)),
        (is_one_of(Delivery.state, DEAD), literal(_DEAD)),
        (is_one_of(Delivery.state, CANCELLED) & Delivery.reason.in_(tuple(ENDS.values())), literal(_STOPPED)),
        (is_one_of(Delivery.state, CANCELLED) & (Delivery.reason == NO_ANSWER), literal(_SILENT)),
        (is_one_of(Delivery.state, CANCELLED), literal(_OTHERWISE)),
        else_=literal(_GOING),
    )


def _ending(letters: set[str], state: str, has_question: bool) -> str:
    worst = {_DEAD: FAILED, _STOPPED: STOPPED, _SILENT: SILENT, _OTHERWISE: OTHERWISE, _GOING: GOING}
    for letter, ending in worst.items():
        if letter in letters:
            return ending
    if state == ASKING:
        return GOING
    # A question that was the last message leaves nothing to cancel.
    return SILENT if state == ENDED and has_question else COMPLETED
