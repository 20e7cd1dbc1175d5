"""Chats: who was heard lately and how it stands; one chat as it happened, with what staff may do about it."""

import json
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

import clock
from channels.contract import inbound_from
from store import answers, audit, chat_list, database, deliveries, events, series, surveys, timeline, versions
from store import chats as kept
from store.timeline import Place
from web.console import bubbles, change_words, reasons, turns
from web.console.frame import console, is_htmx, may, needs, note, page
from web.words import t
from workers import rehearsal
from workers.queues import ANSWER, DELIVER

PER_PAGE = 60
LONGEST_PAYLOAD = 60_000  # characters shown
STATES = {
    chat_list.GOING: ("보내는 중", "Going", "accent"),
    chat_list.ASKING: ("답을 기다림", "Asking", "accent"),
    chat_list.DONE: ("마침", "Done", "ok"),
    chat_list.STOPPED: ("멈춤", "Stopped", "warn"),
    chat_list.FAILED: ("실패", "Failed", "bad"),
    chat_list.QUIET: ("답 없음", "Not answered", ""),
}
CHANNELS = {
    "channeltalk": ("채널톡", "ChannelTalk"),
    "google_chat": ("구글 챗", "Google Chat"),
    "telegram": ("텔레그램", "Telegram"),
    "webex": ("웹엑스", "Webex"),
    "webchat": ("웹챗", "Web chat"),
    "email": ("이메일", "E-mail"),
}


def channel_name(channel: str) -> str:
    return t(*CHANNELS.get(channel, (channel, channel)))


