"""The web chat's sockets. Spoken by our own page alone; may change with any release.

The page fetches a ticket by POST (`store/tickets.py`), connects to `/relay/chat` with its Origin, and begins within ten
seconds:

    {"type": "hello", "ticket": "tk_…", "since": "2026-12-24T10:00:00.123456+00:00"}

`since` is the `at` of the last line it has, left out by a page that has none. It is told, in this order:

    {"type": "welcome", "company": "acme", "name": "민지", "guest": false, "bots": [BOT…]}
    {"type": "line", "id": "e12", "to": "rooms", "mine": true, "text": "…", "plain": "…", "buttons": [], "image": "",
     "at": "…"}                                   of each line since then, of the last 200 without `since`; then live

BOT is {"name", "here", "listens", "commands": [{"name", "usage", "help", "guests"}]}; `listens`: it hears what is no
command. A line's `text` is markup of ours, escaped; the same `id` may come twice; `to` is '' where it is no bot's chat.

    {"type": "say", "id": "page's own id", "to": "rooms", "text": "/예약 …"}   →  {"type": "kept", "id"}
                                                                             or  {"type": "no", "id", "why"}
    {"type": "history", "to": "rooms", "before": AT}      →  {"type": "history", "to", "lines": [LINE…], "more": true}

A `say` that was not answered by `kept` or `no` is said again with the same `id`, on the next socket too, and counts
once. Unasked it is told {"type": "bots", "bots": [BOT…]} when one comes or goes, {"type": "typing", "to", "on"} while
a bot works in that chat, and {"type": "drain"}: connect again, to another relay. Close codes: 4001 no ticket, 4003 no
member any more, 4008 silence, 4029 too much; with others connect again, for which a new ticket is needed.

Nobody may slow down others: what one member's pages say is read so many a second together, a page that does not read
what it asked for is not read either, and what one is told at once is cut to the latest.
"""

import asyncio
import json
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

import clock
import logs
from channels import webchat, webchat_page
from channels.contract import Call
from intake import Intake, Receipt
from relay import frames
from relay.rows import Rows
from relay.sockets import Bucket, Line
from store import bot_calls, bots, members, tickets, webchat_lines
from store.tickets import Ticket

CHANNEL = webchat_lines.CHANNEL
HELLO_SECONDS = 10.0
LOOK_SECONDS = 1.0
OVERLAP = timedelta(seconds=5)  # rows may be committed a little later than their time says
MOST_LINES, PAGE_LINES = 200, 50
LARGEST_AT_ONCE = 1_000_000  # bytes of lines
PER_SECOND, BURST = 5, 30  # of one member
MOST_PAGES = 20  # of one member
LARGEST = 64 * 1024
NO_TICKET, NO_MEMBER, SILENT, TOO_MUCH = 4001, 4003, 4008, 4029
NEVER = datetime(1970, 1, 2, tzinfo=UTC)
REMEMBERED = 4000  # ids of lines that were shown lately


@dataclass(eq=False)
class Page:
    ticket: Ticket
    line: Line
    guest: bool = False
    told: str = ""  # the bots as it was told of them last
    early: list[str] | None = field(default_factory=list)  # what came before it was greeted
    typing: set[str] = field(default_factory=set)  # chats in which a bot works, as it was told last

    @property
    def member(self) -> str:
        return self.ticket.chat

    def put(self, frame: str) -> None:
        if self.early is None:
            self.line.put(frame)
        else:
            self.early.append(frame)


