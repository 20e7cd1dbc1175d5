"""/내정보 and /팀: what we know of the employee who asks, and of their team."""

from store import days, people, reminders, topics
from store.people import Person
from workers.spoken.registry import Ask, Told, Unclear, command, quoted
from workers.spoken.words import said_quiet

MOST_MEMBERS = 100


def employee(ask: Ask) -> Person:
    """Who asks; only for commands that are not for outsiders."""
    if ask.employee is None:
        raise Unclear("등록된 직원만 쓸 수 있어요.", "Only for registered employees.")
    return ask.employee


@command(
    "/내정보",
    "/me",
    usage=("/내정보", "/me"),
    says=("제가 아는 내 정보를 보여 드려요", "shows what I know of you"),
    order=60,
)
def tell_me(ask: Ask, rest: str) -> Told:
    me = employee(ask)
    none = ask.t("없음", "none")
    lines = [
        f"<b>{quoted(me.name)}</b>",
        f"{ask.t('이메일', 'E-mail')}: {quoted(me.email)}",
        f"{ask.t('팀', 'Team')}: {quoted(me.team) or none}",
        f"{ask.t('예정된 TG day', 'TG days to come')}: {len(days.of_person(ask.session, me.id, ask.now.date()))}",
        f"{ask.t('알림', 'Reminders')}: {len(reminders.of_person(ask.session, me.id))}",
        f"{ask.t('조용한 시간', 'Quiet hours')}: {said_quiet(me) or none}",
    ]
    heard = topics.heard(ask.session, ask.channel, ask.chat)
    lines.append(f"{ask.t('이 대화의 구독', 'Topics of this chat')}: {quoted(', '.join(heard)) or none}")
    return Told("\n".join(lines))


@command(
    "/팀",
    "/team",
    usage=("/팀", "/team"),
    more=(("/팀 방", "/team room"),),
    says=(
        "우리 팀을 보여 드려요. 방에서 /팀 방: 팀 방으로 정해요",
        "shows your team; /team room makes a room the team's",
    ),
    order=61,
)
def tell_team(ask: Ask, rest: str) -> Told:
    me = employee(ask)
    if not me.team:
        return Told(
            ask.t("아직 팀이 없어요. 관리자에게 등록을 부탁해 주세요.", "You have no team yet. Ask staff to set one.")
        )
    if rest.casefold() in ("방", "room"):
        return _take_room(ask, me.team)
    if rest:
        raise Unclear()
    everyone = people.members(ask.session, me.team)
    names = [quoted(one.name) for one in everyone[:MOST_MEMBERS]]
    more = f" … +{len(everyone) - MOST_MEMBERS}" if len(everyone) > MOST_MEMBERS else ""
    head = ask.t(f"<b>{quoted(me.team)}</b> · {len(everyone)}명", f"<b>{quoted(me.team)}</b> · {len(everyone)} people")
    room = people.room(ask.session, me.team)
    tip = ask.t(
        "팀 방이 아직 없어요. 팀 방에서 저를 불러 /팀 방이라고 말해 주세요.",
        "There is no team room yet. Say /team room to me in the room.",
    )
    return Told("\n".join([head, ", ".join(names) + more, *([] if room else [tip])]))


def _take_room(ask: Ask, team: str) -> Told:
    if not ask.room:
        raise Unclear("팀의 방에서 말해 주세요.", "Say that in the team's room.")
    before = people.room(ask.session, team)
    if before is not None and (before.channel, before.chat) == (ask.channel, ask.chat):
        return Told(ask.t(f"이미 {quoted(team)}의 방이에요.", f"This is the room of {quoted(team)} already."))
    people.give_room(ask.session, team, ask.channel, ask.chat, ask.now)
    said = ask.t(
        f"이 방을 <b>{quoted(team)}</b>의 방으로 정했어요. 팀의 TG day를 여기에 알려 드릴게요.",
        f"This is the room of <b>{quoted(team)}</b> now. I will tell the team's TG days here.",
    )
    if before is not None:
        said += "\n" + ask.t("전에 정한 방에는 더 알리지 않아요.", "The room before hears no more.")
    return Told(said)