def door_to(endpoint: str, **values: Any) -> str:
    """The address of another page of the console; '' where this installation has none such."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""


def shown(template: str, **more: Any) -> Response:
    return page(template, states=STATES, channel_name=channel_name, door_to=door_to, picture=turns.picture, **more)


# --- the list ---


@console.get("/chats")
def chats() -> Response:
    wanted = _wanted()
    channels = list(current_app.extensions["intake"].channels)
    with database.reading() as session:
        found = chat_list.find(session, wanted, channels)
        known = turns.Words(session)
        live = versions.live(session, versions.MODULE)
        titles = {name: known.title(name, number) for name, number in sorted(live.items())}
    kept_filters = {"q": wanted.words, "channel": wanted.channel, "module": wanted.module, "state": wanted.state}
    filters = {name: value for name, value in kept_filters.items() if value}
    return shown(
        "chats_rows.html" if is_htmx() and wanted.before else "chats.html",
        found=found,
        wanted=wanted,
        filters=filters,
        titles=titles,
        channels=channels,
        kinds=turns.KINDS,
    )


def _wanted() -> chat_list.Wanted:
    before = request.args.get("before", "")
    state = request.args.get("state", "")
    return chat_list.Wanted(
        channel=request.args.get("channel", "")[:40],
        module=request.args.get("module", "")[:80],
        state=state if state in chat_list.STATES else "",
        words=" ".join(request.args.get("q", "").replace("\x00", "").split())[:100],
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        knows_names=may("editor"),
    )


# --- one chat ---


@console.get("/chats/<channel>/<chat:chat>")
def chats_chat(channel: str, chat: str) -> AnyResponse:
    before, since = Place.read(request.args.get("before", "")), Place.read(request.args.get("since", ""))
    with database.reading() as session:
        found = timeline.page(session, channel, chat, PER_PAGE, before, since)
        if not found.places and not since and not before:
            abort(404)
        seen = turns.fingerprint(found)
        moving = timeline.is_moving(session, channel, chat)
        if since and request.args.get("seen") == f"{seen}{int(moving)}":
            return Response(status=204)  # nothing happened: htmx leaves the page as it is
        known = turns.Words(session)
        shows = {
            "channel": channel,
            "chat": chat,
            "turns": turns.turns(found, known),
            "known": known,
            "older": found.places[0] if found.older and not since else None,
            "first": since or (found.places[0] if found.places else None),
            "seen": f"{seen}{int(moving)}",
            "moving": moving,
        }
        if not since and not (is_htmx() and before):
            shows |= _beside(session, channel, chat, known)
        template = "chats_now.html" if since else "chats_earlier.html" if is_htmx() and before else "chats_chat.html"
        return shown(template, before=before, **shows)


def _beside(session: Session, channel: str, chat: str, known: turns.Words) -> dict[str, Any]:
    """Who the customer is, the answers they got, and what staff did here."""
    row = kept.get(session, channel, chat)
    runs = timeline.runs(session, channel, chat)
    person = (row.person if row else "") or next((run.person for run in runs if run.person), "")
    survey = surveys.get(session, channel, person) if person else None
    return {
        "row": row,
        "person": person,
        "survey": survey.known() if survey else {},
        "runs": [(run, known.title(run.module, run.version)) for run in runs],
        "counts": timeline.counts(session, [run.id for run in runs]),
        "change_kinds": change_words.KINDS,
        "changes": audit.listed(session, _subject(channel, chat), most=20),
    }


def _subject(channel: str, chat: str) -> str:
    return f"chat:{channel}/{chat}"


@console.get("/chats/<channel>/<chat:chat>/event/<int:event>")
@needs("editor")
def chats_event(channel: str, chat: str, event: int) -> Response:
    """An event as it was received."""
    with database.reading() as session:
        row = _event(session, channel, chat, event)
        payload, trace, attempts = row.payload, row.trace, row.attempts
    try:
        readable = json.dumps(json.loads(payload), ensure_ascii=False, indent=2)
    except ValueError:
        readable = payload
    cut = len(readable) > LONGEST_PAYLOAD
    more = {"payload": readable[:LONGEST_PAYLOAD], "cut": cut, "trace": trace, "attempts": attempts}
    template = "chats_payload.html" if is_htmx() else "chats_event.html"
    return shown(template, channel=channel, chat=chat, event=event, **more)


def _event(session: Session, channel: str, chat: str, id: int) -> events.Event:
    row = events.get(session, id) if id < 2**62 else None
    if row is None or (row.channel, row.chat) != (channel, chat):
        abort(404)
    return row


def _delivery(session: Session, channel: str, chat: str, id: int) -> deliveries.Delivery:
    row = deliveries.get(session, id) if id < 2**62 else None
    if row is None or (row.channel, row.chat) != (channel, chat):
        abort(404)
    return row


# --- what staff may do ---


def _back(channel: str, chat: str, anchor: str = "") -> AnyResponse:
    return redirect(url_for("console.chats_chat", channel=channel, chat=chat, _anchor=anchor or None), 303)


@console.post("/chats/<channel>/<chat:chat>/message/<int:delivery>/retry")
@needs("editor")
def chats_retry(channel: str, chat: str, delivery: int) -> AnyResponse:
    with database.writing() as session:
        row = _delivery(session, channel, chat, delivery)
        before = {"state": row.state, "reason": row.reason}
        done = deliveries.retry(session, delivery, clock.now())
        if done:
            note(session, "delivery.retried", _subject(channel, chat), {"delivery": delivery, **before})
    _told(
        done,
        t("다시 보내요.", "It is being sent again."),
        t(
            "다시 보낼 수 없었어요: 이미 보냈거나 문구가 없어요.",
            "It could not be sent again: it is out already, or has no words.",
        ),
    )
    current_app.extensions["intake"].bell.ring(DELIVER)
    return _back(channel, chat, f"d{delivery}")


@console.post("/chats/<channel>/<chat:chat>/message/<int:delivery>/cancel")
@needs("editor")
def chats_cancel(channel: str, chat: str, delivery: int) -> AnyResponse:
    with database.writing() as session:
        _delivery(session, channel, chat, delivery)
        kept.hold(session, channel, chat)
        done = deliveries.cancel(session, delivery, "cancelled by staff", clock.now())
        if done:
            note(session, "delivery.cancelled", _subject(channel, chat), {"delivery": delivery})
    _told(
        done,
        t("취소했어요.", "Cancelled."),
        t("취소할 수 없었어요: 벌써 보냈어요.", "It could not be cancelled: it is on its way."),
    )
    current_app.extensions["intake"].bell.ring(DELIVER)
    return _back(channel, chat, f"d{delivery}")


@console.post("/chats/<channel>/<chat:chat>/stop")
@needs("editor")
def chats_stop(channel: str, chat: str) -> AnyResponse:
    """Nothing more goes out in this chat, until something new starts."""
    with database.writing() as session:
        kept.hold(session, channel, chat)
        count = answers.end_series(session, channel, chat, "cancelled by staff", always=True)
        if count:
            note(session, "chat.stopped", _subject(channel, chat), {"messages": count})
    _told(
        count > 0,
        t(f"기다리던 메시지 {count}건을 취소했어요.", f"{count} waiting messages were cancelled."),
        t("기다리는 메시지가 없었어요.", "Nothing was waiting."),
    )
    return _back(channel, chat)


@console.post("/chats/<channel>/<chat:chat>/answer/<int:answer>/resume")
@needs("editor")
def chats_resume(channel: str, chat: str, answer: int) -> AnyResponse:
    with database.writing() as session:
        row = answers.get(session, answer) if answer < 2**62 else None
        if row is None or (row.channel, row.chat) != (channel, chat):
            abort(404)
        count, why_not = series.resume(session, row, clock.now())
        if count:
            note(session, "series.resumed", _subject(channel, chat), {"answer": answer, "messages": count})
    why = _why_not(why_not)
    _told(count > 0, t(f"{count}건을 이어서 보내요. {why}", f"{count} messages follow. {why}"), why)
    current_app.extensions["intake"].bell.ring(DELIVER)
    return _back(channel, chat)


def _why_not(word: str) -> str:
    return {
        "": "",
        series.NOTHING: t("멈춘 메시지가 없어요.", "Nothing of it was stopped."),
        series.EMPTY: t("보관 기간이 지나 내용이 없어요.", "Its content is no longer kept."),
        series.NO_WORDS: t(
            "질문의 답을 받지 못해 그 뒤의 문구는 정해지지 않았어요. 대화를 다시 시작하려면 처음 온 메시지에서 "
            "‘다시 답하기’를 눌러 주세요.",
            "What follows the unanswered question has no words yet. To begin anew, use 'Answer again' at the first "
            "message.",
        ),
    }[word]


def _told(done: bool, words_if_done: str, why_not: str) -> None:
    flash(words_if_done.strip() if done else why_not, "ok" if done else "warn")


@console.get("/chats/<channel>/<chat:chat>/event/<int:event>/again")
@needs("editor")
def chats_again(channel: str, chat: str, event: int) -> Response:
    """What this event would be answered with now; nothing is sent before that has been seen."""
    with database.reading() as session:
        row = _event(session, channel, chat, event)
        if not row.inbound or row.kind not in turns.REPLAYABLE:
            abort(404)
        found = rehearsal.of_event(session, row, inbound_from(row.inbound), current_app.extensions)
        title = turns.Words(session).title(found["module"], found["version"] or 0)
        asked_now = answers.asking(session, channel, chat) is not None
    said = [(bubbles.html(one["text"]), one.get("wait")) for one in found["messages"]]
    why = reasons.of_event(found["reason"])
    more = {"said": said, "title": title, "why": why, "asked_now": asked_now, "event": row}
    return shown("chats_again.html", channel=channel, chat=chat, version=found["version"], **more)


@console.post("/chats/<channel>/<chat:chat>/event/<int:event>/again")
@needs("editor")
def chats_replay(channel: str, chat: str, event: int) -> AnyResponse:
    with database.writing() as session:
        row = _event(session, channel, chat, event)
        if not row.inbound or row.kind not in turns.REPLAYABLE:
            abort(404)
        fresh = events.repeat(session, event, clock.now())
        note(session, "event.replayed", _subject(channel, chat), {"event": event}, {"event": fresh})
    current_app.extensions["intake"].bell.ring(ANSWER)
    flash(t("지금 온 것처럼 다시 답하고 있어요.", "It is being answered as if it came just now."), "ok")
    return _back(channel, chat, f"e{fresh}")