class Chat:
    def __init__(self, rows: Rows, intake: Intake) -> None:
        self.rows, self.intake = rows, intake
        self.pages: set[Page] = set()
        self.wake, self.bots_changed = asyncio.Event(), False
        self._bots_looked_at = float("-inf")
        self._buckets: dict[str, Bucket] = {}  # by member
        self._since = clock.now()
        self._shown: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- in ---

    async def serve(self, connection: ServerConnection) -> None:
        page = None
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = frames.read(str(await connection.recv()))
            page = await self._admit(connection, hello)
            if page is None:
                await connection.close(NO_TICKET, "no ticket")
            elif sum(one.member == page.member for one in self.pages) >= MOST_PAGES:
                await connection.close(TOO_MUCH, f"more than {MOST_PAGES} pages")
            else:
                await self._greet(page, hello.get("since"))
                await self._listen(page)
        except TimeoutError:
            await connection.close(NO_TICKET, "no hello in time")
        except frames.Wrong as wrong:
            await connection.close(1007 if page else NO_TICKET, str(wrong)[:100])
        except ConnectionClosed:
            return
        except SQLAlchemyError as error:
            logs.warn("relay.unreadable", why=type(error).__name__)
            await connection.close(1013, "try again later")
        finally:
            if page is not None:
                self.pages.discard(page)

    async def _admit(self, connection: ServerConnection, hello: Mapping[str, Any]) -> Page | None:
        shown = hello.get("ticket")
        if hello["type"] != "hello" or not isinstance(shown, str):
            return None
        ticket = await self.rows.write(lambda session: tickets.take(session, shown))
        if ticket is None:
            return None
        return Page(ticket, Line(connection))

    async def _greet(self, page: Page, since: Any) -> None:
        began = (_moment(since) or NEVER) - OVERLAP

        def look(session: Session) -> tuple[Known | None, list[webchat_lines.Line]]:
            known = _known_to(session, [page])[page]
            chats = [page.member, *(f"{page.member}/{bot.name}" for bot in bots.listed(session, page.ticket.company))]
            return known, webchat_lines.of_person(session, webchat.place(page.member).person, chats, began, MOST_LINES)

        self.pages.add(page)  # before the look: what is committed after it is shown by the next of the others
        self._since = min(self._since, clock.now() - OVERLAP)
        known, lines = await self.rows.read(look)
        if known is None:
            await page.line.connection.close(NO_MEMBER, "no member any more")
            return
        page.told = known.frame
        ticket, early = page.ticket, page.early or []
        page.early = None
        page.put(frames.made("welcome", company=ticket.company, name=ticket.name, guest=page.guest, bots=known.bots))
        for frame in [*(frames.made("line", **line) for line in _latest(lines)), *early]:
            page.put(frame)
        self.wake.set()

    async def _listen(self, page: Page) -> None:
        bucket = self._buckets.setdefault(page.member, Bucket(PER_SECOND, BURST))
        connection = page.line.connection
        async for message in connection:
            page.line.heard = time.monotonic()
            if page not in self.pages:
                continue  # no member any more, and does not hear our farewell
            if not isinstance(message, str) or len(message) > LARGEST:
                await connection.close(TOO_MUCH, "too large")
                return
            await bucket.wait()  # whoever hurries is read more slowly
            frame = frames.read(message)
            if frame["type"] == "say":
                await self._say(page, frame, message)
            elif frame["type"] == "history":
                await self._history(page, frame)

    async def _say(self, page: Page, frame: Mapping[str, Any], message: str) -> None:
        own = {"member": page.member, "name": page.ticket.name}
        call = Call({}, {}, message.encode("utf8", "surrogatepass"))
        receipt: Receipt = await self.rows.call(lambda: self.intake.accept(CHANNEL, call, own))
        if receipt.status == 200:
            page.line.put(frames.made("kept", id=frame.get("id")))
            self.wake.set()  # other windows of this person show it
        elif receipt.status == 503:
            await page.line.connection.close(1013, "cannot be kept right now")
        else:
            page.line.put(frames.made("no", id=frame.get("id"), why=receipt.words))

    async def _history(self, page: Page, frame: Mapping[str, Any]) -> None:
        to, at = str(frame.get("to") or "")[: webchat_page.LONGEST_BOT], _moment(frame.get("before")) or clock.now()
        chat = f"{page.member}/{to}" if to else page.member
        found = await self.rows.read(lambda session: webchat_lines.before(session, chat, at, PAGE_LINES + 1))
        lines = _latest(found[-PAGE_LINES:])
        page.line.put(frames.made("history", to=to, lines=lines, more=len(lines) < len(found)))
        await page.line.written()

    # --- out ---

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.wake.wait()
            except TimeoutError:
                pass  # no hint was heard
            self.wake.clear()
            try:
                await self._look()
            except SQLAlchemyError as error:
                logs.warn("relay.unreadable", why=type(error).__name__)
                await asyncio.sleep(LOOK_SECONDS)
            except Exception as error:  # the top of the loop: the next look may go well
                logs.error("relay.failed", exception=error)
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        here = list(self.pages)
        began = clock.now()
        if not here:
            self._since = began
            return
        since = min(self._since, began) - OVERLAP
        looked_at = time.monotonic()  # however much is said, who is here and who may be is looked at in time
        bots_too = self.bots_changed or looked_at - self._bots_looked_at >= LOOK_SECONDS
        self.bots_changed = False
        shown, mine = dict(self._shown), {page.member for page in here}

        def look(session: Session) -> tuple[list[webchat_lines.Line], set[str], dict[Page, Known | None]]:
            known = _known_to(session, here) if bots_too else {}
            come = [(id, chat) for id, chat in webchat_lines.since(session, since) if id not in shown]
            wanted = [id for id, chat in come if webchat.place(chat).member in mine]
            return webchat_lines.of_ids(session, wanted), bot_calls.worked_on(session, CHANNEL), known

        fresh, typing, known = await self.rows.read(look)
        self._since = began
        self._bots_looked_at = looked_at if bots_too else self._bots_looked_at
        self._shown.update(dict.fromkeys(line.id for line in fresh))  # who comes meanwhile is shown the others next
        while len(self._shown) > REMEMBERED:
            del self._shown[next(iter(self._shown))]
        for page in list(self.pages):
            if page in known:
                self._tell(page, known[page])
            if page in self.pages:
                self._show(page, fresh, typing)

    def _show(self, page: Page, lines: Sequence[webchat_lines.Line], typing: set[str]) -> None:
        for line in lines:
            if webchat.place(line.chat).member == page.member:
                page.put(frames.made("line", **_line(line)))
        mine = {chat for chat in typing if webchat.place(chat).member == page.member}
        for chat in sorted(mine ^ page.typing):
            page.put(frames.made("typing", to=webchat.place(chat).bot, on=chat in mine))
        page.typing = mine

    def _tell(self, page: Page, known: "Known | None") -> None:
        if known is None:
            self.pages.discard(page)  # what is said from now on is not theirs to see
            self._begin(self._close(page, NO_MEMBER, "no member any more"))
        elif known.frame != page.told:
            page.told = known.frame
            page.put(known.frame)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, page: Page, code: int, why: str) -> None:
        try:
            async with asyncio.timeout(3.0):
                await page.line.connection.close(code, why)
        except TimeoutError:
            page.line.cut()

    async def beat(self) -> None:
        here = {page.member for page in self.pages}
        self._buckets = {who: one for who, one in self._buckets.items() if who in here or one.left() < one.burst}
        for page in list(self.pages):
            silent = page.line.is_silent()
            self._begin(self._close(page, SILENT, "no heartbeat") if silent else page.line.ping())

    async def drain(self) -> None:
        for page in self.pages:
            page.line.put(frames.made("drain"))

    async def close(self) -> None:
        await asyncio.gather(*(self._close(page, 1012, "the relay restarts") for page in list(self.pages)))


