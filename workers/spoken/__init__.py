"""What can be said to Maru in a chat, and what Maru says to it. A file per subject, each adding its commands."""

from workers.spoken import alarms, days, figures, greetings, help, mail, me, reminders, searches, topics
from workers.spoken.greetings import astray, joined, welcome
from workers.spoken.registry import (
    Ask,
    Command,
    Told,
    Unclear,
    begins,
    command,
    hear,
    language_of,
    listed,
    quoted,
    turned_away,
)
from workers.spoken.unasked import due

__all__ = [
    "Ask",
    "Command",
    "Told",
    "Unclear",
    "alarms",
    "astray",
    "begins",
    "command",
    "days",
    "due",
    "figures",
    "greetings",
    "hear",
    "help",
    "joined",
    "language_of",
    "listed",
    "mail",
    "me",
    "quoted",
    "reminders",
    "searches",
    "topics",
    "turned_away",
    "welcome",
]
