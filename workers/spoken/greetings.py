"""What Maru says when somebody adds it to a room or begins to talk to it, and to strangers who are lost."""

from store import topics
from workers.spoken import membership
from workers.spoken.registry import PEOPLE_ANSWER, Ask, Told, command, quoted, turned_away

MOST_TOPICS = 10
STRANGERS_WRITE = ("telegram",)  # whoever finds the bot may write to it, and most come for news


def joined(ask: Ask) -> list[Told]:
    """In both languages, as nobody has said anything yet, and without a word of what is inside: whoever added us may
    be an outsider. A chat of two begins with what its person says, and that is answered."""
    if not ask.room:
        return []
    return [Told("안녕하세요, 마루예요. /도움말이라고 말을 걸어 주세요.\nHello, I am Maru. Say /help to me.")]


def welcome(locale: str, topic: str) -> str:
    """To a space that hears a topic from now on: in both languages, the house's own first."""
    korean = (
        f"안녕하세요, <b>마루</b>예요. 이제 <b>{topic}</b> 알람을 여기로 알려 드릴게요.\n"
        f"다른 소식은 /구독, 그만 받으려면 /구독해지 {topic}, 할 수 있는 말은 /도움말."
    )
    english = (
        f"Hello, I am <b>Maru</b>. From now on I tell the alarms of <b>{topic}</b> here.\n"
        f"Other news: /subscribe, to stop: /unsubscribe {topic}, what you can say: /help."
    )
    return "\n\n".join((korean, english) if locale == "ko" else (english, korean))


@command(
    "/시작",
    "/start",
    usage=("/시작", "/start"),
    more=(("/시작 초대코드", "/start invite-code"),),
    says=("무엇을 받아 볼 수 있는지 알려 드려요", "tells what you can hear here"),
    outsiders=True,
    order=1,
)
def start(ask: Ask, rest: str) -> Told:
    """A platform's own Start button says `/start` in every language: so the other one gets a line, too. Behind it may
    stand the code of an invite. Customers of a shop are no members of it."""
    if rest and ask.channel not in PEOPLE_ANSWER:
        return membership.admit(Ask(**{**vars(ask), "language": ask.settings.locale}), rest.split()[0])
    public = [topic.name for topic in topics.listed(ask.session, public_only=ask.outsider)][:MOST_TOPICS]
    korean = ["안녕하세요, <b>마루</b>예요. 소식이 생기면 이 대화로 알려 드려요."]
    english = ["Hello, I am <b>Maru</b>. I tell this chat the news as it happens."]
    if public:
        names = ", ".join(map(quoted, public))
        korean += [f"받을 수 있는 소식: {names}", "/구독 다음에 이름을 쓰거나 아래를 눌러 주세요."]
        english += [f"What you can hear: {names}", "Write the name after /subscribe, or press below."]
    korean.append("그만 받으려면 /구독해지, 할 수 있는 말은 /도움말.")
    english.append("/unsubscribe stops it, /help tells what you can say.")
    if ask.settings.locale == "ko":
        lines = [*korean, "", "In English: /help"]
        name = "/구독"
    else:
        lines = [*english, "", "한국어로는 /도움말"]
        name = "/subscribe"
    return Told("\n".join(lines), tuple({"title": one, "say": f"{name} {one}"} for one in public))


def astray(ask: Ask) -> list[Told] | None:
    """The one line for an outsider whose words are no command. In a room they are hardly meant for us."""
    if ask.channel not in STRANGERS_WRITE:
        return turned_away(ask)
    if ask.room:
        return None
    said = "그 말은 알아듣지 못했어요. 소식을 받으려면 /구독, 할 수 있는 말은 /도움말이에요."
    return [Told(ask.t(said, "I did not understand that. /subscribe gets you the news, /help tells what you can say."))]
