"""What a customer would see: a module's answer to one survey, as bubbles, values and what was left unsaid."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup
from sqlalchemy.orm import Session

from channels import mailing
from curation.answer import read_reply
from responses.formats import written
from responses.keys import Key
from responses.module import Module
from responses.module_mail import ADDRESS
from responses.problems import ModuleError
from settings import Settings
from web.console.bubbles import html
from workers import rehearsal

# Answers that a usual customer gives; a middle between the bounds would be somebody very old and very tall.
_USUAL = {
    "이름": "김하늘", "name": "김하늘", "성함": "김하늘", "나이": "34", "age": "34", "키": "168", "height": "168",
    "몸무게": "63.5", "체중": "63.5", "weight": "63.5", "하루 물 섭취량": "1000ml 이하", "하루 식사 횟수": "3",
    "이메일": "haneul@example.kr", "email": "haneul@example.kr", "메일": "haneul@example.kr",
}  # fmt: skip
_LONGEST_RESULT = 300
_MOST_QUESTIONS = 20


@dataclass(frozen=True)
class Bubble:
    who: str  # bot, question, customer, hint
    html: Markup
    wait: float = 0
    buttons: tuple[dict[str, str], ...] = ()
    image: str = ""
    shows_image: bool = False
    line: int = 0  # of the message in the module's text


@dataclass(frozen=True)
class Letter:
    """The mail among the effects."""

    to: tuple[str, ...]
    profile: str
    subject: str
    html: Markup  # what is said, as a piece of the page
    page: str  # the HTML that the author wrote instead

    @property
    def wrong(self) -> tuple[str, ...]:
        """Whom it cannot reach with this survey."""
        return tuple(one for one in self.to if not ADDRESS.fullmatch(one))


@dataclass(frozen=True)
class Effects:
    """What happens once the series is sent."""

    profile: Mapping[str, str]
    tags: tuple[str, ...]
    mail: Letter | None


@dataclass
class Play:
    bubbles: list[Bubble] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    unsaid: dict[int, str] = field(default_factory=dict)  # line of a message -> why it was not said
    missing: list[str] = field(default_factory=list)
    asks: Key | None = None  # the question that waits for a reply
    effects: Effects | None = None  # once nothing is left to ask
    trouble: ModuleError | None = None


def play(
    session: Session,
    settings: Settings,
    module: Module,
    survey: Mapping[str, Any],
    replies: Mapping[str, str],
    now: datetime | None,
    own_host: str,
) -> Play:
    """The whole conversation, with the replies that were given to its questions."""
    shown, told, after = Play(), dict(survey), -1
    for _ in range(_MOST_QUESTIONS):
        try:
            answer = rehearsal.rehearse(session, settings, module, None, told, now)
        except ModuleError as error:
            shown.trouble = error
            shown.values = _values_before(session, settings, module, told, now, error)
            return shown
        after = _say(shown, module, answer.json(), after, own_host)
        shown.effects = _effects(answer.effects)
        if shown.asks is None or shown.asks.name not in replies:
            return shown
        reply = replies[shown.asks.name]
        shown.bubbles.append(Bubble("customer", html(_escaped(reply))))
        fits, value, hint = read_reply(module, shown.asks.name, reply)
        if not fits:
            shown.bubbles.append(Bubble("hint", html(_escaped(hint))))
            return shown
        told[shown.asks.name] = value
    return shown


def _say(shown: Play, module: Module, found: Mapping[str, Any], after: int, own_host: str) -> int:
    """Add what follows the message at place `after`; returns the place of the last message looked at."""
    shown.asks, shown.missing = None, found["missing"]
    shown.values = {name: result(value) for name, value in found["values"].items()}
    spoken = iter(found["messages"])
    messages = (module.incomplete or ()) if shown.missing else module.messages
    for step in found["trace"]["messages"]:
        place, line = step["index"], messages[step["index"]].line
        said = next(spoken) if step["said"] else None
        if place <= after:
            continue
        after = place
        if said is None:
            shown.unsaid[line] = step["reason"]
        elif "ask" in said:
            shown.asks = module.survey[said["ask"]]
            shown.bubbles.append(Bubble("question", html(said["text"]), _wait(shown, messages[place].wait), line=line))
        else:
            image = said["image"] or ""
            # The page's policy lets in pictures of our own only; others are shown as the link that they are.
            own = bool(image) and urlsplit(image).netloc == own_host
            picture = urlsplit(image).path if own else image
            bubble = Bubble("bot", html(said["text"]), said["wait"], tuple(said["buttons"]), picture, own, line)
            shown.bubbles.append(bubble)
    return after


def _effects(found: Mapping[str, Any] | None) -> Effects | None:
    if not found:
        return None
    profile = {key: result(value) for key, value in found["profile"].items()}
    mail = found.get("mail")
    letter = None
    if mail is not None:
        said = html(mail["text"])
        letter = Letter(tuple(mail["to"]), mail["profile"], mailing.subject(mail), said, mail["html"])
    return Effects(profile, tuple(found["tags"]), letter)


def _wait(shown: Play, wait: float | None) -> float:
    return wait if wait is not None else (2 if shown.bubbles else 0)


def _values_before(
    session: Session,
    settings: Settings,
    module: Module,
    survey: Mapping[str, Any],
    now: datetime | None,
    at: ModuleError,
) -> dict[str, str]:
    """The results above the value that failed, so that its author sees what it was given."""
    failed = at.where.partition(" ")[0].removeprefix("values.")
    names = [value.name for value in module.values]
    upto = names.index(failed) if failed in names else len(names)
    above = replace(module, values=module.values[:upto], messages=(), incomplete=None, effects=None)
    try:
        found = rehearsal.preview(session, settings, above, None, survey, now)
    except ModuleError:
        return {}  # it ran out of its time already above; the error itself is shown in any case
    return {name: result(value) for name, value in found["values"].items()}


def result(value: Any) -> str:
    """A value as staff read it beside its expression."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        said = ", ".join(f"{key}: {result(entry)}" for key, entry in value.items())
    elif isinstance(value, list | tuple):
        said = ", ".join(result(entry) for entry in value)
    else:
        said = written(value)
    return said if len(said) <= _LONGEST_RESULT else said[:_LONGEST_RESULT] + "…"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# ---- surveys -----------------------------------------------------------------------------


