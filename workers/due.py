"""What the clock finds due: reminders, and days that are to be told. Each becomes an event of the chat in which it is
told, in the transaction that sets its next time: so it happens once, however many clocks look."""

import json
from datetime import UTC, date, datetime, time, timedelta
from secrets import token_hex
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from channels.contract import Inbound
from interaction import workdays
from interaction.when import after_quiet, repeat_from
from settings import Settings
from store import bot_calls, database, days, events, people, reminders
from store.people import Person
from store.reminders import Reminder
from workers import alerting, watching

TELLING_TIME = time(9, 0)
MOST = 200  # in one transaction; the next second takes more
SUMMARY_LATE = timedelta(days=3)  # a house that is set up in the middle of a month begins with the next one
CALL = "call"  # of which nobody took notice
ROOM = "-room"  # of what is told to the team rather than to the person


def any_due(session: Session, now: datetime) -> bool:
    wanted = (reminders.any_due, days.any_due, alerting.any_due, watching.any_due, bot_calls.any_expired)
    return any(is_due(session, now) for is_due in wanted)


def facts(session: Session, settings: Settings, now: datetime) -> list[events.Fact]:
    """The events of what is due; to be recorded before this transaction ends."""
    of_people = [*_reminders(session, settings.timezone, now), *_days(session, now), *_calls(session, now)]
    return [*of_people, *alerting.due(session, now), *watching.due(session, now)]


def _fact(channel: str, chat: str, source: str, now: datetime, room: bool = False, thread: str = "") -> events.Fact:
    return events.Fact(
        channel=channel,
        platform_id=source,
        kind="due",
        chat=chat,
        person="",
        inbound=Inbound(id=source, kind="due", chat=chat, room=room, thread=thread, source=source).json(),
        payload=json.dumps({"due": source}),
        trace=token_hex(8),
        received_at=now,
    )


# --- reminders ---


def _reminders(session: Session, zone: ZoneInfo, now: datetime) -> list[events.Fact]:
    found = []
    for reminder in reminders.due(session, now, MOST):
        person = people.get(session, reminder.person_id)
        due = _latest(reminder, person, zone, now)
        source = f"reminder:{reminder.id}:{due.astimezone(UTC).isoformat()}"
        found.append(_fact(reminder.channel, reminder.chat, source, now, reminder.room))
        if not plan(reminder, person, zone, due):
            reminder.state = reminders.DONE
    return found


def _latest(reminder: Reminder, person: Person | None, zone: ZoneInfo, now: datetime) -> datetime:
    """Of the times that were missed only the last one is told."""
    repeat, due = repeat_from(reminder.repeat), reminder.next_at
    while True:
        following = repeat.next_after(due, zone, workdays.is_workday)
        if following is None or told_at(following, reminder.room, person, zone) > now:
            return due
        due = following


def plan(reminder: Reminder, person: Person | None, zone: ZoneInfo, after: datetime) -> bool:
    """When it is due next, and told. False when it never will be."""
    due = repeat_from(reminder.repeat).next_after(after, zone, workdays.is_workday)
    if due is None:
        return False
    reminder.next_at, reminder.tell_at = due, told_at(due, reminder.room, person, zone)
    return True


def told_at(due: datetime, room: bool, person: Person | None, zone: ZoneInfo) -> datetime:
    """A person has quiet hours, a room has none."""
    if person is None or room:
        return due
    return after_quiet(due.astimezone(zone), person.quiet_from, person.quiet_until)


# --- days ---


def of_day(on: date, zone: ZoneInfo, now: datetime) -> dict[str, datetime]:
    """When a day is told: at nine on the working day before and on the day itself, as far as that is still to come."""
    wanted = {days.BEFORE: workdays.before(on), days.ON: on}
    dues = {what: datetime.combine(told_on, TELLING_TIME, zone) for what, told_on in wanted.items()}
    return {what: due for what, due in dues.items() if due > now}


def _days(session: Session, now: datetime) -> list[events.Fact]:
    found = []
    for telling, day, person in days.take_due(session, now, MOST):
        found.append(_fact(day.channel, person.email, f"day:{day.id}:{telling.what}:{day.on}", now))
        room = people.room(session, person.team)
        if room is not None:
            source = f"day:{day.id}:{telling.what}{ROOM}:{day.on}"
            found.append(_fact(room.channel, room.chat, source, now, room=True))
    return found


# --- calls to bots that nobody answered ---


def _calls(session: Session, now: datetime) -> list[events.Fact]:
    found = []
    for call in bot_calls.expired(session, now, MOST):
        # With its time: it may be due again, should the bot say something in the very last moment.
        source = f"{CALL}:{call.id}:{call.expires_at.isoformat()}"
        found.append(_fact(call.channel, call.chat, source, now, call.room, call.thread))
    return found


# --- the summary of a month ---


def latest_summary(zone: ZoneInfo, now: datetime) -> datetime:
    """Nine on the first working day of this month; before that, of the last one."""
    today = now.astimezone(zone).date()
    due = _summary_of(today, zone)
    return due if due <= now else _summary_of(today.replace(day=1) - timedelta(days=1), zone)


def _summary_of(month: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(workdays.first_of_month(month), TELLING_TIME, zone).astimezone(UTC)


def record_summary(settings: Settings, now: datetime) -> None:
    """One mail to each address of RECEIVE_MAIL; recorded again it is the same."""
    due = latest_summary(settings.timezone, now)
    to = settings.channels.get("email", {}).get("receive_mail", "")
    if now - due > SUMMARY_LATE or not to:
        return
    month = f"{due.astimezone(settings.timezone):%Y-%m}"
    with database.writing() as session:
        wanted = [address.strip() for address in to.split(",") if address.strip()]
        events.record(session, [_fact("email", address, f"month:{month}:{address}", now) for address in wanted])
