"""Alerts: what fires now, who looks after it, what is silenced, by which rules it is told, and the log of who was told
of what and why the others were not."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

import clock
from alerts.alert import SEVERITIES, rank
from store import alerts, database, silences, topics
from web.console.chats import channel_name
from web.console.frame import console, is_htmx, local, may, needs, note, page, personal, settings, who
from web.console.reasons import in_words
from web.words import t
from workers import alerting
from workers.queues import ANSWER

MOST_ROWS, MOST_EXPORTED = 100, 50_000
SILENCES = (30, 60, 240, 1440)  # minutes that are offered
RULES = {"group_seconds": (0, 3600), "repeat_minutes": (1, 10_080), "ack_minutes": (1, 10_080)}
OUTCOMES = {
    "sent": ("보냄", "Sent", "ok"),
    "waiting": ("보내는 중", "Waiting", ""),
    "sending": ("보내는 중", "Sending", ""),
    "bundled": ("묶어서 보냄", "Bundled", "ok"),
    "told": ("보냄", "Told", "ok"),
    "same": ("그대로라 보내지 않음", "Same as before", ""),
    "silenced": ("알람 끔", "Silenced", "warn"),
    "quiet": ("조용한 시간", "Quiet hours", "warn"),
    "acknowledged": ("누가 보고 있음", "Acknowledged", ""),
    "minor": ("받을 만큼 심하지 않음", "Below severity", ""),
    "untold": ("알린 적 없음", "Was not told of it", ""),
    "cancelled": ("취소", "Cancelled", "warn"),
    "blocked": ("차단·나감", "Blocked", "bad"),
    "dead": ("못 보냄", "Failed", "bad"),
}
WHATS = {
    "fired": ("울림", "Fired"),
    "again": ("또 울림", "Fired again"),
    "worse": ("더 심해짐", "Worse"),
    "repeated": ("되풀이", "Repeated"),
    "resolved": ("해결", "Resolved"),
    "acknowledged": ("확인", "Acknowledged"),
    "news": ("소식", "News"),
    "silence": ("알람 끔", "Silence"),
    "silence_over": ("알람 켬", "Silence over"),
}
SEVERITY_WORDS = {"critical": ("심각", "Critical"), "warning": ("주의", "Warning"), "info": ("알림", "Info")}


@console.get("/alerts", endpoint="alerts")
def the_alerts() -> Response:
    if is_htmx() and "now" in request.args:
        return page("alerts_now.html", **_now())
    with database.reading() as session:
        counts = topics.counts(session)
        rules = [(one, counts.get(one.name, 0)) for one in topics.listed(session)]
    return page("alerts.html", **_now(), **_log(), rules=rules, usual=_usual(), rule_bounds=RULES)


def _usual() -> dict[str, int]:
    return {
        "group_seconds": alerts.GROUP_SECONDS,
        "repeat_minutes": alerts.REPEAT_MINUTES,
        "ack_minutes": alerts.ACK_MINUTES,
    }


def _now() -> dict[str, Any]:
    now = clock.now()
    with database.reading() as session:
        firing = sorted(alerts.firing(session, now), key=lambda one: -rank(one.severity))
        hushes = silences.listed(session, now)
    shown = {"firing": firing, "hushes": hushes, "now": now, "severity_words": SEVERITY_WORDS}
    return shown | {"offered": SILENCES}


def _wanted() -> dict[str, str]:
    return {name: request.args.get(name, "").strip()[:200] for name in ("topic", "outcome", "channel")}


def _number(name: str) -> int | None:
    given = request.args.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 16 else None


def _log() -> dict[str, Any]:
    wanted = _wanted()
    with database.reading() as session:
        rows = alerts.log(
            session,
            topic=wanted["topic"],
            outcome=wanted["outcome"],
            channel=wanted["channel"],
            alert=_number("alert"),
            before=_number("before"),
            most=MOST_ROWS + 1,
        )
        names = [one.name for one in topics.listed(session)]
    return {
        "rows": rows[:MOST_ROWS],
        "older": rows[MOST_ROWS - 1].row.id if len(rows) > MOST_ROWS else None,
        "wanted": {name: value for name, value in wanted.items() if value},
        "names": names,
        "outcomes": OUTCOMES,
        "whats": WHATS,
        "channel_name": channel_name,
        "in_words": in_words,
    }


@console.get("/alerts/log.csv", endpoint="alerts_csv")
@needs("editor")
def the_log_as_csv() -> Response:
    wanted = _wanted()
    with database.reading() as session:
        rows = alerts.log(
            session, topic=wanted["topic"], outcome=wanted["outcome"], channel=wanted["channel"], most=MOST_EXPORTED
        )
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["at", "topic", "what", "title", "channel", "chat", "outcome", "why", "delivery"])
    for one in rows:
        at = local(one.row.at)
        cells = [at.isoformat() if at else "", one.row.topic, one.happening.what, one.happening.title, one.row.channel]
        cells += [one.row.chat, one.outcome, one.why, str(one.row.delivery_id or "")]
        writer.writerow([_harmless(cell) for cell in cells])
    response = Response("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = "attachment; filename=alerts.csv"
    response.headers["Cache-Control"] = "no-store"
    return response


def _harmless(cell: str) -> str:
    """A spreadsheet takes no cell for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


