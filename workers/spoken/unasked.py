"""What is said when the clock finds something due."""

import calendar
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from interaction import workdays
from interaction.when import repeat_from
from settings import Settings
from store import days, people, reminders
from store.days import Day
from store.people import Person
from workers.due import ROOM, told_at
from workers.spoken import words
from workers.spoken.registry import Told, quoted

LATE = timedelta(minutes=5)


def due(session: Session, settings: Settings, source: str, now: datetime) -> list[Told]:
    """`source` as workers/due.py wrote it. Nothing: it was deleted meanwhile, or its day is over."""
    kind, _, rest = source.partition(":")
    local = now.astimezone(settings.timezone)
    if kind == "reminder":
        id, _, at = rest.partition(":")
        return _reminder(
            session, int(id), datetime.fromisoformat(at).astimezone(settings.timezone), local, settings.timezone
        )
    if kind == "day":
        id, what, on = rest.split(":")
        return _day(session, int(id), what, date.fromisoformat(on), settings, local.date())
    return _month(session, date.fromisoformat(rest.partition(":")[0] + "-01"), settings)


# --- reminders ---


def _reminder(session: Session, id: int, due_at: datetime, now: datetime, zone: ZoneInfo) -> list[Told]:
    found = reminders.get(session, id)
    if found is None:
        return []
    person = people.get(session, found.person_id)
    korean = found.language == "ko"
    lines = [f"⏰ <b>{quoted(found.text)}</b>"]
    promised = told_at(due_at, found.room, person, zone)
    at = words.moment(due_at, found.language, now.date())
    if now - promised > LATE:
        lines.append(
            f"원래 {at}에 알려 드렸어야 했는데 늦었어요. 죄송해요."
            if korean
            else f"This was due {at}. I am late, sorry."
        )
    elif promised != due_at:
        lines.append(
            f"조용한 시간이 끝나서 알려 드려요. 원래는 {at}이었어요."
            if korean
            else f"It was due {at}, in your quiet hours."
        )
    if found.state == reminders.DONE:
        reminders.remove(session, id)
    else:
        lines.append(words.repeat(repeat_from(found.repeat), found.language, now.date()))
    return [Told("\n".join(lines))]


# --- days ---


def _day(session: Session, id: int, what: str, on: date, settings: Settings, today: date) -> list[Told]:
    found = days.get(session, id)
    person = people.get(session, found.person_id) if found is not None else None
    if found is None or person is None or found.on != on or on < today:
        return []
    if what.endswith(ROOM):
        return [_to_team(found, person, settings.locale, today)]
    return [_to_person(found, person.language or settings.locale, today)]


def _to_person(day: Day, language: str, today: date) -> Told:
    named = f"{words.near(day.on, language, today)} {words.part(day.part, language)}".strip()
    if language == "ko":
        wish = "즐거운 시간 보내세요!" if day.on == today else "맡은 일이 있다면 미리 나눠 두세요."
        return Told(f"🌿 <b>{named}</b>, TG day예요. {wish}")
    wish = "Enjoy it!" if day.on == today else "Hand over what cannot wait."
    return Told(f"🌿 <b>{named}</b> is your TG day. {wish}")


def _to_team(day: Day, person: Person, language: str, today: date) -> Told:
    named = f"{words.near(day.on, language, today)} {words.part(day.part, language)}".strip()
    if language == "ko":
        return Told(f"🌿 <b>{quoted(person.name)}</b>님이 {named} TG day예요.")
    return Told(f"🌿 <b>{quoted(person.name)}</b> has a TG day: {named}.")


# --- the summary of a month ---


def _month(session: Session, first: date, settings: Settings) -> list[Told]:
    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    korean, taken = settings.locale == "ko", days.between(session, first, last)
    title = (
        f"{first.year}년 {first.month}월 TG day"
        if korean
        else f"TG days of {words.MONTHS_EN[first.month - 1]} {first.year}"
    )
    count = len({person.id for _, person in taken})
    none = "이달에 등록된 TG day가 없어요." if korean else "Nobody has taken a TG day this month."
    head = f"{count}명이 {len(taken)}일을 등록했어요." if korean else f"{count} people, {len(taken)} days."
    lines = [f"<b>{title}</b>", head if taken else none, ""]
    for day, person in taken:
        part = words.part(day.part, settings.locale)
        whose = f"{person.name} ({person.team})" if person.team else person.name
        lines.append(f"• {words.day(day.on, settings.locale, first)} {quoted(whose)} {part}".rstrip())
    closed = [f"{words.day(on, settings.locale, first)} {name}" for on, name in _holidays(first, last, settings.locale)]
    if closed:
        lines += ["", ("쉬는 날: " if korean else "Public holidays: ") + ", ".join(closed)]
    return [Told("\n".join(lines).strip(), subject=title)]


def _holidays(first: date, last: date, language: str) -> list[tuple[date, str]]:
    every = (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))
    return [(on, workdays.holiday(on, language)) for on in every if workdays.holiday(on, language)]
