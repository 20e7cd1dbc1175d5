"""/알림: what is to be told at a certain time, once or again and again; and an employee's quiet hours."""

import re

from interaction.when import ONCE, Read, read_repeat, read_span, repeat_from
from store import database, reminders
from store.people import Person
from store.reminders import PAUSED, Reminder
from workers import due
from workers.spoken import words
from workers.spoken.me import employee
from workers.spoken.registry import Ask, Told, Unclear, command, quoted

MOST = 100  # of one person
LONGEST = 500
MOST_BUTTONS = 5

_LIST = ("목록", "리스트", "list")
_DELETE = ("삭제", "지우기", "취소", "delete", "remove")
_PAUSE = ("멈춤", "중지", "일시정지", "pause")
_RESUME = ("다시", "재개", "resume")
_QUIET = ("조용히", "quiet")
_OFF = ("끄기", "해제", "없음", "off")


@command(
    "/알림",
    "/remind",
    usage=("/알림 매주 월 10:00 주간회의", "/remind every monday 10:00 standup"),
    more=(
        ("/알림 내일 오후 3시 치과", "/remind tomorrow 3pm dentist"),
        ("/알림 30분 뒤 전화", "/remind in 30 minutes call back"),
        ("/알림 목록", "/remind list"),
        ("/알림 멈춤 1 · 다시 1 · 삭제 1", "/remind pause 1 · resume 1 · delete 1"),
        ("/알림 조용히 22:00~08:00 · 조용히 끄기", "/remind quiet 22:00~08:00 · quiet off"),
    ),
    says=("정한 때에 알려 드려요", "reminds you when you say"),
    aliases=("/reminder", "/reminders"),
    order=20,
)
def remind(ask: Ask, rest: str) -> Told:
    me = employee(ask)
    first, _, after = rest.partition(" ")
    for names, work in ((_DELETE, _delete), (_PAUSE, _pause), (_RESUME, _resume)):
        if first.casefold() in names:
            return work(ask, me, _numbered(ask, me, after))
    if first.casefold() in _QUIET:
        return _quiet(ask, me, after.strip())
    if not rest or rest.casefold() in _LIST:
        return _list(ask, me)
    return _add(ask, me, rest)


# --- adding ---


def _add(ask: Ask, me: Person, rest: str) -> Told:
    read = read_repeat(rest, ask.now)
    if read is None:
        raise Unclear("언제 알려 드릴지 모르겠어요.", "I cannot tell when.")
    text = database.storable(re.sub(r"^(?:에|마다)\s+", "", read.rest), LONGEST).strip()
    if not text:
        raise Unclear("무엇을 알려 드릴까요?", "What shall I remind you of?")
    if len(reminders.of_person(ask.session, me.id)) >= MOST:
        said = f"알림은 {MOST}개까지 둘 수 있어요. 쓰지 않는 것을 먼저 지워 주세요."
        return Told(ask.t(said, f"You have {MOST} reminders, which is the most. Delete one first."))
    made = _made(ask, me, read, text)
    if made is None:
        raise Unclear("이미 지난 때예요.", "That time is over already.")
    ask.session.add(made)
    ask.session.flush()
    return Told("\n".join(_confirmed(ask, me, made)), (_button(ask, _DELETE, made, ask.t("지우기", "Delete")),))


def _made(ask: Ask, me: Person, read: Read, text: str) -> Reminder | None:
    made = Reminder(
        person_id=me.id,
        channel=ask.channel,
        chat=ask.chat,
        room=ask.room,
        text=text,
        repeat=read.value.json(),
        language=ask.language,
        state=reminders.ON,
        created_at=ask.now,
    )
    return made if due.plan(made, me, ask.settings.timezone, ask.now) else None


def _confirmed(ask: Ask, me: Person, made: Reminder) -> list[str]:
    today, repeat = ask.now.date(), repeat_from(made.repeat)
    when, text = words.repeat(repeat, ask.language, today), quoted(made.text)
    lines = [ask.t(f"알려 드릴게요: <b>{when}</b> {text}", f"I will remind you: <b>{when}</b> {text}")]
    next_at = made.next_at.astimezone(ask.settings.timezone)
    if repeat.kind != ONCE:
        first = words.moment(next_at, ask.language, today)
        lines.append(ask.t(f"처음은 {first}이에요.", f"The first time is {first}."))
    if made.tell_at != made.next_at:
        quiet = words.said_quiet(me)
        tell = made.tell_at.astimezone(ask.settings.timezone)
        said = f"조용한 시간({quiet})이라 {tell:%H:%M}에 알려 드려요."
        lines.append(ask.t(said, f"Your quiet hours are {quiet}, so I tell you at {tell:%H:%M}."))
    return lines


# --- what is there ---


