"""How an alert reads: one message in our markup that says all of it, with what cards need beside it."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.alert import CRITICAL, INFO

FIRED, AGAIN, WORSE, REPEATED = "fired", "again", "worse", "repeated"
CLEARED, SEEN, NEWS, HUSHED, UNHUSHED = "resolved", "acknowledged", "news", "silence", "silence_over"
TONES = {"alarm": "🔴", "warn": "🟠", "ok": "🟢", "info": "🔵"}
MOST_LISTED = 60  # of a bundle


@dataclass(frozen=True)
class Telling:
    """What is to be said of an alert, whoever hears it. `since`: when it began."""

    what: str
    alert: int
    title: str
    text: str
    severity: str
    url: str
    fields: Sequence[Sequence[str]]
    at: datetime  # local
    since: datetime  # local
    thread: str = ""
    who: str = ""
    until: str = ""  # of a silence


def body(telling: Telling, korean: bool, acknowledgeable: bool) -> dict[str, Any]:
    """The channel-neutral message (channels/contract.py says what is in it)."""
    tone = _tone(telling)
    head = _head(telling, korean)
    lines = [f"{TONES[tone]} <b>{quoted(head)}</b>"] if telling.what != NEWS else [f"<b>{quoted(head)}</b>"]
    if telling.text:
        lines.append(telling.text)
    lines += [f"{quoted(label)}: {quoted(value)}" for label, value in telling.fields]
    if telling.what in (CLEARED, REPEATED):
        lines.append(_lasted(telling, korean))
    buttons: list[dict[str, str]] = []
    if acknowledgeable and telling.what in (FIRED, WORSE, REPEATED):
        buttons.append(
            {"title": "제가 보고 있어요", "say": f"/확인 {telling.alert}"}
            if korean
            else {"title": "I am on it", "say": f"/ack {telling.alert}"}
        )
    if telling.url:
        buttons.append({"title": "열기" if korean else "Open", "url": telling.url})
    return {
        "text": "\n".join(lines),
        "title": head,
        "tone": tone,
        "fields": [list(one) for one in telling.fields],
        "buttons": buttons,
        "url": telling.url,
        "thread_key": telling.thread,
        "subject": head[:200],
    }


def bundle(tellings: Sequence[Telling], korean: bool) -> dict[str, Any]:
    """Many in one: the newest word on each alert, the gravest first."""
    newest = {telling.alert: telling for telling in tellings}
    rows = sorted(newest.values(), key=lambda one: (list(TONES).index(_tone(one)), one.at))
    firing = sum(one.what != CLEARED for one in rows)
    title = f"알람 {len(rows)}건 (울리는 중 {firing}건)" if korean else f"{len(rows)} alerts ({firing} firing)"
    lines = [f"<b>{title}</b>"]
    for one in rows[:MOST_LISTED]:
        link = (
            f'<link type="url" value="{quoted(one.url, True)}">{quoted(_head(one, korean))}</link>' if one.url else ""
        )
        lines.append(f"{TONES[_tone(one)]} {one.at:%H:%M:%S} {link or quoted(_head(one, korean))}")
    if len(rows) > MOST_LISTED:
        more = len(rows) - MOST_LISTED
        lines.append(f"그 밖에 {more}건: /경보 로 볼 수 있어요." if korean else f"and {more} more: see /alerts")
    tone = "alarm" if firing else "ok"
    return {"text": "\n".join(lines), "title": title, "tone": tone, "buttons": [], "fields": [], "subject": title}


def after_quiet(tellings: Sequence[Telling], firing: frozenset[int], korean: bool) -> dict[str, Any]:
    """What fell into quiet hours: news in full, what still fires, and how many came and went."""
    newest = {telling.alert: telling for telling in tellings}
    news = [one for one in newest.values() if one.what == NEWS]
    still = [one for one in newest.values() if one.alert in firing]
    gone = len(newest) - len(news) - len(still)
    title = "조용한 시간에 온 소식" if korean else "While you were quiet"
    lines = [f"<b>{title}</b>"]
    lines += [f"<b>{quoted(one.title)}</b>\n{one.text}".strip() for one in news]
    lines += [f"{TONES[_tone(one)]} {one.since:%m-%d %H:%M} {quoted(one.title)}" for one in still[:MOST_LISTED]]
    if len(still) > MOST_LISTED:
        more = len(still) - MOST_LISTED
        lines.append(f"그 밖에 {more}건: /경보 로 볼 수 있어요." if korean else f"and {more} more: see /alerts")
    if gone:
        lines.append(f"🟢 그 사이에 끝난 알람 {gone}건" if korean else f"🟢 {gone} that came and went")
    tone = "alarm" if still else "info"
    return {"text": "\n".join(lines), "title": title, "tone": tone, "buttons": [], "fields": [], "subject": title}


def quoted(words: str, attribute: bool = False) -> str:
    return html.escape(words, quote=attribute)


def _tone(telling: Telling) -> str:
    if telling.what in (CLEARED, UNHUSHED):
        return "ok"
    if telling.what in (NEWS, SEEN, HUSHED):
        return "info"
    return "alarm" if telling.severity == CRITICAL else "info" if telling.severity == INFO else "warn"


def _head(telling: Telling, korean: bool) -> str:
    title = telling.title
    if telling.what == CLEARED:
        return f"해결됨: {title}" if korean else f"Resolved: {title}"
    if telling.what == REPEATED:
        return f"아직 울리는 중: {title}" if korean else f"Still firing: {title}"
    if telling.what == WORSE:
        return f"더 심해짐: {title}" if korean else f"Worse: {title}"
    if telling.what == SEEN:
        return f"{telling.who}님이 보고 있어요: {title}" if korean else f"{telling.who} is on it: {title}"
    if telling.what in (HUSHED, UNHUSHED):
        return _of_silence(telling, korean)
    return title


def _of_silence(telling: Telling, korean: bool) -> str:
    if telling.what == UNHUSHED:
        return f"알람 끄기가 끝났어요: {telling.title}" if korean else f"The silence is over: {telling.title}"
    until = f"{datetime.fromisoformat(telling.until).astimezone(telling.at.tzinfo):%m-%d %H:%M}"
    if korean:
        return f"{telling.who}님이 {until}까지 알람을 껐어요: {telling.title}"
    return f"Silenced by {telling.who} until {until}: {telling.title}"


def _lasted(telling: Telling, korean: bool) -> str:
    """How long it fires, or fired."""
    minutes = max(int((telling.at - telling.since).total_seconds()) // 60, 0)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    named = ((days, "일", "d"), (hours, "시간", "h"), (minutes, "분", "min"))
    parts = [f"{count}{ko if korean else en}" for count, ko, en in named if count]
    long = " ".join(parts) or ("1분 안쪽" if korean else "under a minute")
    began = f"{telling.since:%m-%d %H:%M:%S}"
    return f"{began}부터 {long}" if korean else f"since {began}, {long}"