# --- acknowledging, silences ---


@console.post("/alerts/<int:id>/ack", endpoint="alerts_ack")
@needs("editor")
def acknowledge(id: int) -> AnyResponse:
    with database.writing() as session:
        row = alerts.get(session, id)
        if row is None:
            abort(404)
        fires = row.state == alerts.FIRING
        if fires:
            alerting.acknowledge(session, row, who().email, clock.now())
            note(session, "alert.acknowledged", f"alert:{id}")
    current_app.extensions["intake"].bell.ring(ANSWER)
    if fires:
        flash(t("보고 있다고 알렸어요. 한동안 되풀이하지 않아요.", "Everybody is told; it rests for a while."), "ok")
    else:
        flash(t("이미 끝난 알람이에요.", "It is over already."), "warn")
    return redirect(url_for("console.alerts"), 303)


@console.post("/alerts/silences", endpoint="alerts_silence")
@needs("editor")
def silence() -> AnyResponse:
    given = {name: request.form.get(name, "").strip()[:300] for name in ("topic", "key", "words", "comment")}
    severity = request.form.get("severity", "")
    now, ends_at = clock.now(), _until(request.form.get("minutes", ""), request.form.get("until", ""))
    problem = ""
    if not given["comment"]:
        problem = t("왜 끄는지 적어 주세요. 방에 그대로 알려요.", "Say why; the rooms read it.")
    elif not given["topic"]:
        problem = t("주제를 골라 주세요.", "Choose a topic.")
    elif severity and severity not in SEVERITIES:
        abort(400)
    elif ends_at is None or ends_at <= now:
        problem = t("끝나는 때를 골라 주세요.", "Choose when it ends.")
    if problem or ends_at is None:
        flash(problem, "bad")
        return redirect(url_for("console.alerts"), 303)
    with database.writing() as session:
        if topics.get(session, given["topic"]) is None:
            abort(404)
        made = silences.Silence(**given, severity=severity, by=who().email, starts_at=now, ends_at=ends_at)
        session.add(made)
        session.flush()
        note(session, "silence.added", f"silence:{made.id}", None, {**given, "until": ends_at.isoformat()})
    flash(t("껐어요. 방에 알려요.", "Silenced; the rooms are told."), "ok")
    return redirect(url_for("console.alerts"), 303)


def _until(minutes: str, until: str) -> datetime | None:
    if minutes.isdecimal() and 0 < int(minutes[:7]) <= 525_600:
        return clock.now() + timedelta(minutes=int(minutes))
    try:
        found = datetime.fromisoformat(until) if until else None
    except ValueError:
        return None
    if found is None:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=settings().timezone)).astimezone(UTC)


@console.post("/alerts/silences/<int:id>/end", endpoint="alerts_unsilence")
@needs("editor")
def unsilence(id: int) -> AnyResponse:
    with database.writing() as session:
        found = silences.get(session, id)
        if found is None:
            abort(404)
        if found.ends_at > clock.now():
            silences.end(found, clock.now())
            note(session, "silence.ended", f"silence:{id}")
    flash(t("다시 알려요.", "It is told again."), "ok")
    return redirect(url_for("console.alerts"), 303)


# --- rules ---


@console.post("/alerts/topics/<name>", endpoint="alerts_rules")
@needs("editor")
def save_rules(name: str) -> AnyResponse:
    values: dict[str, int | None] = {}
    for rule, (least, most) in RULES.items():
        typed = request.form.get(rule, "").strip()
        if not typed:
            values[rule] = None
        elif typed.isdecimal() and len(typed) < 7 and least <= int(typed) <= most:
            values[rule] = int(typed)
        else:
            flash(t(f"{least}부터 {most}까지의 수를 적어 주세요.", f"A number from {least} to {most}, please."), "bad")
            return redirect(url_for("console.alerts"), 303)
    with database.writing() as session:
        topic = topics.get(session, name)
        if topic is None:
            abort(404)
        before = {rule: getattr(topic, rule) for rule in RULES} | {"public": topic.public}
        for rule, value in values.items():
            setattr(topic, rule, value)
        if may("admin"):  # whether outsiders may hear it is no small thing
            topic.public = "public" in request.form
        note(session, "topic.set", f"topic:{name}", before, {**values, "public": topic.public})
    flash(t("저장했어요. 다음 알람부터 그렇게 해요.", "Saved; it holds from the next alert on."), "ok")
    return redirect(url_for("console.alerts"), 303)


@console.get("/alerts/topics/<name>", endpoint="alerts_topic")
def the_topic(name: str) -> Response:
    """Who hears it, and when they do not."""
    with database.reading() as session:
        topic = topics.get(session, name)
        if topic is None:
            abort(404)
        heard = list(topics.subscribers(session, name))[: MOST_ROWS * 5]
        total = topics.counts(session).get(name, 0)
    return page(
        "alerts_topic.html", topic=topic, heard=heard, total=total, channel_name=channel_name, personal=personal
    )
