"""One delivery to its platform: in parts where it is too long for one message; looked for where nobody knows whether
an attempt arrived; repeated once where it cannot be looked for (Telegram, mail, rooms of Webex)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import logs
from channels.contract import Keys, Outbound, SendError
from store import answers, chats, database, deliveries, events
from store.deliveries import Delivery
from workers import mailing
from workers.pace import channel_gap

TWICE = "may have arrived twice"
NOBODY_KNOWS = "nobody can tell whether it arrived, and it was repeated once already"


class Caller:
    def __init__(self, channels: Mapping[str, ModuleType], keys: Mapping[str, Keys], owner: str) -> None:
        self.channels, self.keys, self.owner = channels, keys, owner

    def send(self, delivery: Delivery, may_send: Callable[[], bool]) -> str:
        """Returns the platform's id, of several parts all of them."""
        channel, keys, out = self.channels[delivery.channel], self._keys(delivery), self._out(delivery)
        if delivery.kind == deliveries.EFFECTS:
            return str(channel.apply(keys, out, may_send))
        self._dare_repeat(delivery, out)
        parts = channel.parts(out)
        ids = delivery.message_id.split()
        for part in parts[delivery.parts_sent :]:
            found = self._found(delivery, out, part)
            ids.append(str(channel.send(keys, out, part, may_send)) if found is None else found)
            if len(ids) < len(parts):
                self._advance(delivery, ids)
                # Where a chat has to be left in peace between two messages, two parts are two messages.
                if gap := channel_gap(channel, delivery.chat):
                    raise SendError("its next part follows", retry_after=gap)
        return " ".join(ids)

    def _keys(self, delivery: Delivery) -> Keys:
        """Mail goes by one of several profiles."""
        keys = self.keys[delivery.channel]
        return mailing.keys_of(keys, (delivery.body or {}).get("profile", "")) if delivery.channel == "email" else keys

    def left_behind(self, delivery: Delivery) -> str | None:
        """The ids of a message whose series ended while it was on its way, if all of it arrived."""
        if delivery.kind == deliveries.EFFECTS:
            return None
        out, ids = self._out(delivery), delivery.message_id.split()
        for part in self.channels[delivery.channel].parts(out)[delivery.parts_sent :]:
            found = self._found(delivery, out, part)
            if found is None:
                return None
            ids.append(found)
        return " ".join(ids)

    def _out(self, delivery: Delivery) -> Outbound:
        out = Outbound(delivery.chat, "", delivery.body or {}, delivery.key)
        if out.body.get("follows"):
            out = replace(out, follows=self._followed(int(out.body["follows"])))
        if delivery.kind != deliveries.EFFECTS and not delivery.unclear:
            return out  # nearly always: what is looked up below serves effects, and the search for what arrived
        with database.reading() as session:
            answer = answers.get(session, delivery.answer_id) if delivery.answer_id else None
            event = events.get(session, delivery.event_id)
            chat = chats.get(session, delivery.channel, delivery.chat)
            return replace(
                out,
                person=answer.person if answer else "",
                since=event.received_at if event else None,
                room=bool(chat and chat.room),
            )

    def _followed(self, id: int) -> str:
        """The platform's id of the message that this one belongs to; '' when it never arrived."""
        with database.reading() as session:
            first = deliveries.get(session, id)
            return next(iter(first.message_id.split()), "") if first else ""

    def _found(self, delivery: Delivery, out: Outbound, part: Mapping[str, Any]) -> str | None:
        """The id of the message that an attempt left behind of which nobody knows how it ended."""
        channel = self.channels[delivery.channel]
        if not delivery.unclear or not channel.can_find(out):
            return None
        with database.reading() as session:
            known = deliveries.message_ids(session, delivery.channel, delivery.chat)
        found = channel.find(self.keys[delivery.channel], out, part, known)
        if found is not None:
            logs.say("delivery.found", delivery=delivery.id)
        return found if found is None else str(found)

    def _dare_repeat(self, delivery: Delivery, out: Outbound) -> None:
        """Where the platform cannot be asked an unclear message is repeated once. That is written down before it is
        done, or a process killed in the middle would do it again and again."""
        if not delivery.unclear or self.channels[delivery.channel].can_find(out):
            return
        if delivery.repeated:
            raise SendError(NOBODY_KNOWS, permanent=True)
        with database.writing() as session:
            kept = deliveries.note(session, delivery.id, self.owner, repeated=True)
        if not kept:
            raise SendError("it is no longer ours", unclear=True)
        delivery.repeated = True

    def _advance(self, delivery: Delivery, ids: list[str]) -> None:
        """A part has arrived. Should that not be written down, it is looked for before it is sent again."""
        with database.writing() as session:
            kept = deliveries.note(
                session, delivery.id, self.owner, parts_sent=len(ids), message_id=" ".join(ids), unclear=False
            )
        if not kept:
            raise SendError("it is no longer ours", unclear=True)
        delivery.parts_sent, delivery.message_id, delivery.unclear = len(ids), " ".join(ids), False
