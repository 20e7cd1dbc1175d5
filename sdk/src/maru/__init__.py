"""Chatbots for Maru: slash commands as Python functions.

from maru import Bot

bot = Bot()  # MARU_KEY and MARU_URL

@bot.command("/예약", help="회의실을 예약합니다")
def reserve(ask, room: str, span: str):
    return f"{room} {span} 예약했습니다"

if __name__ == "__main__":
    bot.run()
"""

from maru.arguments import Rest, TimeSpan, Wrong
from maru.asks import Ask, Button, Chat, File, Reply, User
from maru.bot import Bot

__all__ = ["Ask", "Bot", "Button", "Chat", "File", "Reply", "Rest", "TimeSpan", "User", "Wrong"]
__version__ = "0.1.0"
