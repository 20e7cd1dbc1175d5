"""What is stuck, on Today: try again or leave it, one or all, and take that back for a while."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
from store import database, standing, stuck
from store.audit import Change
from store.database import storable
from web.console import reasons
from web.console.chats import channel_name
from web.console.frame import console, is_htmx, may, needs, page, who
from web.console.numbers import whole
from web.words import t
from workers.queues import ANSWER, DELIVER

SHOWN = 8  # rows of a group
MOST, TOGETHER = 1000, 100  # rows by one click, and in one transaction
TAKEN_BACK_WITHIN = timedelta(minutes=10)

RETRIED, CANCELLED, TAKEN_BACK = "stuck.retried", "stuck.cancelled", "stuck.taken_back"
CHANGES = {"retry": RETRIED, "cancel": CANCELLED}


@dataclass(frozen=True)
class GroupWords:
    title: tuple[str, str]
    about: tuple[str, str]
    cancel: tuple[str, str]


GROUPS = {
    "dead_messages": GroupWords(
        ("보내지 못한 메시지", "Messages that could not be sent"),
        ("채널이 받지 않았거나, 여러 번 해도 보내지 못했어요.", "Refused by the channel, or tried many times."),
        ("덮어 두기", "Set aside"),
    ),
    "dead_events": GroupWords(
        ("답하지 못한 일", "Events that could not be answered"),
        (
            "응답을 계산하지 못했어요. 고친 다음 다시 해 보세요.",
            "The answer could not be computed. Mend it, then retry.",
        ),
        ("덮어 두기", "Set aside"),
    ),
    "late_messages": GroupWords(
        ("오래 기다리는 메시지", "Messages waiting too long"),
        ("보낼 때가 지났거나 여러 번 실패했어요. 저절로 다시 해요.", "Overdue, or tried several times. Maru goes on."),
        ("보내지 않기", "Do not send"),
    ),
    "late_events": GroupWords(
        ("오래 기다리는 일", "Events waiting too long"),
        ("들어온 지 1분이 넘었는데 아직 처리하지 못했어요.", "Came in over a minute ago and are not decided yet."),
        ("답하지 않기", "Do not answer"),
    ),
}


@dataclass(frozen=True)
class Trouble:
    channel: str
    words: Sequence[str]


@dataclass(frozen=True)
class Done:
    """What was just done, with what takes it back."""

    words: str
    changes: str


def found(session: Session) -> dict[str, Any]:
    """For the piece of the page."""
    return {
        "groups": stuck.groups(session, clock.now(), SHOWN),
        "group_words": GROUPS,
        "most": MOST,
        "troubles": _troubles(session),
        "why": _why,
        "channel_name": channel_name,
    }


def _why(group: str, reason: str) -> str:
    return reasons.of_event(reason) if group.endswith("events") else reasons.of_message(reason)


def _troubles(session: Session) -> list[Trouble]:
    troubles = []
    for channel in current_app.extensions["intake"].channels:
        row = standing.get(session, channel)
        refused = row.refused if row and row.refused >= standing.SUSPICIOUS else 0
        words = [
            t(
                f"{refused}번 연달아 거절했어요. 웹훅 토큰이 바뀌었는지 확인해 주세요.",
                f"{refused} calls in a row were refused. Has the webhook token changed?",
            )
        ]
        said = [*(words if refused else []), *([row.trouble] if row and row.trouble else [])]
        if said:
            troubles.append(Trouble(channel, said))
    return troubles


@console.get("/today/stuck")
def today_stuck() -> Response:
    with database.reading() as session:
        return page("today_stuck.html", **found(session))


@console.post("/today/stuck/<group>/<change>")
@needs("editor")
def today_change(group: str, change: str) -> AnyResponse:
    if group not in stuck.GROUPS or change not in CHANGES:
        abort(404)
    now = clock.now()
    with database.reading() as session:
        one = request.form.get("id", type=whole)
        chosen = [one] if one else stuck.ids(session, group, now, request.form.get("newest", 0, type=whole), MOST)
    notes = []
    for start in range(0, len(chosen), TOGETHER):  # a long transaction would hold up the webhooks
        with database.writing() as session:
            work = stuck.retry if change == "retry" else stuck.cancel
            changed = work(session, group, chosen[start : start + TOGETHER], now)
            if changed:
                notes.append(_noted(session, CHANGES[change], group, changed))
    _ring(group)
    return _shown(",".join(map(str, notes)))


def _noted(session: Session, what: str, group: str, changed: Sequence[int]) -> int:
    """Into the audit, with the rows, by which it can be taken back. Returns the note's number."""
    kind = "event" if group.endswith("events") else "delivery"
    subject = f"{kind}:{changed[0]}" if len(changed) == 1 else f"stuck:{group}"
    after = {"group": group, "ids": list(changed)}
    change = Change(at=clock.now(), who=who().email, what=what, subject=subject, before=None, after=after)
    session.add(change)
    session.flush()
    return change.id


