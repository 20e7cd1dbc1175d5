"""A pytest fixture to talk to a bot without a server:

def test_reserving(talk):
    chat = talk(bot)
    assert chat.say("/예약 회의실 10:00~11:00") == ["회의실 10:00~11:00 예약했습니다"]
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from maru.asks import Chat, User
from maru.bot import Bot


@dataclass
class Talk:
    """One person in one chat."""

    bot: Bot
    user: User = field(default_factory=User)
    chat: Chat = field(default_factory=Chat)

    def say(self, text: str, *then: str) -> list[str]:
        """The bot's replies; `then` is said to its further questions."""
        return self.bot.answer(text, then=then, user=self.user, chat=self.chat)


@pytest.fixture
def talk() -> Callable[..., Talk]:
    def begin(bot: Bot, name: str = "민지", guest: bool = False) -> Talk:
        return Talk(bot, User(id=name, name=name, guest=guest))

    return begin
