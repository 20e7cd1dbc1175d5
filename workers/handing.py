"""What is said to a company's bot: it becomes a call, which the relay gives to the bot; and the end of its patience."""

from sqlalchemy.orm import Session

from channels import webchat
from channels.contract import Inbound
from settings import Settings
from store import bot_calls, bots, events
from store.bot_calls import Call
from store.bots import Bot
from workers import spoken
from workers.spoken import ALL, Ask, Told, quoted

WEBCHAT = "webchat"
MOST_LISTED = 10


def company_of(settings: Settings, channel: str, chat: str) -> str:
    """Chats of the platforms belong to the house's own company, those of the web chat tell theirs."""
    return webchat.place(chat).company if channel == WEBCHAT else settings.home_company


def is_for_bots(session: Session, settings: Settings, event: events.Event, inbound: Inbound) -> bool:
    """Is it said as a command that a bot of this company has? Whether this asker may is judged later."""
    read = spoken.read(inbound.text)
    if read is None or spoken.is_built_in(read[0]):
        return False
    return bots.command(session, company_of(settings, event.channel, event.chat), read[0]) is not None


def is_awaited(session: Session, event: events.Event, inbound: Inbound) -> bool:
    """Does a bot wait for what this person says, or is the chat held with one?"""
    if event.channel == WEBCHAT and webchat.place(event.chat).bot:
        return True
    return bot_calls.any_asking(session, event.channel, event.chat, inbound.person, event.received_at)


def command(ask: Ask, event: events.Event, inbound: Inbound) -> list[Told] | None:
    """Hand it to the bot that owns the command. None: there is none, as far as this asker may know."""
    read = spoken.read(inbound.text)
    if read is None or spoken.is_built_in(read[0]):
        return None
    found = bots.command(ask.session, ask.company, read[0])
    if found is None or not (found.guests or ask.bots == ALL):
        return None
    bot = bots.get(ask.session, found.bot_id)
    return None if bot is None else _hand(ask, event, inbound, bot, found.name, read[1])


def follow_up(ask: Ask, event: events.Event, inbound: Inbound) -> list[Told] | None:
    """It answers what a bot asked this person in this chat."""
    call = bot_calls.asking(ask.session, event.channel, event.chat, inbound.person, ask.now)
    if call is None or not (call.guest or ask.bots == ALL):  # nor does whoever was a member when they were asked
        return None
    bot_calls.answered(ask.session, call, inbound.text[: bot_calls.LONGEST_TEXT], event.id, ask.now)
    bot = bots.get(ask.session, call.bot_id)
    return [] if bot is None else _away(ask, bot)


def message(ask: Ask, event: events.Event, inbound: Inbound) -> list[Told] | None:
    """In the web chat: what is said in a chat that is held with a bot, and is no command."""
    name = webchat.place(event.chat).bot if event.channel == WEBCHAT else ""
    bot = bots.find(ask.session, ask.company, name) if name else None
    if bot is None or bot.revoked_at is not None or not ask.bots:
        return None
    if bot.listens and ask.bots == ALL:
        return _hand(ask, event, inbound, bot, "", inbound.text)
    own = [one for one in bots.commands(ask.session, ask.company, ask.bots != ALL) if one.bot_id == bot.id]
    who = f"<b>{quoted(name)}</b>"
    if spoken.read(inbound.text) is None:
        head = ask.t(f"{who} 봇은 명령만 알아들어요.", f"{who} understands commands only.")
    else:
        head = ask.t(f"{who} 봇에는 그런 명령이 없어요.", f"{who} has no such command.")
    lines = [f"<b>{quoted(one.usage or one.name)}</b> · {quoted(one.help)}" for one in own[:MOST_LISTED]]
    return [Told("\n".join([head, *lines]), tuple({"title": one.name, "say": one.name} for one in own[:5]))]


def lost(ask: Ask) -> list[Told] | None:
    """To a company's member who says something that nobody there answers."""
    if not ask.bots or ask.channel != WEBCHAT:
        return None
    korean = "무엇을 도와드릴까요? 봇을 고르거나 명령을 써 주세요."
    said = ask.t(korean, "What can I do for you? Choose a bot, or say a command.")
    return [Told(said, ({"title": ask.t("도움말", "Help"), "say": ask.t("/도움말", "/help")},))]


def _hand(ask: Ask, event: events.Event, inbound: Inbound, bot: Bot, name: str, text: str) -> list[Told]:
    if len(text) > bot_calls.LONGEST_TEXT:
        most = bot_calls.LONGEST_TEXT
        return [Told(ask.t(f"너무 길어요. {most}자까지 보낼 수 있어요.", f"Too long: at most {most} characters."))]
    name_of_asker = (ask.employee.name if ask.employee else "") or inbound.name  # Webex tells no name with a message
    call = Call(
        event_id=event.id, bot_id=bot.id, company=ask.company, command=name, text=text, channel=event.channel,
        chat=event.chat, room=inbound.room, thread=inbound.thread, person=inbound.person, name=name_of_asker[:200],
        guest=ask.bots != ALL, language=ask.language, trace=event.trace, asked_at=event.received_at,
    )  # fmt: skip
    bot_calls.open(ask.session, call)
    return _away(ask, bot)


def _away(ask: Ask, bot: Bot) -> list[Told]:
    """Said at once while nobody is there to answer."""
    if bots.is_here(ask.session, bot.id):
        return []
    said = f"<b>{quoted(bot.name)}</b> 봇이 지금 자리에 없어요. 돌아오면 여기로 답할게요."
    return [Told(ask.t(said, f"The bot <b>{quoted(bot.name)}</b> is away just now. It will answer here later."))]


# --- the end of patience ---


def expired(session: Session, id: int, ask: Ask) -> list[Told]:
    """Nothing: it was answered meanwhile, or told something and left nothing open."""
    call = bot_calls.expire(session, id, ask.now)
    if call is None or not bot_calls.left_alone(session, call):
        return []
    what = quoted(" ".join(f"{call.command} {call.text}".split())[:60])
    english = f"Nobody answered “{what}”. Please try again later."
    said = f"“{what}”에 아무도 답하지 않았어요. 나중에 다시 말해 주세요."
    return [Told(said if call.language == "ko" else english)]
