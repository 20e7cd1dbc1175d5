"""A series that was stopped goes on where it was stopped."""

from datetime import datetime

from sqlalchemy.orm import Session

from store import chats, deliveries
from store.answers import ASKING, EMPTIED, GOING, Answer
from store.deliveries import CANCELLED, DEAD, LONG_PAUSE, MAIL, WAITING, Delivery

NO_WORDS = "no words"  # what comes after a question that nobody answered is not known
NOTHING = "nothing"
EMPTY = "empty"


def resume(session: Session, answer: Answer, now: datetime) -> tuple[int, str]:
    """Put what was cancelled of this answer, or could not be sent, back into its chat's line: the first of it due now
    and the rest after their own waits. Returns how many messages, and why there are none or not all."""
    if answer.state == EMPTIED:
        return 0, EMPTY
    chats.hold(session, answer.channel, answer.chat)
    stopped = [row for row in deliveries.of_source(session, answer.source) if row.state in (CANCELLED, DEAD)]
    if not stopped:
        return 0, NOTHING
    again = [row for row in stopped if deliveries.retry(session, row.id, now)]
    if not again:
        return 0, NO_WORDS
    _pace(again)
    answer.state = GOING
    asked = next((row for row in again if row.id == answer.ask_delivery), None)
    if asked is None:
        return len(again), NO_WORDS if len(again) < len(stopped) else ""
    _ask_again(answer, asked, stopped)
    return len(again), ""


def _pace(again: list[Delivery]) -> None:
    """`retry` made every one of them due; only the first is, the others when the one before was sent."""
    in_line = True
    for row in again[1:]:
        row.due_at = None
        in_line = in_line and row.wait <= LONG_PAUSE
        if not in_line or row.kind == MAIL:
            row.position = None  # it lines up when its pause is over, a mail when all before it was sent


def _ask_again(answer: Answer, asked: Delivery, stopped: list[Delivery]) -> None:
    """The question goes out once more, so what comes after it waits for the reply once more."""
    answer.state, answer.ask_tries = ASKING, 0
    for row in stopped:
        if row.body is None and row.step > asked.step:
            row.state, row.reason, row.ended = WAITING, "", ""
