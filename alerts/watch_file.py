"""A watch as staff write it: which figures of which page, when they are looked at, and what is told of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from responses import language
from responses.document import Fields, Items, Word, read
from responses.problems import Invalid
from responses.reading import Reading
from responses.starts import compile_pattern
from responses.syntax import Mistake

CSS, JSONPATH, REGEX = SELECTORS = ("css", "jsonpath", "regex")
NUMBER, TEXT = "number", "text"
_TOP = ("watch", "title", "url", "schedule", "figures", "alert_on", "asof", "topic", "text", "corrections")
_FIGURE = (*SELECTORS, "label", "type", "unit", "never_falls", "max_jump")
STAFF_TOPIC = "watches"  # hears when a page cannot be read any more
OF_STAFF = (STAFF_TOPIC, "cloudwatch")
_MOST_FIGURES, _MOST_LINES, _LONGEST_NAME = 50, 50, 40


@dataclass(frozen=True)
class Figure:
    name: str
    how: str  # css, jsonpath or regex
    where: str
    label: str
    type: str = NUMBER
    unit: str = ""
    never_falls: bool = False
    max_jump: float | None = None


@dataclass(frozen=True)
class Watch:
    name: str
    title: str
    url: str
    cron: tuple[str, ...]
    zone: str
    figures: Mapping[str, Figure]
    alert_on: tuple[str, ...]
    topic: str
    text: str
    asof: str = ""
    corrections: bool = False
    source: str = field(default="", repr=False, compare=False)

    def next_after(self, at: datetime) -> datetime | None:
        """When it is looked at next, by the clock of its own zone."""
        local = at.astimezone(ZoneInfo(self.zone))
        found = [next(CronSim(line, local), None) for line in self.cron]
        return min((one for one in found if one is not None), default=None)

    def latest(self, at: datetime) -> datetime | None:
        """The newest time up to `at` at which it was to be looked at."""
        behind = (at + timedelta(minutes=1)).astimezone(ZoneInfo(self.zone)).replace(second=0, microsecond=0)
        found = [next(CronSim(line, behind, reverse=True), None) for line in self.cron]
        return max((one for one in found if one is not None), default=None)


def parse(text: str, file: str) -> Watch:
    """The watch, or `Invalid` with all that is wrong, by line."""
    fields = read(text, file)
    reading = Reading(file)
    found = _Parsing(reading, fields).watch(text)
    if reading.errors:
        raise Invalid(sorted(reading.problems, key=lambda problem: problem.line or 0))
    return found


class _Parsing:
    def __init__(self, reading: Reading, fields: Fields) -> None:
        self.reading, self.fields = reading, fields

    def wrong(self, key: str, message: str, mend: str) -> None:
        self.reading.wrong(self.fields.lines.get(key, self.fields.line), message, mend)

    def needed(self, key: str, example: str) -> str:
        said = self.reading.word(self.fields, key, "").strip()
        if not said and key not in self.fields.entries:
            self.wrong(key, f"'{key}' is missing", f"Such as: {key}: {example}")
        return said

    def watch(self, text: str) -> Watch:
        self.reading.only(self.fields, _TOP, "A watch")
        name = self.needed("watch", "cases")
        if name and not (name.replace("_", "a").replace("-", "a").isalnum() and len(name) <= _LONGEST_NAME):
            self.wrong("watch", f"'{name}' cannot be a name", "Use letters, digits, _ and -, at most 40.")
        figures = self.figures()
        asof = self.reading.word(self.fields, "asof", "")
        if asof and asof not in figures:
            self.wrong("asof", f"'asof: {asof}' is no figure", self.reading.meant(asof, figures, "Name one of them."))
        numbers = [one for one in figures if one != asof]
        alert_on = self.reading.words(self.fields, "alert_on") or tuple(numbers)
        for one in alert_on:
            if one not in figures:
                mend = self.reading.meant(one, figures, f"There are: {', '.join(figures)}.")
                self.wrong("alert_on", f"'alert_on' names '{one}', which is no figure", mend)
        cron, zone = self.schedule()
        topic = self.reading.word(self.fields, "topic", name)
        if topic and (len(topic) > 64 or not topic.replace("_", "a").replace("-", "a").replace(".", "a").isalnum()):
            self.wrong("topic", f"'{topic}' is no topic", "A topic is one word of letters, digits, _ . and -.")
        if topic in OF_STAFF:
            self.wrong("topic", f"'{topic}' is for our own people, and a watch's topic is public", "Use another name.")
        return Watch(
            name=name,
            title=self.reading.word(self.fields, "title", name),
            url=self.url(),
            cron=cron,
            zone=zone,
            figures=figures,
            alert_on=alert_on,
            topic=topic,
            text=self.text(figures),
            asof=asof,
            corrections=self.reading.switch(self.fields, "corrections", False),
            source=text,
        )

    def url(self) -> str:
        url = self.needed("url", "https://health.example.kr/status")
        try:
            parts = urlsplit(url)
        except ValueError:  # such as a bracket that is not closed
            parts = urlsplit("")
        if url and (parts.scheme not in ("http", "https") or not parts.hostname):
            self.wrong("url", f"'{url}' is no web address", "It begins with https://")
        elif "@" in parts.netloc or re.search(r"[\s\\]", url):
            self.wrong("url", "The address has a password, a space or a backslash in it", "Leave it out.")
        return url

    def figures(self) -> dict[str, Figure]:
        part = self.fields.entries.get("figures")
        if not isinstance(part, Fields) or not part.entries:
            self.wrong("figures", "There are no figures", 'Such as: figures: {total: {css: "#total"}}')
            return {}
        if len(part.entries) > _MOST_FIGURES:
            self.wrong("figures", f"There are more than {_MOST_FIGURES} figures", "Make two watches of it.")
        found = {}
        for name, entry in part.entries.items():
            line = part.lines[name]
            self.reading.name(name, line)
            if isinstance(entry, Fields):
                found[name] = self.figure(name, entry, line)
            else:
                self.reading.wrong(
                    line, f"'{name}' does not say where it stands", f'Such as: {name}: {{css: "#total"}}'
                )
        return found

    def figure(self, name: str, fields: Fields, line: int) -> Figure:
        reading = self.reading
        reading.only(fields, _FIGURE, f"The figure '{name}'")
        given = [how for how in SELECTORS if how in fields.entries]
        if len(given) != 1:
            said = "several places" if given else "no place"
            reading.wrong(line, f"The figure '{name}' has {said}", "Give just one of css, jsonpath and regex.")
        how = given[0] if given else CSS
        where = reading.word(fields, how, "")
        why = selector_problem(how, where) if where.strip() else "it is empty" if given else ""
        if why:
            reading.wrong(
                fields.lines[how], f"'{where}' cannot be read as {how}: {why}", "Try it in the browser first."
            )
        kind = reading.one_of(fields, "type", (NUMBER, TEXT), NUMBER)
        jump = reading.number(fields, "max_jump", 0, 10**15, None)
        falls = reading.switch(fields, "never_falls", False)
        if kind == TEXT and (jump is not None or falls):
            reading.wrong(line, f"The figure '{name}' is a text", "Only numbers have never_falls and max_jump.")
        label = reading.word(fields, "label", name)
        return Figure(name, how, where, label, kind, reading.word(fields, "unit", ""), falls, jump)

    def schedule(self) -> tuple[tuple[str, ...], str]:
        part = self.fields.entries.get("schedule")
        if part is None:
            self.wrong("schedule", "'schedule' is missing", 'Such as: schedule: {cron: "0 9 * * *"}')
            return (), "UTC"
        lines: tuple[str, ...]
        if isinstance(part, Fields):
            self.reading.only(part, ("cron", "timezone"), "A schedule")
            lines = self.reading.words(part, "cron")
            zone, at = self.reading.word(part, "timezone", "Asia/Seoul"), part.lines.get("cron", part.line)
        else:
            entries = part.entries if isinstance(part, Items) else (part,)
            lines = tuple(one.source for one in entries if isinstance(one, Word))
            zone, at = "Asia/Seoul", self.fields.lines["schedule"]
        if zone not in available_timezones():
            self.reading.wrong(at, f"'{zone}' is no time zone", "Asia/Seoul is one.")
            zone = "UTC"
        if not 0 < len(lines) <= _MOST_LINES:
            self.reading.wrong(at, "The schedule has no cron line", 'Such as: cron: ["*/6 8-12 * * *"]')
        for line in lines:
            why = cron_problem(line)
            if why:
                mend = "Minute, hour, day, month, weekday: '0 9 * * 1-5' is nine on working days."
                self.reading.wrong(at, f"'{line}' is no cron line: {why}", mend)
        return lines, zone

    def text(self, figures: Mapping[str, Figure]) -> str:
        said = self.needed("text", '"누적 {{ total | comma }}명"')
        try:
            names = language.text(said).names
        except Mistake as error:
            self.wrong("text", error.message, error.mend)
            return said
        for name in sorted(names - figures.keys() - {"now", "title"}):
            if name in language.offered():
                continue
            mend = self.reading.meant(name, figures, f"There are: {', '.join(figures)}.")
            self.wrong("text", f"The text names '{name}', which is no figure", mend)
        return said


def cron_problem(line: str) -> str:
    if len(line.split()) != 5:
        return "it has to have five parts"
    try:
        CronSim(line, datetime(2026, 1, 1))
    except CronSimError as error:
        return str(error).lower()
    return ""


def selector_problem(how: str, where: str) -> str:
    """Why this cannot be looked for."""
    if how == REGEX:
        try:
            compile_pattern(where)
        except Mistake as error:
            return error.message
        return ""
    if how == JSONPATH:
        import jsonpath

        try:
            jsonpath.compile(where)
        except jsonpath.JSONPathError as error:
            return str(error).splitlines()[0]
        return ""
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        LexborHTMLParser("<p></p>").css(where)
    except (SelectolaxError, ValueError) as error:
        return str(error)
    return ""


def shown(watch: Watch, values: Mapping[str, Any], now: datetime) -> str:
    """Its text, with the figures in it, in our markup with data marked. Raises ModuleError."""
    from responses.budget import Budget, spending

    scope = {**dict.fromkeys(watch.figures), **values, "now": now, "title": watch.title}
    with spending(Budget(now.tzinfo or ZoneInfo(watch.zone))):
        return language.text(watch.text).render(scope)
