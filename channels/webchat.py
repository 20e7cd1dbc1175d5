"""Our own chat page. Nothing is called: a message is sent once its row says so, and the relay shows it.

A chat is `company/person`, or `company/person/bot` where it is held with one bot.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from channels.contract import Keys, Outbound, SendError

KEYS: tuple[str, ...] = ()
PER_SECOND, BURST = 5000.0, 5000  # nobody limits us
CHAT_GAP = 0.0


class Place(NamedTuple):
    company: str
    person: str
    bot: str

    @property
    def member(self) -> str:
        """The chat by which this person was admitted."""
        return f"{self.company}/{self.person}"


def place(chat: str) -> Place:
    company, person, bot = [*chat.split("/", 2), "", ""][:3]
    return Place(company, person, bot)


def configured(keys: Keys) -> bool:
    """There is no platform to be connected to."""
    return False


def parts(out: Outbound) -> list[dict[str, Any]]:
    return [dict(out.body)]


def can_find(out: Outbound) -> bool:
    return True


def find(keys: Keys, out: Outbound, part: Mapping[str, Any], known: frozenset[str]) -> str | None:
    """It is where the row says it is, so what was begun has arrived."""
    return out.key


def send(keys: Keys, out: Outbound, part: Mapping[str, Any], may_send: Callable[[], bool]) -> str:
    if not keys.get("site"):
        raise SendError("no keys", permanent=True)
    return out.key
