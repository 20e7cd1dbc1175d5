"""What bots say is written down, that of many in one transaction; each gets its receipt once it is kept for good."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import clock
import logs
from relay.frames import Spoken
from relay.rows import Rows
from store import bot_calls, chats, database, deliveries, webchat_lines
from store.bot_calls import Answer, Call
from store.deliveries import Delivery

MOST_TOGETHER = 200
AWAY_SECONDS = 0.5
OVER = "the ask is over"


@dataclass(frozen=True)
class Kept:
    """`why`: it never will be. `answer`: to the question that was asked, where the person has given it already."""

    why: str = ""
    answer: Answer | None = None
    over: bool = False  # nothing more will come of this ask
    told: bool = False  # there is something to deliver


@dataclass(frozen=True)
class Said:
    bot_id: int
    spoken: Spoken
    receipt: Callable[[Kept], None]


class Keeper:
    def __init__(self, rows: Rows, ring: Callable[[], object]) -> None:
        self.rows, self.ring = rows, ring
        self._waiting: deque[Said] = deque()
        self._come = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()

    def put(self, said: Said) -> None:
        self._waiting.append(said)
        self.idle.clear()
        self._come.set()

    async def run(self) -> None:
        while True:
            await self._come.wait()
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
            if batch:
                await self._keep(batch)
            if not self._waiting:
                self._come.clear()
                self.idle.set()

    async def _keep(self, batch: Sequence[Said]) -> None:
        """Until the database takes them. Whoever sent them repeats them, should we die before."""
        while True:
            try:
                found = await self.rows.write(lambda session: keep_all(session, batch))
            except Exception as error:
                if database.is_away(error):
                    logs.warn("relay.unkept", frames=len(batch), why=type(error).__name__)
                    await asyncio.sleep(AWAY_SECONDS)
                    continue
                found = [await self._keep_alone(one) for one in batch]
            break
        if any(one.told for one in found):
            await self.rows.call(self.ring)
        for said, kept in zip(batch, found, strict=True):
            said.receipt(kept)

    async def _keep_alone(self, said: Said) -> Kept:
        """Something in one of them cannot be written: the others must not suffer for it."""
        try:
            return (await self.rows.write(lambda session: keep_all(session, [said])))[0]
        except (SQLAlchemyError, ValueError, RuntimeError) as error:
            logs.error("relay.unwritable", exception=error, call=said.spoken.ask)
            return Kept("cannot be kept")


def keep_all(session: Session, batch: Sequence[Said]) -> list[Kept]:
    """Calls are locked by their number and then their chats by name, so that two relays who do this do not stand in
    each other's way. What is said of one call stays in its order."""
    wanted = sorted({(said.spoken.ask, said.bot_id) for said in batch})
    held = {(ask, bot): bot_calls.hold(session, bot, ask) for ask, bot in wanted}
    chats.hold_each(session, {(call.channel, call.chat) for call in held.values() if call is not None})
    return [_keep(session, held[said.spoken.ask, said.bot_id], said.spoken) for said in batch]


def _keep(session: Session, call: Call | None, said: Spoken) -> Kept:
    if call is None:
        return Kept("ask: is none of yours")
    now = clock.now()
    if call.state not in bot_calls.OPEN:
        again = call.state == bot_calls.DONE and said.seq <= call.last_seq
        return Kept("" if again else OVER, over=True)
    if said.type in ("done", "failed"):
        told = said.body is not None and not _is_kept(session, call, said.seq)
        if told:
            _deliver(session, call, said)
        bot_calls.told(call, said.seq, now)
        bot_calls.end(call, bot_calls.DONE, now, "the bot failed" if said.type == "failed" else "")
        return Kept(over=True, told=told)
    if _is_kept(session, call, said.seq):
        return _repeated(session, call, said)
    _deliver(session, call, said)
    if said.type == "wait":
        bot_calls.ask_back(call, said.seq, said.seconds, now)
    else:
        bot_calls.told(call, said.seq, now)
    return Kept(told=True)


def _is_kept(session: Session, call: Call, seq: int) -> bool:
    return seq <= call.last_seq and deliveries.is_there(session, call.source, seq)


def _repeated(session: Session, call: Call, said: Spoken) -> Kept:
    """By a bot that got no receipt; or by its handler, which runs again and asks what it has asked before."""
    if said.type != "wait":
        return Kept()
    answer = bot_calls.answer(session, call.id, said.seq)
    if answer is None and call.wait_seq != said.seq:
        return Kept("seq: was something else before")
    return Kept(answer=answer)


def _deliver(session: Session, call: Call, said: Spoken) -> None:
    body = dict(said.body or {})
    if call.thread:
        body["thread"] = call.thread
    row = Delivery(
        source=call.source,
        step=said.seq,
        event_id=call.event_id,
        kind=deliveries.MESSAGE,
        channel=call.channel,
        chat=call.chat,
        body=body,
        text=str(body["plain"]),
        wait=0,
        yields=False,  # it answers what somebody asked
        key=deliveries.new_key(),
        trace=call.trace,
        began_at=call.asked_at if call.last_seq == 0 else None,
    )
    now = clock.now()
    deliveries.add(session, chats.hold(session, call.channel, call.chat), [row], now)
    if call.channel == webchat_lines.CHANNEL:
        deliveries.shown(session, row, now)
