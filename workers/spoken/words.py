"""Days, times and repeats in the words of people, in both languages; and quiet hours."""

from datetime import date, datetime, time
from typing import Protocol

from interaction import workdays
from interaction.when import DAILY, LAST, MONTHLY, ONCE, WEEKLY, Repeat
from store import days

DAYS_KO = "월화수목금토일"
DAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Quiet(Protocol):
    quiet_from: time | None
    quiet_until: time | None


def day(on: date, language: str, today: date) -> str:
    """12월 24일(목), with the year where it is not this one's."""
    if language == "ko":
        year = "" if on.year == today.year else f"{on.year}년 "
        return f"{year}{on.month}월 {on.day}일({DAYS_KO[on.weekday()]})"
    year = "" if on.year == today.year else f" {on.year}"
    return f"{DAYS_EN[on.weekday()]} {on.day} {MONTHS_EN[on.month - 1]}{year}"


def near(on: date, language: str, today: date) -> str:
    """The same, led by 오늘, 내일 where it is so near."""
    word = {0: ("오늘", "today"), 1: ("내일", "tomorrow"), 2: ("모레", "")}.get((on - today).days, ("", ""))
    word_here = word[language != "ko"]
    return f"{word_here} {day(on, language, today)}".strip()


def part(of: str, language: str) -> str:
    """Which part of the day; nothing for the whole."""
    words = {days.MORNING: ("오전", "morning"), days.AFTERNOON: ("오후", "afternoon")}
    return words[of][language != "ko"] if of in words else ""


def moment(at: datetime, language: str, today: date) -> str:
    return f"{near(at.date(), language, today)} {at:%H:%M}"


def repeat(of: Repeat, language: str, today: date) -> str:
    """매주 월 10:00"""
    korean, at = language == "ko", f"{of.at:%H:%M}"
    if of.kind == ONCE and of.on is not None:
        return f"{near(of.on, language, today)} {at}"
    if of.kind == DAILY:
        return f"매일 {at}" if korean else f"every day {at}"
    if of.kind == WEEKLY:
        named = [DAYS_KO[one] if korean else DAYS_EN[one] for one in of.weekdays]
        return f"매주 {'·'.join(named)} {at}" if korean else f"every {', '.join(named)} {at}"
    if of.kind == MONTHLY:
        last = of.day == LAST
        if korean:
            return f"매월 {'말일' if last else f'{of.day}일'} {at}"
        return f"monthly on the last day {at}" if last else f"monthly on day {of.day} {at}"
    return f"평일 {at}" if korean else f"weekdays {at}"


def day_off(on: date, language: str) -> str:
    """Why nobody works that day anyway; empty on a working day."""
    if workdays.is_workday(on):
        return ""
    holiday = workdays.holiday(on, language)
    return holiday or (f"{DAYS_KO[on.weekday()]}요일" if language == "ko" else DAYS_EN[on.weekday()])


# --- quiet hours ---


def said_quiet(of: Quiet) -> str:
    if of.quiet_from is None or of.quiet_until is None:
        return ""
    return f"{of.quiet_from:%H:%M}~{of.quiet_until:%H:%M}"
