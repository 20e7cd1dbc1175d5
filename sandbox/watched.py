"""The page that a watch looks at: a day's case figures. They move with the practice clock: each day at 09:20 a new
publication; and a person, or a test, may set them, drift the layout, or break the page.

GET  /watched/cases            the page, with ETag and 304
GET  /sandbox/watched          {"figures", "layout", "broken", "set": whether somebody set the figures}
POST /sandbox/watched          any of {"total", "new", "asof", "layout": plain|drifted|english, "broken": true,
                               "auto": true (by the clock again), "revert": true (as before the last change)}
"""

import hashlib
import html
import os
import random
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

from sandbox.server import Request, Response, answer_json

KOREA = timezone(timedelta(hours=9))
PUBLISHED = time(9, 20)
FIRST_DAY, FIRST_TOTAL = date(2026, 1, 1), 35_000_000
LAYOUTS = {
    "plain": """<main><h1>오늘의 현황</h1>
<p>누적 확진자 <strong id="total">{total}</strong>명</p>
<dl class="today"><dt>신규</dt><dd>+ {new}</dd></dl><p class="asof" id="asof">{asof} 0시 기준</p></main>""",
    "drifted": """<main><h1>오늘의 현황</h1><p class="asof" id="asof">{asof} 0시 기준</p>
<section><div><div><table><tr><th>구분</th><th>명</th></tr>
<tr><td>누적</td><td><span id="total">{total}</span></td></tr></table></div></div>
<aside><dl class="today new-look"><dt>신규</dt><dd><b>+{new}</b> <small>명</small></dd></dl></aside>
</section></main>""",
    "english": """<main><h1>Figures of the day</h1>
<div class="box"><em>{total}</em> in all, {new} new, as of {asof}</div></main>""",
}
SHELL = """<!doctype html><html lang="ko"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>오늘의 현황</title><link rel="stylesheet" href="/static/watched.css"><body class="publication">{body}
<footer>연습장이 꾸며 낸 수치예요. <a href="/watched">수치 바꾸기</a></footer></body></html>"""


class Watched:
    def __init__(self) -> None:
        self.given: dict[str, str] = {}
        self.before: dict[str, str] = {}
        self.layout, self.broken = "plain", False
        path = os.environ.get("SANDBOX_CLOCK")
        self.clock = Path(path) if path else None

    def figures(self) -> dict[str, str]:
        return self.given or _of_day(self._today())

    def _now(self) -> datetime:
        moved = 0.0
        if self.clock is not None and self.clock.exists():
            moved = float(self.clock.read_text() or 0)
        return (datetime.now(UTC) + timedelta(seconds=moved)).astimezone(KOREA)

    def _today(self) -> date:
        """Of the last publication."""
        now = self._now()
        return now.date() if now.time() >= PUBLISHED else now.date() - timedelta(days=1)

    def answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return answer_json({"error": "method not allowed"}, 405)
        if self.broken:
            return Response(503, "점검 중입니다".encode(), {"Content-Type": "text/plain; charset=utf-8"})
        figures = {name: html.escape(value) for name, value in self.figures().items()}
        body = SHELL.format(body=LAYOUTS[self.layout].format(**figures)).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(304, b"", {"ETag": etag})
        return Response(200, body, {"Content-Type": "text/html; charset=utf-8", "ETag": etag})

    def control(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                asked = request.json() if request.body else {}
            except ValueError:
                return answer_json({"error": "not JSON"}, 400)
            wrong = self._set(asked) if isinstance(asked, dict) else "must be a JSON object"
            if wrong:
                return answer_json({"error": wrong}, 400)
        shown = {"figures": self.figures(), "layout": self.layout, "broken": self.broken, "set": bool(self.given)}
        return answer_json(shown)

    def _set(self, asked: dict[str, Any]) -> str:
        figures = {name: str(asked[name])[:100] for name in ("total", "new", "asof") if asked.get(name) is not None}
        if asked.get("layout", self.layout) not in LAYOUTS:
            return f'"layout" must be one of {", ".join(LAYOUTS)}'
        now = self.figures()
        if asked.get("revert"):
            self.given, self.before = self.before or now, now
        elif asked.get("auto"):
            self.given = {}
        elif figures:
            self.given, self.before = {**now, **figures}, now
        self.layout = asked.get("layout", self.layout)
        self.broken = bool(asked.get("broken", self.broken))
        return ""


def _of_day(day: date) -> dict[str, str]:
    """The same for a day whenever it is asked."""
    total, new = FIRST_TOTAL, 0
    for back in range((day - FIRST_DAY).days + 1):
        new = random.Random(back).randint(20, 900)
        total += new
    return {"total": f"{total:,}", "new": f"{new:,}", "asof": f"{day.month}.{day.day}."}
