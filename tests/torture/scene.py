"""What is known of one run while it goes on: the sandbox's record as it grows, and the customers' chats."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.torture.database import LAST_IDS, STATES, Away
from tests.torture.ground import Ground
from tests.torture.plan import Customer, Plan, Trigger
from tests.torture.shapes import KEYWORD, QUESTION

LOOK_SECONDS = 0.003


@dataclass
class Guest:
    customer: Customer
    chat: str
    user: str
    told: list[str] = field(default_factory=list)
    opened: bool = False
    acted: bool = False
    acted_at: float = 0.0


@dataclass
class Scene:
    """Shared by the thread that plays the customers and those that break things."""

    ground: Ground
    plan: Plan
    since: int
    base_event: int
    base_delivery: int
    guests: list[Guest]
    began: float = field(default_factory=time.monotonic)
    requests: list[dict[str, Any]] = field(default_factory=list)  # calls to the sandbox
    seen: int = 0
    told: threading.Condition = field(default_factory=threading.Condition)
    over: threading.Event = field(default_factory=threading.Event)

    def seconds(self) -> float:
        return time.monotonic() - self.began

    # --- the record ---

    def look(self, wait: float) -> None:
        """Take in what the sandbox has recorded since the last look."""
        news = self.ground.house.control(f"events?since={self.seen}&wait={wait:g}")
        with self.told:
            self.seen = news["n"]
            self.requests += news["requests"]
            for guest in self.guests:
                for message in news["chats"].get(guest.chat, {}).get("messages", ()):
                    if message["personType"] == "bot" and "log" not in message:
                        guest.told.append(message["plainText"])
            self.told.notify_all()

    # --- customers ---

    def play(self) -> None:
        """Let every customer, and the managers in their chats, do what is due by now."""
        house = self.ground.house
        for guest in self.guests:
            shape, named = guest.customer.shape, guest.customer.name
            if not guest.opened and self.seconds() >= guest.customer.opens_at:
                guest.opened = True
                house.control(f"chats/{guest.chat}/open", {})
            if guest.acted or not shape.act or not guest.opened:
                continue
            if shape.act == "reply" and f"{named}님 {QUESTION}" in guest.told:
                self._act(guest, lambda: house.say(guest.chat, "왼쪽"))  # noqa: B023 (called at once)
            elif shape.act == "keyword" and guest.told:
                self._act(guest, lambda: house.say(guest.chat, KEYWORD))  # noqa: B023
            elif shape.act == "manager" and len(guest.told) >= guest.customer.acts_after:
                self._act(guest, lambda: house.say(guest.chat, "제가 도와드릴게요", "manager"))  # noqa: B023
            elif shape.act == "close" and len(guest.told) >= guest.customer.acts_after:
                self._act(guest, lambda: house.control(f"chats/{guest.chat}/close", {}))  # noqa: B023

    def _act(self, guest: Guest, do: Callable[[], object]) -> None:
        guest.acted, guest.acted_at = True, time.time()
        do()

    def all_told(self) -> bool:
        """Has everybody opened, acted and been told everything? Who is cut short only has to have acted."""
        for guest in self.guests:
            shape = guest.customer.shape
            if not guest.opened or (shape.act and not guest.acted):
                return False
            if not shape.ends and {line.text for line in shape.expected(guest.customer.name)} - set(guest.told):
                return False
        return True

    # --- moments ---

    def wait_for(self, trigger: Trigger) -> str:
        """Returns when the moment has come, or is long overdue. The chat that it came in, if one."""
        if trigger.kind == "time":
            self.over.wait(max(trigger.at - self.seconds(), 0))
            return ""
        if trigger.kind == "request":
            return self._wait_for_request(trigger)
        return self._wait_for_rows(trigger)

    def _wait_for_request(self, trigger: Trigger) -> str:
        def matching() -> list[dict[str, Any]]:
            if trigger.name:
                return [one for one in self.requests if one.get("fault") == trigger.name]
            return [one for one in self.requests if one["method"] == "POST" and one["path"].endswith("/messages")]

        with self.told:
            self.told.wait_for(lambda: len(matching()) >= trigger.at or self.over.is_set(), trigger.patience)
            found = matching()
        return str(found[int(trigger.at) - 1]["chat"]) if len(found) >= trigger.at else ""

    def _wait_for_rows(self, trigger: Trigger) -> str:
        sql = STATES[trigger.name].format(event=self.base_event, delivery=self.base_delivery)
        until = time.monotonic() + trigger.patience
        while time.monotonic() < until and not self.over.wait(LOOK_SECONDS):
            try:
                if self.ground.outside.ask(sql)[0][0] >= trigger.at:
                    return ""
            except Away:
                continue
        return ""


def prepare(ground: Ground, plan: Plan, before: Callable[[], None] = lambda: None) -> Scene:
    """The customers exist, their chats are not open yet, the faults are set."""
    before()
    house = ground.house
    since = int(house.control("record?since=999999999999999")["n"])
    guests = [_guest(ground, customer) for customer in plan.customers]
    ((event, delivery),) = ground.outside.ask(LAST_IDS)
    house.faults(*plan.rules)
    return Scene(ground, plan, since, int(event), int(delivery), guests, seen=since)


def _guest(ground: Ground, customer: Customer) -> Guest:
    body = {"profile": {"name": customer.name}, "tags": [customer.shape.tag]}
    made = ground.house.control("customers", body)
    return Guest(customer, str(made["chatId"]), str(made["userId"]))


def chats_of(guests: Sequence[Guest]) -> set[str]:
    return {guest.chat for guest in guests}