class Known(NamedTuple):
    """The company's bots as some of its people may know them."""

    bots: list[dict[str, Any]]
    frame: str  # that tells of them


def _known_to(session: Session, pages: Collection[Page]) -> dict[Page, Known | None]:
    """What many may know alike is read once. None to who is no member any more."""
    guests = members.guests(session, CHANNEL, {page.member for page in pages})
    read: dict[tuple[str, bool], Known] = {}
    found: dict[Page, Known | None] = {}
    for page in pages:
        guest = guests.get((page.ticket.company, page.member))
        if guest is None:
            found[page] = None
            continue
        page.guest, key = guest, (page.ticket.company, guest)
        if key not in read:
            listed = _bots_of(session, *key)
            read[key] = Known(listed, frames.made("bots", bots=listed))
        found[page] = read[key]
    return found


def _bots_of(session: Session, company: str, guest: bool) -> list[dict[str, Any]]:
    known: dict[int, list[dict[str, Any]]] = {}
    for one in bots.commands(session, company, guests_only=guest):
        told = {"name": one.name, "usage": one.usage, "help": one.help, "guests": one.guests}
        known.setdefault(one.bot_id, []).append(told)
    return [
        {"name": bot.name, "here": here, "listens": bot.listens and not guest, "commands": known.get(bot.id, [])}
        for bot, here in bots.present(session, company)
        if not guest or bot.id in known
    ]


def _latest(lines: Sequence[webchat_lines.Line]) -> list[dict[str, Any]]:
    """As many as may be told at once, in their order; the one that came last in any case."""
    found: list[dict[str, Any]] = []
    left = LARGEST_AT_ONCE
    for line in reversed(lines):
        told = _line(line)
        left -= len(json.dumps(told, ensure_ascii=False).encode())
        if left < 0 and found:
            break
        found.append(told)
    return found[::-1]


def _line(line: webchat_lines.Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "to": webchat.place(line.chat).bot,
        "mine": line.mine,
        "text": line.text,
        "plain": line.plain,
        "buttons": list(line.buttons),
        "image": line.image,
        "at": line.at.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def _moment(told: Any) -> datetime | None:
    """Null where it is none, or so far off that no database counts there."""
    try:
        found = datetime.fromisoformat(told)
        return found.astimezone(UTC) if found.tzinfo is not None and 1970 < found.year < 9000 else None
    except (TypeError, ValueError):
        return None
