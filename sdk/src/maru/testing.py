"""A pytest fixture to talk to a bot without a server:

def test_reserving(talk):
    chat = talk(bot)
    assert chat.say("/예약 회의실 10:00~11:00") == ["회의실 10:00~11:00 예약했습니다"]
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from maru.asks import Chat, Reply, User
from maru.bot import Bot


@dataclass
class Talk:
    """One person in one chat."""

    bot: Bot
    user: User = field(default_factory=User)
    chat: Chat = field(default_factory=Chat)
    at: datetime | None = None  # when it is said; else now
    replies: list[Reply] = field(default_factory=list)  # the last ones, with buttons and files

    def say(self, text: str, *then: str) -> list[str]:
        """The bot's replies; `then` is said to its further questions."""
        self.replies = self.bot.replies(text, then=then, user=self.user, chat=self.chat, at=self.at)
        return [one.text for one in self.replies]


@pytest.fixture
def talk() -> Callable[..., Talk]:
    def begin(bot: Bot, name: str = "민지", guest: bool = False) -> Talk:
        return Talk(bot, User(id=name, name=name, guest=guest))

    return begin
