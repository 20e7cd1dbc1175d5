"""/현황, and questions such as '오늘 몇 명이야?': what the watched pages said last, and when."""

import re
from unicodedata import normalize

from sqlalchemy.orm import Session

from responses.problems import Invalid
from store import topics, watches
from workers import watching
from workers.spoken.registry import Ask, Told, command, quoted

MOST_LISTED, MOST_TOLD = 20, 5
LONGEST_QUESTION = 60
# What a question about figures may hold beside the names of what it asks for.
_ASKED = re.compile(r"몇|얼마|현황|how\s*many|status|figures|cases")
_AROUND = re.compile(
    r"오늘|지금|현재|이번|신규|누적|총|모두|전체|새로|명|건|개|몇|얼마나|얼마|현황|수|이야|이에요|예요|인가요|인가|인지|입니까|이죠|야|죠|니|나요|나"
    r"|됐어요|됐어|되나요|돼요|돼|있어요|있어|알려\s*줘요?|알려\s*주세요|보여\s*줘요?|보여\s*주세요|궁금해요?|좀|요|은|는|이|가|을|를|의|도"
    r"|how\s*many|status|figures|today|now|new|total|are|there|is|the|of|what|s\b|[\s?!.,~·…]"
)


@command(
    "/현황",
    "/status",
    usage=("/현황", "/status"),
    more=(("/현황 이름", "/status name"),),
    says=("지켜보는 수치를 알려 드려요", "tells the figures that are watched"),
    outsiders=True,
    order=29,
)
def tell_status(ask: Ask, rest: str) -> Told:
    known = _hearable(ask)
    if not known:
        return Told(ask.t("지켜보는 수치가 아직 없어요.", "No figures are watched yet."))
    wanted = [one for one in known if _names(one, rest)] if rest else known
    if not wanted:
        said = f"{quoted(rest[:40])}: 그런 수치는 없어요."
        head = ask.t(said, f"{quoted(rest[:40])}: there are no such figures.")
        return Told("\n".join([head, *(f"• {quoted(one.title)}" for one in known[:MOST_LISTED])]), _buttons(ask, known))
    return Told("\n\n".join(_said(ask, one) for one in wanted[:MOST_LISTED]))


def is_question(text: str) -> bool:
    """It may be one, by its words alone."""
    return len(text) <= LONGEST_QUESTION and _ASKED.search(_even(text)) is not None


def _even(words: str) -> str:
    return normalize("NFKC", words).casefold().strip()


def asked(ask: Ask, text: str, heard_only: bool = False) -> Told | None:
    """The answer to a question about figures; None when it is none. It has to be about nothing else. `heard_only`:
    people talk with each other here, so it has to be about what this chat is told anyway."""
    if not is_question(text):
        return None
    words = _even(text)
    heard = topics.heard(ask.session, ask.channel, ask.chat)
    known = [one for one in _hearable(ask) if one.topic in heard or not heard_only]
    named = [one for one in known if _names(one, words, within=True)]
    left = words
    for one in named or known:
        for name in _all_names(one):
            left = left.replace(name, " ")
    if _AROUND.sub("", left):
        return None
    wanted = named or [one for one in known if one.topic in heard] or known
    if not wanted:
        return None
    return Told("\n\n".join(_said(ask, one) for one in wanted[:MOST_TOLD]), _buttons(ask, wanted[MOST_TOLD:]))


def _hearable(ask: Ask) -> list[watches.Watch]:
    known = [one for one in watches.listed(ask.session) if not ask.outsider or _is_public(ask.session, one.topic)]
    return [one for one in known if _is_readable(one)]


def _is_readable(row: watches.Watch) -> bool:
    try:
        watching.kept(row)
    except Invalid:  # it was written for another release
        return False
    return True


def _is_public(session: Session, topic: str) -> bool:
    found = topics.get(session, topic)
    return found is not None and found.public


def _all_names(row: watches.Watch) -> list[str]:
    """Of the watch and of its figures, the longest first, each also word by word."""
    labels = [one.label for one in watching.kept(row).figures.values()]
    whole = [_even(name) for name in (row.title, row.name, row.topic, *labels)]
    parts = [part for name in whole for part in name.split() if len(part) > 1]
    return sorted({*whole, *parts}, key=len, reverse=True)


def _names(row: watches.Watch, said: str, within: bool = False) -> bool:
    words = _even(said)
    own = [_even(name) for name in (row.title, row.name, row.topic)]
    own += [part for name in own for part in name.split() if len(part) > 1 and part != "현황"]
    return any(name in words if within else words in name for name in own)


def _said(ask: Ask, row: watches.Watch) -> str:
    last = watches.last_good(ask.session, row.name)
    head = f"<b>{quoted(row.title)}</b>"
    if last is None:
        return f"{head}\n" + ask.t("아직 읽은 값이 없어요.", "Nothing has been read yet.")
    at = last.at.astimezone(ask.now.tzinfo)
    day = ask.t("오늘 ", "today ") if at.date() == ask.now.date() else f"{at:%m-%d} "
    return f"{head}\n{watching.shown(watching.kept(row), last.figures, last.at)}\n" + ask.t(
        f"({day}{at:%H:%M} 기준)", f"(as of {day}{at:%H:%M})"
    )


def _buttons(ask: Ask, known: list[watches.Watch]) -> tuple[dict[str, str], ...]:
    name = ask.t("/현황", "/status")
    return tuple({"title": one.title[:40], "say": f"{name} {one.name}"} for one in known[:5])