def _list(ask: Ask, me: Person) -> Told:
    mine = reminders.of_person(ask.session, me.id)
    if not mine:
        said = "아직 알림이 없어요. 이렇게 말해 보세요: <b>/알림 매주 월 10:00 주간회의</b>"
        told = ask.t(said, "You have no reminders. Try: <b>/remind every monday 10:00 standup</b>")
        return Told(told)
    lines = [ask.t(f"<b>알림 {len(mine)}개</b>", f"<b>{len(mine)} reminder{'s' if len(mine) > 1 else ''}</b>")]
    lines += [f"{number}. {_line(ask, one)}" for number, one in enumerate(mine, 1)]
    lines.append(ask.t("지우려면 /알림 삭제 1처럼 말해 주세요.", "To delete one, say /remind delete 1."))
    buttons = [
        _button(ask, _DELETE, one, ask.t(f"{number} 지우기", f"Delete {number}"))
        for number, one in enumerate(mine[:MOST_BUTTONS], 1)
    ]
    return Told("\n".join(lines), tuple(buttons))


def _line(ask: Ask, one: Reminder) -> str:
    when = words.repeat(repeat_from(one.repeat), ask.language, ask.now.date())
    where = ask.t(" · 다른 대화", " · in another chat") if one.chat != ask.chat else ""
    paused = ask.t(" · 멈춤", " · paused") if one.state == PAUSED else ""
    return f"<b>{when}</b> {_text(ask, one)}{where}{paused}"


def _text(ask: Ask, one: Reminder) -> str:
    """In a room one's reminders of other chats are listed, but not what they say."""
    return "…" if ask.room and one.chat != ask.chat else quoted(one.text)


def _button(ask: Ask, names: tuple[str, ...], one: Reminder, title: str) -> dict[str, str]:
    """By the row's own number: those of the list move up when one goes."""
    name = ask.t(f"/알림 {names[0]}", f"/remind {names[-1]}")
    return {"title": title, "say": f"{name} #{one.id}"}


def _numbered(ask: Ask, me: Person, said: str) -> Reminder:
    mine = reminders.of_person(ask.session, me.id)
    found = re.fullmatch(r"(#?)(\d{1,9})번?", said.strip())
    if found and found[1]:
        named = [one for one in mine if one.id == int(found[2])]
    else:
        named = [one for number, one in enumerate(mine, 1) if found and number == int(found[2])]
    if not named:
        raise Unclear(
            "그런 번호의 알림이 없어요. /알림 목록에서 번호를 봐 주세요.", "No such number; see /remind list."
        )
    return named[0]


# --- changing ---


def _delete(ask: Ask, me: Person, one: Reminder) -> Told:
    reminders.remove(ask.session, one.id)
    return Told(ask.t(f"지웠어요: {_text(ask, one)}", f"Deleted: {_text(ask, one)}"))


def _pause(ask: Ask, me: Person, one: Reminder) -> Told:
    one.state = PAUSED
    again = _button(ask, _RESUME, one, ask.t("다시 켜기", "Resume"))
    return Told(ask.t(f"멈췄어요: {_text(ask, one)}", f"Paused: {_text(ask, one)}"), (again,))


def _resume(ask: Ask, me: Person, one: Reminder) -> Told:
    if not due.plan(one, me, ask.settings.timezone, ask.now):
        reminders.remove(ask.session, one.id)
        said = f"때가 지나서 지웠어요: {_text(ask, one)}"
        return Told(ask.t(said, f"Its time is over, so it is deleted: {_text(ask, one)}"))
    one.state = reminders.ON
    at = words.moment(one.next_at.astimezone(ask.settings.timezone), ask.language, ask.now.date())
    return Told(ask.t(f"다시 알려 드릴게요: {at} {_text(ask, one)}", f"On again: {at} {_text(ask, one)}"))


def _quiet(ask: Ask, me: Person, said: str) -> Told:
    if said.casefold() in _OFF:
        me.quiet_from = me.quiet_until = None
        told = ask.t("조용한 시간을 없앴어요.", "You have no quiet hours now.")
    elif said:
        span = read_span(said)
        if span is None:
            raise Unclear("몇 시부터 몇 시까지인지 모르겠어요.", "I cannot tell from when to when.")
        me.quiet_from, me.quiet_until = span
        quiet = words.said_quiet(me)
        korean = f"조용한 시간을 {quiet}로 정했어요. 그 사이의 알림은 끝나는 때에 한 번 알려 드려요."
        told = ask.t(korean, f"Your quiet hours are {quiet}. What falls into them is told when they end.")
    else:
        quiet = words.said_quiet(me)
        none = ask.t("조용한 시간을 정하지 않았어요.", "You have no quiet hours.")
        return Told(ask.t(f"조용한 시간: {quiet}", f"Quiet hours: {quiet}") if quiet else none)
    _replan(ask, me)
    return Told(told)


def _replan(ask: Ask, me: Person) -> None:
    for one in reminders.of_person(ask.session, me.id):
        one.tell_at = due.told_at(one.next_at, one.room, me, ask.settings.timezone)
