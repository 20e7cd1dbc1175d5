"""/메일: one employee writes to another, through us."""

import re

from channels import mailing as letters
from store import mail, people
from store.people import Person
from workers import mailing
from workers.spoken.me import employee
from workers.spoken.registry import Ask, Told, Unclear, command, quoted

MOST_BUTTONS = 5
LONGEST_SAID = 1500  # characters of a button: the platform carries it there and back
LONGEST_TEXT = 20_000
_PROFILE = re.compile(r"\[([^\[\]]{1,40})\]\s*")
_EMAIL = re.compile(r"<?([^@\s<>]+@[^@\s<>]+?)>?")
_TITLE = re.compile(r"(?:님|씨)?(?:에게|한테|께)?$")


@command(
    "/메일",
    "/mail",
    usage=(
        "/메일 김하늘 회의 자료 | 내일 회의 자료 보내 드려요",
        "/mail kim@example.kr Minutes | Here are the minutes",
    ),
    more=(("/메일 [인사팀] 김하늘 제목 | 내용", "/mail [profile] name subject | text"),),
    says=("동료에게 메일을 보내 드려요", "mails a colleague"),
    order=45,
)
def write(ask: Ask, rest: str) -> Told:
    me = employee(ask)
    profile, rest = _profile(ask, rest)
    head, bar, text = (part.strip() for part in rest.replace("｜", "|").partition("|"))
    if not bar or not head or not text:
        raise Unclear(
            "받는 사람과 제목, 그다음 | 와 내용을 써 주세요.", "Write whom and the subject, then | and the text."
        )
    if len(text) > LONGEST_TEXT:
        raise Unclear(f"내용은 {LONGEST_TEXT:,}자까지예요.", f"A text has at most {LONGEST_TEXT:,} characters.")
    if not mailing.is_ready(ask.session, ask.settings.channels["email"]):
        return Told(
            ask.t(
                "아직 메일을 보낼 수 없어요. 관리자가 메일 서버를 정해야 해요.",
                "I cannot send mail yet: an admin has to set up a mail server.",
            )
        )
    found, subject = _addressee(ask, me, head)
    if not found:
        word = quoted(head.split()[0][:40])
        return Told(
            ask.t(
                f"{word}: 그런 동료를 찾지 못했어요. 이름이나 이메일을 다시 확인해 주세요.",
                f"I found no colleague called {word}. Please check the name or e-mail.",
            )
        )
    if len(found) > 1:
        return _which(ask, profile, found, subject, text)
    _post(ask, me, found[0], profile, subject, text)
    return _sent(ask, me, found[0])


def _profile(ask: Ask, rest: str) -> tuple[str, str]:
    """`[총무]` before everything else names the profile to send by."""
    named = _PROFILE.match(rest)
    if named is None:
        return "", rest
    name = named[1].strip()
    known = [mail.DEFAULT, *(one.name for one in mail.listed(ask.session))]
    if name not in known:
        names = quoted(", ".join(known))
        raise Unclear(f"메일 프로필은 {names} 중 하나예요.", f"The mail profiles are: {names}.")
    return name, rest[named.end() :]


# --- to whom ---


def _addressee(ask: Ask, me: Person, head: str) -> tuple[list[Person], str]:
    """Who is meant, and the rest, which is the subject. The longest beginning that names somebody counts, for names
    such as Mary Ann Kim; a team before the name says which one."""
    words = head.split()
    everybody = list(people.listed(ask.session))
    for count in range(min(len(words), 5), 0, -1):
        found = _named(everybody, me, " ".join(words[:count]))
        if found:
            return found, " ".join(words[count:])
    return [], head


def _named(everybody: list[Person], me: Person, words: str) -> list[Person]:
    address = _EMAIL.fullmatch(words)
    if address is not None:
        return [one for one in everybody if one.email == address[1].lower()]
    wanted = {_folded(words), _folded(_TITLE.sub("", words))} - {""}
    found = [one for one in everybody if _folded(one.name) in wanted or _folded(one.team + one.name) in wanted]
    if found:
        return sorted(found, key=lambda one: one.team != me.team)  # a team mate first
    # A first name alone is enough among those of one's own team.
    mates = [one for one in everybody if me.team and one.team == me.team and one.id != me.id]
    return [one for one in mates if any(_is_first_name(word, one.name) for word in wanted)]


def _is_first_name(word: str, name: str) -> bool:
    if re.fullmatch("[가-힣]{2,}", word):
        return len(name) - len(word) in (1, 2) and name.endswith(word)  # the family name has one letter, rarely two
    return word == _folded(name.split()[0])


def _folded(words: str) -> str:
    return "".join(words.split()).casefold()


def _which(ask: Ask, profile: str, found: list[Person], subject: str, text: str) -> Told:
    lines = [ask.t("<b>어느 분에게 보낼까요?</b>", "<b>Which of them?</b>")]
    lines += [f"• {quoted(_shown(one))} · {quoted(one.email)}" for one in found]
    name, by = ask.t("/메일", "/mail"), f"[{profile}] " if profile else ""
    buttons = [
        {"title": _shown(one), "say": f"{name} {by}{one.email} {subject} | {text}"} for one in found[:MOST_BUTTONS]
    ]
    if any(len(button["say"]) > LONGEST_SAID for button in buttons):
        lines.append(
            ask.t("이름 대신 이메일로 다시 써 주세요.", "Please write it again with the e-mail in place of the name.")
        )
        buttons = []
    return Told("\n".join(lines), tuple(buttons))


def _shown(person: Person) -> str:
    return f"{person.name} ({person.team})" if person.team else person.name


# --- the mail ---


def _post(ask: Ask, me: Person, to: Person, profile: str, subject: str, text: str) -> None:
    note = ask.t(
        f"{_shown(me)} 님이 마루로 보낸 메일이에요. 답장하면 {me.name} 님에게 가요.",
        f"{_shown(me)} sent this through Maru. A reply goes to them.",
    )
    body = {
        "text": f"{quoted(text)}\n\n—\n{quoted(note)}",
        "subject": subject or letters.subject({"text": quoted(text)}),
        "sender": ask.t(f"{me.name} (마루)", f"{me.name} (Maru)"),
        "reply_to": me.email,
        "profile": profile,
    }
    mailing.post(ask.session, f"mail:{ask.event}", ask.event, [(to.email, body, text)])


def _sent(ask: Ask, me: Person, to: Person) -> Told:
    who, mine = f"{quoted(_shown(to))} · {quoted(to.email)}", quoted(me.email)
    return Told(
        ask.t(
            f"메일을 보낼게요.\n받는 사람: {who}\n답장은 {mine} 으로 가요.",
            f"Sending it.\nTo: {who}\nReplies go to {mine}.",
        )
    )
