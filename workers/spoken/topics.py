"""/구독 and /구독해지: what this chat hears unasked."""

import re

from store import topics
from workers.spoken.registry import Ask, Told, Unclear, command, quoted

NAME = re.compile(r"[\w가-힣][\w가-힣.-]{0,63}")
MOST_BUTTONS = 5
MOST_LISTED = 30


@command(
    "/구독",
    "/subscribe",
    usage=("/구독 주제", "/subscribe topic"),
    more=(("/구독", "/subscribe"),),
    says=("이 대화에서 소식을 받아요", "tells this chat the news of a topic"),
    outsiders=True,
    order=30,
)
def subscribe(ask: Ask, rest: str) -> Told:
    seen, heard = _seen(ask), _heard(ask)
    if rest:
        return _subscribe_to(ask, rest, seen)
    if len(seen) == 1:
        return _subscribe_to(ask, seen[0], seen)
    if not seen:
        return Told(ask.t("지금은 구독할 수 있는 주제가 없어요.", "There is no topic to subscribe to just now."))
    lines = [ask.t("<b>어떤 소식을 받을까요?</b>", "<b>Which topic?</b>")]
    mark = ask.t(" · 받고 있어요", " · subscribed")
    lines += [f"• {quoted(name)}{mark if name in heard else ''}" for name in seen[:MOST_LISTED]]
    lines.append(ask.t("/구독 다음에 주제를 써 주세요.", "Write the topic after /subscribe."))
    return Told("\n".join(lines), _buttons(ask.t("/구독", "/subscribe"), [one for one in seen if one not in heard]))


def _subscribe_to(ask: Ask, wanted: str, seen: list[str]) -> Told:
    name = _named(wanted, seen)
    if name is None and ask.outsider:
        said = f"{quoted(wanted[:40])}: 구독할 수 있는 주제가 아니에요."
        told = ask.t(said, f"{quoted(wanted[:40])}: no topic that you can subscribe to.")
        return Told(told, _buttons(ask.t("/구독", "/subscribe"), seen))
    if name is None and not NAME.fullmatch(wanted):
        raise Unclear("주제는 띄어쓰기 없는 한 단어예요.", "A topic is one word.")
    # An employee's own chat stops hearing what is internal when they are let go, so it is kept whose it is.
    person = ask.employee.email if ask.employee is not None and not ask.room else ask.person
    fresh = topics.subscribe(ask.session, name or wanted, ask.channel, ask.chat, ask.now, person)
    topic = quoted(name or wanted)
    if not fresh:
        said = f"이미 <b>{topic}</b> 소식을 받고 있어요."
        told = ask.t(said, f"This chat hears <b>{topic}</b> already.")
    else:
        said = f"이제 <b>{topic}</b> 소식을 여기로 알려 드릴게요."
        told = ask.t(said, f"From now on this chat hears <b>{topic}</b>.")
    if name is None:
        told += "\n" + ask.t("새로 만든 주제예요. 아직 소식은 없어요.", "The topic is new; nothing is told on it yet.")
    stop = ask.t("/구독해지", "/unsubscribe")
    told += "\n" + ask.t(f"그만 받으려면: {stop} {topic}", f"To stop: {stop} {topic}")
    return Told(told)


@command(
    "/구독해지",
    "/unsubscribe",
    usage=("/구독해지 주제", "/unsubscribe topic"),
    more=(("/구독해지", "/unsubscribe"),),
    says=("소식을 그만 받아요", "stops the news of a topic"),
    outsiders=True,
    aliases=("/구독취소", "/해지", "/stop"),
    order=31,
)
def unsubscribe(ask: Ask, rest: str) -> Told:
    heard = _heard(ask)
    name = _named(rest, heard) if rest else heard[0] if len(heard) == 1 else None
    if name is not None:
        topics.unsubscribe(ask.session, name, ask.channel, ask.chat)
        said = f"<b>{quoted(name)}</b> 소식을 더 보내지 않을게요."
        return Told(ask.t(said, f"This chat hears <b>{quoted(name)}</b> no more."))
    if not heard:
        return Told(ask.t("받고 있는 소식이 없어요.", "This chat hears no topic."))
    if rest:
        said = f"{quoted(rest[:40])} 소식은 받고 있지 않아요."
        head = ask.t(said, f"This chat does not hear {quoted(rest[:40])}.")
    else:
        head = ask.t("<b>어떤 소식을 그만 받을까요?</b>", "<b>Which topic shall stop?</b>")
    lines = [head, *(f"• {quoted(name)}" for name in heard[:MOST_LISTED])]
    return Told("\n".join(lines), _buttons(ask.t("/구독해지", "/unsubscribe"), heard))


def _seen(ask: Ask) -> list[str]:
    return [topic.name for topic in topics.listed(ask.session, public_only=ask.outsider)]


def _heard(ask: Ask) -> list[str]:
    """What this chat hears, as far as this asker may know: employees may have let a room hear more."""
    heard = topics.heard(ask.session, ask.channel, ask.chat)
    known = set(_seen(ask)) if ask.outsider else set(heard)
    return [name for name in heard if name in known]


def _named(wanted: str, known: list[str]) -> str | None:
    """The topic as it is written; the case may differ."""
    return next((one for one in known if one == wanted), None) or next(
        (one for one in known if one.casefold() == wanted.casefold()), None
    )


def _buttons(name: str, known: list[str]) -> tuple[dict[str, str], ...]:
    return tuple({"title": one, "say": f"{name} {one}"} for one in known[:MOST_BUTTONS])
