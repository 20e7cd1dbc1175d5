"""Who gets what: calls go to sockets with a free place, the person's answers to whoever asked for them, and who may
not be here any more is found out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

import clock
from relay.sockets import BotSocket
from store import bot_calls, bots
from store.bot_calls import Answer, Call


@dataclass(frozen=True)
class Seen:
    """What a look at the rows told."""

    wanted: set[int] = field(default_factory=set)  # bots for which something waits
    answers: list[Answer] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)  # calls whose question nobody answered in time
    over: set[int] = field(default_factory=set)  # calls that ended without their bot
    shut: set[int] = field(default_factory=set)  # keys that open no more


def look(session: Session, sockets: Collection[BotSocket], keys_too: bool) -> Seen:
    now = clock.now()
    asking = {call: seq for socket in sockets for call, seq in socket.asking.items()}
    open_ones = [call for socket in sockets for call in socket.open]
    return Seen(
        wanted=bot_calls.wanted(session, list({one.bot_id for one in sockets if one.free > 0}), now),
        answers=bot_calls.answers(session, asking),
        unanswered=bot_calls.unanswered(session, list(asking), now),
        over=bot_calls.over(session, open_ones),
        shut=bots.shut(session, {one.key_id for one in sockets}) if keys_too else set(),
    )


def give(session: Session, places: Mapping[int, Sequence[tuple[str, int]]]) -> dict[str, list[Call]]:
    """By socket, what it is given. `places`: by bot, its sockets and how many more each takes; who has most places
    free gets the next one."""
    most = {bot_id: sum(free for _, free in sockets) for bot_id, sockets in places.items()}
    to: dict[str, list[int]] = {}
    for bot_id, ids in bot_calls.waiting(session, most, clock.now()).items():
        free = dict(places[bot_id])
        for id in ids:
            socket = max(free, key=lambda one: free[one])
            to.setdefault(socket, []).append(id)
            free[socket] -= 1
    return bot_calls.give(session, to) if to else {}


def leave_unanswered(session: Session, ids: Sequence[int]) -> None:
    """What the bot asked has no answer any more; a person who answers in this very moment comes first."""
    now = clock.now()
    for id in sorted(ids):
        call = bot_calls.still_unanswered(session, id, now)
        if call is not None:
            bot_calls.answered(session, call, None, None, now)
