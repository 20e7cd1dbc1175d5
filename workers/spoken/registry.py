"""Commands as plain functions: `@command("/팀", "/team", …)` over `(ask, rest) -> what to say`. From the same lines
comes the help, and what is answered to a wrong use."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from unicodedata import normalize

from rapidfuzz import fuzz
from sqlalchemy.orm import Session

from interaction import hangul
from settings import Settings
from store.people import Person

ALL, GUESTS = "all", "guests"
PEOPLE_ANSWER = ("channeltalk",)  # there colleagues read what customers write, so what is not for us gets no answer
NEAR = 60  # of 100: from here on it is what was meant
HANGUL = re.compile("[ㄱ-ㅎㅏ-ㅣ가-힣]")


@dataclass(frozen=True)
class Ask:
    """Who says something, where and when. `now` is local; `employee`: as imported, None for everybody else."""

    session: Session
    settings: Settings
    now: datetime
    channel: str
    chat: str
    person: str = ""
    email: str = ""
    name: str = ""
    room: bool = False
    thread: str = ""
    employee: Person | None = None
    language: str = "ko"
    outsider: bool = True
    event: int = 0  # by which it came, for what is written beside the answer
    company: str = ""  # whose chat it is
    bots: str = ""  # of the company's bots this asker may use ALL, those for GUESTS, or none of that

    def t(self, korean: str, english: str) -> str:
        return korean if self.language == "ko" else english


@dataclass(frozen=True)
class Told:
    """One message: our markup, and buttons: {"title", "say"} (pressing says that) or {"title", "url"}."""

    text: str
    buttons: tuple[dict[str, str], ...] = ()
    subject: str = ""  # of a mail


class Unclear(Exception):
    """Not how the command is used. `korean`, `english`: what is wrong, said before the usage line."""

    def __init__(self, korean: str = "", english: str = "") -> None:
        super().__init__(english)
        self.korean, self.english = korean, english


Work = Callable[[Ask, str], "Told | str | list[Told]"]


@dataclass(frozen=True)
class Command:
    names: tuple[str, str]  # Korean and English
    usage: tuple[str, str]
    says: tuple[str, str]
    outsiders: bool
    work: Work
    more: tuple[tuple[str, str], ...] = ()  # further ways to use it, each in both languages
    order: int = 50

    def name(self, language: str) -> str:
        return self.names[language != "ko"]


@dataclass
class _Known:
    commands: list[Command] = field(default_factory=list)
    by_name: dict[str, tuple[Command, str]] = field(default_factory=dict)  # folded; with the language of the alias


_known = _Known()


def command(
    korean: str,
    english: str,
    *,
    usage: tuple[str, str],
    says: tuple[str, str],
    outsiders: bool = False,
    more: Sequence[tuple[str, str]] = (),
    aliases: Sequence[str] = (),
    order: int = 50,
) -> Callable[[Work], Work]:
    """Register a command. `aliases`: further names it listens to. `order`: its place in the help."""

    def register(work: Work) -> Work:
        made = Command((korean, english), usage, says, outsiders, work, tuple(more), order)
        _known.commands.append(made)
        for name in (korean, english, *aliases):
            language = "ko" if HANGUL.search(name) else "en"
            if english == korean:  # a name that is the same in both: the words around it tell the language
                language = ""
            _known.by_name[_folded(name)] = made, language
        return work

    return register


def listed(outsider: bool) -> list[Command]:
    found = [one for one in _known.commands if one.outsiders or not outsider]
    return sorted(found, key=lambda one: one.order)


def find(name: str) -> Command | None:
    found = _known.by_name.get(_folded(name))
    return found[0] if found else None


def quoted(words: str) -> str:
    """Somebody's words, as data in our markup."""
    return html.escape(words, quote=False)


def language_of(text: str) -> str:
    """By the script of what somebody wrote. Nothing to go by is Korean."""
    if HANGUL.search(text):
        return "ko"
    return "en" if re.search("[A-Za-z]", text) else "ko"


# --- hearing ---

_SLASH = re.compile(r"^\s*/\s*")


def _folded(name: str) -> str:
    return re.sub(r"\s", "", normalize("NFKC", name)).casefold().lstrip("/")


def _read(text: str) -> tuple[str, str] | None:
    """Name and rest of a text that begins as a command does: `/팀`, `／ 팀`, `/내 정보`."""
    wide = text.lstrip().replace("／", "/", 1)
    begin = _SLASH.match(wide)
    if not begin:
        return None
    words = wide[begin.end() :].split(None, 2)
    if not words:
        return None
    for count in (2, 1):  # `/내 정보` is `/내정보`, but `/팀 방` is not `/팀방`: the longer one only if it is known
        if count <= len(words) and _folded("".join(words[:count])) in _known.by_name:
            return _folded("".join(words[:count])), _after(wide[begin.end() :], count)
    return _folded(words[0]), _after(wide[begin.end() :], 1)


