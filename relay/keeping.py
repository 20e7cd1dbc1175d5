"""What bots say is written down, that of many in one transaction; each gets its receipt once it is kept for good."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import clock
import logs
from relay.frames import Spoken
from relay.rows import Rows
from store import bot_calls, database, deliveries, webchat_lines
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
    calls = bot_calls.hold_all(session, {said.spoken.ask for said in batch})
    round = _Round(session, clock.now())
    found = []
    for said in batch:
        call = calls.get(said.spoken.ask)
        ours = call is not None and call.bot_id == said.bot_id  # nobody else's can be reached by its number
        found.append(round.keep(call, said.spoken) if call is not None and ours else Kept("ask: is none of yours"))
    deliveries.add_each(session, round.rows, round.now)
    deliveries.show(session, [row for row in round.rows if row.channel == webchat_lines.CHANNEL], round.now)
    return found


class _Round:
    def __init__(self, session: Session, now: datetime) -> None:
        self.session, self.now = session, now
        self.rows: list[Delivery] = []

    def keep(self, call: Call, said: Spoken) -> Kept:
        if call.state not in bot_calls.OPEN:
            again = call.state == bot_calls.DONE and said.seq <= call.last_seq
            return Kept("" if again else OVER, over=True)
        kept = self._is_kept(call, said.seq)
        if said.type in ("done", "failed"):
            told = said.body is not None and not kept
            if told:
                self._deliver(call, said)
            bot_calls.told(call, said.seq, self.now)
            bot_calls.end(call, bot_calls.DONE, self.now, "the bot failed" if said.type == "failed" else "")
            return Kept(over=True, told=told)
        if kept:
            return self._repeated(call, said)
        self._deliver(call, said)
        if said.type == "wait":
            bot_calls.ask_back(call, said.seq, said.seconds, self.now)
        else:
            bot_calls.told(call, said.seq, self.now)
        return Kept(told=True)

    def _is_kept(self, call: Call, seq: int) -> bool:
        if seq > call.last_seq:
            return False
        now = any(row.source == call.source and row.step == seq for row in self.rows)
        return now or deliveries.is_there(self.session, call.source, seq)

    def _repeated(self, call: Call, said: Spoken) -> Kept:
        """By a bot that got no receipt; or by its handler, which runs again and asks what it has asked before."""
        if said.type != "wait":
            return Kept()
        answer = bot_calls.answer(self.session, call.id, said.seq)
        if answer is None and call.wait_seq != said.seq:
            return Kept("seq: was something else before")
        return Kept(answer=answer)

    def _deliver(self, call: Call, said: Spoken) -> None:
        body = dict(said.body or {})
        if call.thread:
            body["thread"] = call.thread
        if said.type == "wait" or call.wait_seq:
            body["converses"] = True  # the person's answer is awaited where this is said
        row = Delivery(
            source=call.source, step=said.seq, event_id=call.event_id, kind=deliveries.MESSAGE, channel=call.channel,
            chat=call.chat, body=body, text=str(body["plain"]), wait=0, key=deliveries.new_key(), trace=call.trace,
            yields=False,  # it answers what somebody asked
            began_at=call.asked_at if call.last_seq == 0 else None,
        )  # fmt: skip
        self.rows.append(row)
