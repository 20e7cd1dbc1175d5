"""/tgday: an employee's own company days: taken, listed, changed, cancelled."""

import re
from datetime import date

from interaction.when import read_day
from store import days, people
from store.days import AFTERNOON, MORNING, WHOLE, Day
from workers import due
from workers.spoken import words
from workers.spoken.me import employee
from workers.spoken.registry import Ask, Told, Unclear, command, quoted

MOST_BUTTONS = 5
MOST = 100  # of one person, still to come

_LIST = ("목록", "리스트", "list")
_CANCEL = ("취소", "삭제", "cancel", "delete")
_PARTS = {
    **dict.fromkeys(("", "종일", "하루", "연차", "all", "all day", "day"), WHOLE),
    **dict.fromkeys(("오전", "오전반차", "morning", "am"), MORNING),
    **dict.fromkeys(("오후", "오후반차", "반차", "afternoon", "pm", "half"), AFTERNOON),
}


@command(
    "/tgday",
    "/tgday",
    usage=("/tgday 12/24 오후", "/tgday 12/24 afternoon"),
    more=(
        ("/tgday 내일 · /tgday 다음 주 금요일 오전", "/tgday tomorrow · /tgday next friday morning"),
        ("/tgday (목록)", "/tgday (your list)"),
        ("/tgday 취소 12/24", "/tgday cancel 12/24"),
    ),
    says=("TG day를 등록하고 팀에 알려 드려요", "takes a TG day and tells your team"),
    aliases=("/tg", "/티지데이", "/TG데이"),
    order=21,
)
def tgday(ask: Ask, rest: str) -> Told:
    me = employee(ask)
    if not rest or rest.casefold() in _LIST:
        return _list(ask, me.id)
    cancelling, on, part = _read(ask, rest)
    kept = days.find(ask.session, me.id, on)
    if cancelling:
        return _cancel(ask, kept, on)
    if on < ask.now.date():
        raise Unclear("이미 지난 날이에요.", "That day is over already.")
    if kept is None and len(days.of_person(ask.session, me.id, ask.now.date())) >= MOST:
        return Told(ask.t(f"TG day는 {MOST}일까지 둘 수 있어요.", f"You have {MOST} TG days, which is the most."))
    return _take(ask, me.id, kept, on, part)


def _read(ask: Ask, rest: str) -> tuple[bool, date, str]:
    """Is it a cancellation, of which day, and which part of it is meant."""
    first, _, after = rest.partition(" ")
    cancelling = first.casefold() in _CANCEL
    read = read_day(after if cancelling else rest, ask.now.date())
    if read is None:
        raise Unclear("어느 날인지 모르겠어요.", "I cannot tell which day.")
    left = re.sub(r"\s+", " ", read.rest).strip().casefold()
    if left in _CANCEL:
        cancelling, left = True, ""
    part = _PARTS.get(left, _PARTS.get(left.replace(" ", "")))
    if part is None:
        shown = quoted(left[:30])
        raise Unclear(
            f"‘{shown}’: 오전, 오후, 종일 중 하나로 말해 주세요.", f"‘{shown}’: say morning, afternoon or all day."
        )
    return cancelling, read.value, part


def _take(ask: Ask, me: int, kept: Day | None, on: date, part: str) -> Told:
    today = ask.now.date()
    named = f"<b>{_named(ask, on, part)}</b>"
    if kept is not None and kept.part == part:
        return Told(
            ask.t(f"이미 등록되어 있어요: {named}", f"You have it already: {named}"), (_cancel_button(ask, on),)
        )
    if kept is not None:
        kept.part = part
        head = ask.t(f"바꿨어요: {named}", f"Changed: {named}")
    else:
        kept = Day(person_id=me, on=on, part=part, channel=ask.channel, created_at=ask.now)
        ask.session.add(kept)
        ask.session.flush()
        days.plan(ask.session, kept, due.of_day(on, ask.settings.timezone, ask.now))
        head = ask.t(f"TG day로 등록했어요: {named}", f"It is your TG day: {named}")
    lines = [head]
    why = words.day_off(on, ask.language)
    if why:
        said = f"그런데 그날은 원래 쉬는 날이에요({why})."
        lines.append(ask.t(said, f"Nobody works that day anyway, though ({why})."))
    others = ", ".join(quoted(name) for name in _others(ask, me, on))
    if others:
        lines.append(ask.t(f"같은 날 쉬는 팀원: {others}", f"Of your team that day: {others}"))
    if on > today or due.of_day(on, ask.settings.timezone, ask.now):
        lines.append(_promise(ask))
    return Told("\n".join(lines), (_cancel_button(ask, on),))


def _promise(ask: Ask) -> str:
    team = ask.employee.team if ask.employee else ""
    if people.room(ask.session, team) is not None:
        said = "바로 전 근무일과 당일 아침 9시에 저와의 대화와 팀 방에 알려 드릴게요."
        return ask.t(said, "I tell you and the team's room at nine on the working day before, and on the day.")
    said = "바로 전 근무일과 당일 아침 9시에 알려 드릴게요."
    return ask.t(said, "I tell you at nine on the working day before, and on the day.")


def _others(ask: Ask, me: int, on: date) -> list[str]:
    team = ask.employee.team if ask.employee else ""
    taken = days.between(ask.session, on, on) if team else []
    return [person.name for _, person in taken if person.team == team and person.id != me]


def _cancel(ask: Ask, kept: Day | None, on: date) -> Told:
    shown = words.day(on, ask.language, ask.now.date())
    if kept is None:
        return Told(ask.t(f"{shown}에는 TG day가 없어요.", f"You have no TG day on {shown}."))
    days.remove(ask.session, [kept.id])
    return Told(ask.t(f"TG day를 취소했어요: {shown}", f"Your TG day is cancelled: {shown}"))


def _list(ask: Ask, me: int) -> Told:
    mine = days.of_person(ask.session, me, ask.now.date())
    if not mine:
        said = "예정된 TG day가 없어요. 이렇게 말해 보세요: <b>/tgday 12/24 오후</b>"
        return Told(ask.t(said, "You have no TG day to come. Try: <b>/tgday 12/24 afternoon</b>"))
    head = ask.t(f"<b>예정된 TG day {len(mine)}일</b>", f"<b>Your TG days to come: {len(mine)}</b>")
    lines = [head, *(f"• {_named(ask, one.on, one.part)}" for one in mine)]
    return Told("\n".join(lines), tuple(_cancel_button(ask, one.on) for one in mine[:MOST_BUTTONS]))


def _named(ask: Ask, on: date, part: str) -> str:
    return f"{words.near(on, ask.language, ask.now.date())} {words.part(part, ask.language)}".strip()


def _cancel_button(ask: Ask, on: date) -> dict[str, str]:
    title = ask.t(f"{on.month}/{on.day} 취소", f"Cancel {on.month}/{on.day}")
    return {"title": title, "say": ask.t(f"/tgday 취소 {on}", f"/tgday cancel {on}")}
