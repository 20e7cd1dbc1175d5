"""Once a minute: do the platforms still call us? No webhook tells when they stopped; what they did not tell meanwhile
is fetched and recorded like any other event."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from secrets import token_hex
from types import ModuleType

import clock
import logs
from channels.contract import Finding, Inbound, Keys, SendError
from store import chats, database, events, standing

ALWAYS, MOST_ALWAYS = timedelta(days=1), 20  # rooms where somebody wrote lately are looked into each minute
SILENT, MOST_SILENT = timedelta(days=30), 200  # after a silence, and at the start, many more

Room = tuple[str, bool, datetime]  # its id, whether it is a group, and since when


class Platforms:
    def __init__(
        self,
        channels: Mapping[str, ModuleType],
        keys: Mapping[str, Keys],
        record: Callable[[Sequence[events.Fact]], list[int]],
        stopping: Callable[[], bool],
    ) -> None:
        self.channels, self.keys, self.record, self.stopping = channels, keys, record, stopping
        self._left: dict[str, list[Room]] = {}  # rooms to look into that a silence left behind

    def ask(self) -> None:
        for name, channel in self.channels.items():
            if self.stopping():
                return
            before = self._last_asked(name)
            found = self._found(name, channel)
            if not found:
                continue
            self._note(name, found)
            if hasattr(channel, "missed") and all(one.ok for one in found):
                self._catch_up(name, channel, before)

    def _last_asked(self, name: str) -> datetime | None:
        with database.reading() as session:
            row = standing.get(session, name)
            return row.checked_at if row else None

    def _found(self, name: str, channel: ModuleType) -> list[Finding]:
        """What asking told; where a channel can mend what is wrong with its webhooks it has done so."""
        if not hasattr(channel, "mend"):
            found: list[Finding] = channel.checks(self.keys[name]) if hasattr(channel, "checks") else []
            return found
        mended = channel.mend(self.keys[name])
        if mended.were_silent:
            logs.warn("channel.revived", channel=name)
            self._left.pop(name, None)
        return list(mended.findings)

    def _note(self, name: str, found: list[Finding]) -> None:
        words = "; ".join(one.detail for one in found if not one.ok)
        with database.writing() as session:
            news = standing.checked(session, name, words, clock.now())
        if news and words:
            logs.error("channel.trouble", channel=name, why=words)
        elif news:
            logs.say("channel.fine", channel=name)

    def _catch_up(self, name: str, channel: ModuleType, before: datetime | None) -> None:
        """At the start and after a silence in many rooms, else where somebody wrote lately. Where the platform asks us
        to wait, the rest has its turn a minute later."""
        try:
            if name not in self._left:
                self._left[name] = self._all_rooms(name, channel, before)
            rooms = self._left[name] or self._rooms(name, ALWAYS, MOST_ALWAYS)
            while rooms and not self.stopping():
                self._keep(name, channel.missed(self.keys[name], rooms[:1]))
                del rooms[0]
        except SendError as error:
            logs.warn("channel.unread", channel=name, why=error.reason.partition(":")[0])

    def _rooms(self, name: str, back: timedelta, most: int) -> list[Room]:
        with database.reading() as session:
            return events.heard(session, name, clock.now() - back, most)

    def _all_rooms(self, name: str, channel: ModuleType, before: datetime | None) -> list[Room]:
        """With those that were opened while nobody told us."""
        known = self._rooms(name, SILENT, MOST_SILENT)
        if before is None:
            return known
        listed: list[Room] = channel.rooms(self.keys[name], before)
        with database.reading() as session:
            return known + [room for room in listed if chats.get(session, name, room[0]) is None]

    def _keep(self, name: str, found: list[Inbound]) -> None:
        now = clock.now()
        facts = [
            events.Fact(
                name, one.id, one.kind, one.chat, one.person, one.json(),
                json.dumps({"fetched": one.source}), token_hex(6), now,
            )
            for one in found
        ]  # fmt: skip
        fresh = self.record(facts) if facts else []
        if fresh:
            logs.say("channel.caught_up", channel=name, events=fresh)