def _ring(group: str) -> None:
    current_app.extensions["intake"].bell.ring(ANSWER if group.endswith("events") else DELIVER)


def _shown(notes: str, taken_back: int | None = None) -> AnyResponse:
    """The piece as it is now; without htmx the whole page."""
    if not is_htmx():
        if taken_back is not None:
            flash(_back_words(taken_back), "")
        return redirect(url_for("console.today", done=notes or None), 303)
    with database.reading() as session:
        said = Done(_back_words(taken_back), "") if taken_back is not None else done(session, notes)
        return page("today_stuck.html", said=said or Done(_nothing_words(), ""), **found(session))


def _nothing_words() -> str:
    return t("그사이 상태가 바뀌어서 바꾼 것이 없어요.", "Nothing was left to change in the meantime.")


def _back_words(count: int) -> str:
    if not count:
        return t("이미 진행돼서 되돌리지 못했어요.", "It has gone on already, so nothing was taken back.")
    return t(f"{count}건을 되돌렸어요.", f"Taken back: {count}.")


# --- taking back ---


def _mine(session: Session, notes: str) -> list[Change]:
    """My own changes of the last minutes that were not taken back yet."""
    numbers = [int(word) for word in notes.split(",")[: MOST // TOGETHER] if word.isascii() and word.isdigit()]
    since = clock.now() - TAKEN_BACK_WITHIN
    rows = [session.get(Change, number) for number in numbers if number < 2**62]
    known = [row for row in rows if row is not None and row.what in CHANGES.values()]
    return [row for row in known if row.who == who().email and row.at > since]


def done(session: Session, notes: str) -> Done | None:
    rows = _mine(session, notes)
    count = sum(len(row.after["ids"]) for row in rows)
    if not count or not may("editor"):
        return None
    retried = rows[0].what == RETRIED
    group = str(rows[0].after["group"])
    late = group.startswith("late")
    if retried:
        said = t(f"{count:,}건을 다시 보냈어요", f"Trying {count:,} again")
        said = said if group.endswith("messages") else t(f"{count:,}건을 다시 처리해요", said)
    else:
        said = t(f"{count:,}건을 취소했어요", f"Cancelled {count:,}")
        said = said if late else t(f"{count:,}건을 덮어 두었어요", f"Set {count:,} aside")
    can_go_back = not (retried and late)  # it was only told to hurry
    return Done(said, storable(notes, 200) if can_go_back else "")


@console.post("/today/undo")
@needs("editor")
def today_undo() -> AnyResponse:
    back = 0
    with database.writing() as session:
        for row in _mine(session, request.form.get("changes", "")):
            group = row.after["group"]
            ids = stuck.take_back(session, group, row.what == RETRIED, row.after["ids"], row.at)
            if ids:
                _noted(session, TAKEN_BACK, group, ids)
                _ring(group)
            back += len(ids)
    return _shown("", back)