def sample(keys: Mapping[str, Key], today: date) -> dict[str, str]:
    """A customer made up from the keys: everything that is needed is there and can be read."""
    return {name: _made_up(key, today) for name, key in keys.items() if not key.asked}


def _made_up(key: Key, today: date) -> str:
    for usual in (key.label, key.name):
        if usual in _USUAL and _fits(key, _USUAL[usual]):
            return _USUAL[usual]
    if key.type in ("number", "integer"):
        low = key.min if key.min is not None else min(1.0, key.max if key.max is not None else 1.0)
        high = key.max if key.max is not None else low + 10
        return f"{round(low + (high - low) / 3):d}" if high - low >= 3 else f"{low:g}"
    if key.type == "choice":
        return key.options[0] if key.options else ""
    return {"boolean": "예", "list": "", "date": (today - timedelta(days=30)).isoformat()}.get(key.type, "견본")


def _fits(key: Key, raw: str) -> bool:
    try:
        key.read(raw)
    except ValueError:
        return False
    return True


def filled(keys: Mapping[str, Key], known: Mapping[str, Any]) -> dict[str, str]:
    """A customer's own answers, as the fields of the form."""
    found = {}
    for name, key in keys.items():
        value = known.get(key.source, known.get(name))
        if isinstance(value, list):
            found[name] = ", ".join(str(entry) for entry in value)
        elif value is not None:
            found[name] = ("true" if value else "false") if isinstance(value, bool) else str(value)[:200]
    return found
