"""Why this answer: from a message back to what the customer had told us, and what the draft would say instead."""

from collections.abc import Mapping
from typing import Any

from flask import Response, abort
from sqlalchemy.orm import Session

from curation.lookup import Table
from responses import differing
from responses.problems import Invalid, ModuleError
from store import answers, database, deliveries, versions
from store.answers import EMPTIED, Answer
from store.deliveries import EFFECTS, Delivery
from web.console import bubbles, reckoning, turns
from web.console.chats import shown
from web.console.frame import console, is_htmx, may, needs, personal, settings
from web.words import t
from workers import rehearsal, words

Side = list[differing.Piece] | None  # None: this side has no such message


@console.get("/chats/<channel>/<chat:chat>/why/<int:delivery>")
def chats_why(channel: str, chat: str, delivery: int) -> Response:
    with database.reading() as session:
        row, answer = _found(session, channel, chat, delivery)
        known = turns.Words(session)
        page_of = {"channel": channel, "chat": chat, "delivery": row, "answer": answer}
        if answer is None or answer.state == EMPTIED or row.source != answer.source:
            gone = answer is not None and answer.state == EMPTIED
            text = personal(row.text)
            return shown("why_nothing.html", gone=gone, text=text, **page_of)
        page_of |= _explained(session, row, answer, known) | _versions(session, answer)
    return shown("why.html", written=reckoning.written, brief=reckoning.brief, **page_of)


def _found(session: Session, channel: str, chat: str, id: int) -> tuple[Delivery, Answer | None]:
    row = deliveries.get(session, id) if id < 2**62 else None
    if row is None or (row.channel, row.chat) != (channel, chat) or row.kind == EFFECTS:
        abort(404)
    return row, answers.get(session, row.answer_id) if row.answer_id else None


def _explained(session: Session, row: Delivery, answer: Answer, known: turns.Words) -> dict[str, Any]:
    trace = answer.answer_trace
    module = known.module(answer.module, answer.version)
    message = reckoning.of_message(trace, row.step)
    used = reckoning.names_used(trace, message)
    tables = _tables(session, trace)
    steps = reckoning.steps(trace, used, tables)
    looked = [message["row"]] if message.get("row") else []
    return {
        "title": known.title(answer.module, answer.version),
        "inputs": reckoning.inputs(trace, module, used),
        "steps": [step for step in steps if step.used],
        "other_steps": [step for step in steps if not step.used],
        "message": message,
        "sheets": [
            reckoning.sheet(one, tables.get((one["table"], one["version"]))) for one in message.get("rows", looked)
        ],
        "pattern": known.template(answer, row),
        "text": bubbles.html(str((row.body or {}).get("text") or row.text)) if may("editor") else "",
    }


def _tables(session: Session, trace: Mapping[str, Any]) -> dict[tuple[str, int], Table]:
    """The sheets that were looked into, each in the version that was used."""
    found = {}
    for key in {(row["table"], row["version"]) for row in reckoning.rows_looked_up(trace)}:
        try:
            found[key] = words.table_version(session, *key)
        except versions.Nothing:
            continue  # the trace still has the row itself
    return found


def _versions(session: Session, answer: Answer) -> dict[str, Any]:
    """The versions that were used, and today's."""
    live = versions.live(session, versions.TABLE)
    read = {row["table"] for row in reckoning.rows_looked_up(answer.answer_trace)}
    return {
        "live": versions.live_number(session, versions.MODULE, answer.module),
        "has_draft": answer.module in versions.has_draft(session, versions.MODULE),
        "tables": [(name, number, live.get(name)) for name, number in sorted(answer.tables.items()) if name in read],
    }


# --- the same survey with the draft ---


@console.get("/chats/<channel>/<chat:chat>/why/<int:delivery>/draft")
@needs("editor")
def chats_why_draft(channel: str, chat: str, delivery: int) -> Response:
    """What this customer heard, beside what the draft (else what is live) would say to the same survey."""
    with database.reading() as session:
        _, answer = _found(session, channel, chat, delivery)
        if answer is None or answer.state == EMPTIED:
            abort(404)
        said = [one.text for one in deliveries.of_source(session, answer.source) if one.text and one.kind != EFFECTS]
        name, trouble, would_say, missing = _tried(session, answer)
        title = turns.Words(session).title(answer.module, answer.version)
    sides = _side_by_side(said, would_say)
    differing_ones = sum(
        old is None or new is None or any(piece.differs for piece in (*old, *new)) for old, new in sides
    )
    more = {"name": name, "trouble": trouble, "sides": sides, "differing": differing_ones, "missing": missing}
    template = "why_draft_piece.html" if is_htmx() else "why_draft.html"
    return shown(template, channel=channel, chat=chat, delivery=delivery, answer=answer, title=title, **more)


def _side_by_side(before: list[str], after: list[str]) -> list[tuple[Side, Side]]:
    found: list[tuple[Side, Side]] = []
    for old, new in differing.paired(before, after, str):
        if old is not None and new is not None:
            found.append(differing.words(before[old], after[new]))
        elif old is not None:
            found.append(([differing.Piece(before[old], True)], None))
        elif new is not None:
            found.append((None, [differing.Piece(after[new], True)]))
    return found


def _tried(session: Session, answer: Answer) -> tuple[str, str, list[str], list[str]]:
    """What was tried in words, what went wrong, the texts, and the labels of what is missing."""
    draft = versions.get(session, versions.MODULE, answer.module, versions.DRAFT)
    kept = draft or versions.live_version(session, versions.MODULE, answer.module)
    if kept is None:
        return "", t("지금은 이 응답이 발행되어 있지 않아요.", "This response is not published now."), [], []
    name = t("초안", "the draft") if draft else t("적용 중인 버전", f"version {kept.number}, live now")
    try:
        found = rehearsal.of_answer(session, settings(), answer, words.parsed(kept), kept.number or None)
    except (ModuleError, Invalid) as error:
        return name, str(error), [], []
    return name, "", [_plain(one) for one in found["messages"]], found["missing"]


def _plain(message: Mapping[str, Any]) -> str:
    """A question comes without its plain words."""
    return str(message["plain"]) if "plain" in message else bubbles.html(message["text"]).striptags()
