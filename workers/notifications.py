"""What Amazon SNS told: an alarm to be told on, a subscription to be confirmed, or one that was ended."""

import logs
from alerts import alarms
from channels import sns
from channels.contract import Inbound, Keys, SendError
from settings import Settings
from store import database, events
from workers import alerting

KINDS = ("notification", "confirmation", "unsubscribed")


class Unconfirmed(Exception):
    """SNS could not be reached to confirm; the text says why."""


def is_ours(event: events.Event, inbound: Inbound) -> bool:
    return event.channel == "sns" and inbound.kind in KINDS


def hear(settings: Settings, keys: Keys, event: events.Event, owner: str, inbound: Inbound) -> None:
    told = sns.read(event.payload.encode("utf8", "replace"))
    reader = alarms.Reader(settings.timezone, settings.locale == "ko")
    if inbound.kind == "confirmation":
        _confirm(keys, event, owner, told)
        return
    found = alarms.read(told, reader) if inbound.kind == "notification" else alarms.unsubscribed(told, reader)
    if isinstance(found, str):
        _settle(event, owner, events.IGNORED, found)
    else:
        alerting.publish(settings, event, owner, found)


def _confirm(keys: Keys, event: events.Event, owner: str, told: dict[str, object]) -> None:
    """SNS sends nothing before. Confirming twice is harmless: it answers with the same subscription."""
    try:
        subscription = sns.confirm(keys, told)
    except SendError as error:
        if not error.permanent:
            raise Unconfirmed(error.reason) from None
        logs.error("sns.unconfirmed", event=event.id, why=error.reason.partition(":")[0])
        _settle(event, owner, events.DEAD, f"not confirmed: {error.reason}")
        return
    logs.say("sns.confirmed", event=event.id)
    _settle(event, owner, events.ANSWERED, f"confirmed: {subscription}")


def _settle(event: events.Event, owner: str, state: str, reason: str) -> None:
    with database.writing() as session:
        if events.still_mine(session, event.id, owner):
            events.settle(session, event.id, state, reason)