def _after(text: str, count: int) -> str:
    parts = text.split(None, count)
    return parts[count].strip() if len(parts) > count else ""


def read(text: str) -> tuple[str, str] | None:
    """Name, folded, and rest of a text that begins as a command does."""
    return _read(text)


def is_built_in(name: str) -> bool:
    return _folded(name) in _known.by_name


def begins(text: str, unknown_too: bool) -> bool:
    """Is it said as a command? While a question waits for an answer, only one that we know is."""
    read = _read(text)
    return read is not None and (unknown_too or read[0] in _known.by_name)


def hear(ask: Ask, text: str) -> list[Told] | None:
    """What is said to a command of ours; None when the text is none, or none that this asker is answered to."""
    read = _read(text)
    if read is None:
        return None
    name, rest = read
    found = _known.by_name.get(name)
    if found is None:
        return None if ask.outsider or not re.fullmatch(r"[\w-]{1,30}", name) else [_unknown(ask, name)]
    heard, language = found
    ask = _speaking(ask, language or _language_by(ask, rest))
    if ask.outsider and not heard.outsiders:
        return turned_away(ask)
    try:
        said = heard.work(ask, rest)
    except Unclear as wrong:
        return [usage(ask, heard, wrong)]
    if isinstance(said, str):
        said = Told(said)
    return said if isinstance(said, list) else [said]


def _language_by(ask: Ask, rest: str) -> str:
    """For a name that is the same in both: by the other words, else as before, else as the house speaks."""
    if re.search("[A-Za-z]", rest) or HANGUL.search(rest):
        return language_of(rest)
    return (ask.employee.language if ask.employee else "") or ask.settings.locale


def _speaking(ask: Ask, language: str) -> Ask:
    if ask.employee is not None and ask.employee.language != language:
        ask.employee.language = language
    return Ask(**{**vars(ask), "language": language})


def turned_away(ask: Ask) -> list[Told] | None:
    """The one line for a person who is no employee of ours; None where people answer."""
    if ask.channel in PEOPLE_ANSWER:
        return None
    return [
        Told(
            ask.t(
                "죄송하지만 여기서는 도와드릴 수 없어요. 마루를 쓰시려면 사내 담당자에게 등록을 부탁해 주세요.",
                "Sorry, I cannot help you here. Please ask your contact at the company to have you registered.",
            )
        )
    ]


def usage(ask: Ask, heard: Command, wrong: Unclear | None = None) -> Told:
    lines = [ask.t(wrong.korean, wrong.english)] if wrong is not None and wrong.korean else []
    ways = [heard.usage, *heard.more]
    how = ask.t("이렇게 써 주세요: ", "Use it like this: ")
    lines += [("• " if at else how) + f"<b>{quoted(ask.t(*way))}</b>" for at, way in enumerate(ways)]
    return Told("\n".join(lines))


def _unknown(ask: Ask, name: str) -> Told:
    meant, language = _nearest(name)
    ask = Ask(**{**vars(ask), "language": language})
    typed = quoted("/" + name)
    if meant is None:
        said = ask.t(f"{typed} 명령은 몰라요. ", f"I do not know {typed}. ")
        said += ask.t("/도움말로 할 수 있는 것을 볼 수 있어요.", "See what I can do with /help.")
        return Told(said, ({"title": ask.t("도움말", "Help"), "say": ask.t("/도움말", "/help")},))
    right = meant.name(language)
    said = ask.t(f"{typed} 명령은 몰라요. {right} 말씀인가요?", f"I do not know {typed}. Did you mean {right}?")
    return Told(said, ({"title": right, "say": right},))


def _nearest(name: str) -> tuple[Command | None, str]:
    """By letters rather than syllables, and as it reads on the other layout of the keyboard; with the language in
    which it was meant."""
    readings = [(hangul.letters(name), language_of(name)), (hangul.letters(hangul.typed_for_hangul(name)), "ko")]
    score, language, meant = max(
        (
            (fuzz.ratio(reading, hangul.letters(folded)), language, found)
            for folded, (found, _) in _known.by_name.items()
            for reading, language in readings
        ),
        key=lambda one: one[0],
    )
    return (meant, language) if score >= NEAR else (None, readings[0][1])
