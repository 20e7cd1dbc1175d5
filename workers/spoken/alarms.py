"""/확인, /경보, /조용히: who looks after an alarm, what fires, and when a chat wants to be left alone."""

from interaction.when import read_span
from store import alerts, chats, topics
from workers import alerting
from workers.alerting import Place
from workers.spoken.registry import Ask, Told, Unclear, command, quoted

MOST_LISTED = 30
SEVERITIES = {  # as somebody writes it
    **dict.fromkeys(("심각", "critical"), "critical"),
    **dict.fromkeys(("주의", "경고", "warning"), "warning"),
    **dict.fromkeys(("모두", "전부", "all", "알림", "info"), ""),
}


@command(
    "/확인",
    "/ack",
    usage=("/확인 알람번호", "/ack alert"),
    says=("알람을 제가 보고 있다고 알려요", "tells that you look after an alarm"),
    order=34,
)
def acknowledge(ask: Ask, rest: str) -> Told:
    if not rest.isdecimal() or len(rest) > 15:
        raise Unclear("알람 번호를 써 주세요. /경보 로 볼 수 있어요.", "Write the number of the alert; see /alerts.")
    row = alerts.hold(ask.session, int(rest))
    if row is None or row.topic not in topics.heard(ask.session, ask.channel, ask.chat):
        return Told(ask.t(f"{rest}번 알람은 이 대화에 없어요.", f"This chat hears of no alert {rest}."))
    title = quoted(row.title)
    if row.state != alerts.FIRING:
        return Told(ask.t(f"🟢 이미 끝난 알람이에요: {title}", f"🟢 It is over already: {title}"))
    who = _who(ask)
    if row.acked_by and row.muted_until and row.muted_until > ask.now:
        by = quoted(row.acked_by)
        if row.acked_by == who:
            said = f"이미 보고 있다고 알렸어요: {title}"
            return Told(ask.t(said, f"Everybody knows that you are on it: {title}"))
        return Told(ask.t(f"{by}님이 이미 보고 있어요: {title}", f"{by} is on it already: {title}"))
    until = alerting.acknowledge(ask.session, row, who, ask.now, Place(ask.channel, ask.chat))
    local = until.astimezone(ask.now.tzinfo)
    named = quoted(who)
    said = f"👀 {named}님이 보고 있어요: <b>{title}</b>\n{local:%H:%M}까지 다시 알리지 않을게요."
    return Told(ask.t(said, f"👀 {named} is on it: <b>{title}</b>\nNot repeated until {local:%H:%M}."))


def _who(ask: Ask) -> str:
    if ask.employee is not None:
        return ask.employee.name
    kept = chats.get(ask.session, ask.channel, ask.chat)
    return ask.name or (kept.name if kept and not ask.room else "") or ask.email or ask.person or ask.channel


@command(
    "/경보",
    "/alerts",
    usage=("/경보", "/alerts"),
    says=("지금 울리는 알람을 보여 드려요", "shows the alerts that are firing"),
    aliases=("/알람",),
    order=33,
)
def firing(ask: Ask, rest: str) -> Told:
    heard = topics.heard(ask.session, ask.channel, ask.chat)
    found = alerts.firing(ask.session, ask.now, heard)
    if not found:
        return Told(ask.t("🟢 지금 울리는 알람이 없어요.", "🟢 Nothing is firing."))
    lines = [ask.t(f"<b>울리는 알람 {len(found)}건</b>", f"<b>{len(found)} firing</b>")]
    for one in found[:MOST_LISTED]:
        seen = ask.t(f" · {one.acked_by}님이 보고 있어요", f" · {one.acked_by} is on it") if one.acked_by else ""
        since = one.began_at.astimezone(ask.now.tzinfo)
        lines.append(f"• {one.id} {since:%m-%d %H:%M} {quoted(one.title)}{quoted(seen)}")
    if len(found) > MOST_LISTED:
        more = len(found) - MOST_LISTED
        lines.append(ask.t(f"그 밖에 {more}건", f"and {more} more"))
    return Told("\n".join(lines))


@command(
    "/조용히",
    "/quiet",
    usage=("/조용히 22:00~07:00", "/quiet 22:00~07:00"),
    more=(("/조용히 끄기", "/quiet off"),),
    says=("이 대화에 소식을 보내지 않을 시간을 정해요", "sets when this chat is told nothing"),
    outsiders=True,
    order=32,
)
def quiet(ask: Ask, rest: str) -> Told:
    # Whoever is an outsider in a room must not keep it from what is internal.
    mine = topics.of_chat(ask.session, ask.channel, ask.chat, public_only=ask.outsider)
    if not mine:
        return Told(ask.t("받고 있는 소식이 없어요.", "This chat hears no topic."))
    if not rest:
        begin, end = mine[0].quiet_from, mine[0].quiet_until
        none = ask.t("조용한 시간을 정하지 않았어요.", "There are no quiet hours.")
        return Told(f"{begin:%H:%M}~{end:%H:%M}" if begin and end else none)
    if rest.casefold() in ("끄기", "off", "해제"):
        for one in mine:
            one.quiet_from = one.quiet_until = None
        return Told(ask.t("조용한 시간을 없앴어요.", "There are no quiet hours now."))
    span = read_span(rest)
    if span is None:
        raise Unclear("시각을 알아보지 못했어요.", "I cannot read these times.")
    for one in mine:
        one.quiet_from, one.quiet_until = span
    hours = f"{span[0]:%H:%M}~{span[1]:%H:%M}"
    said = f"{hours}에는 소식을 보내지 않고, 끝나면 한 번에 알려 드릴게요."
    return Told(ask.t(said, f"Nothing is told {hours}; what falls into it is told when it ends."))


@command(
    "/심각도",
    "/severity",
    usage=("/심각도 심각", "/severity critical"),
    more=(("/심각도 모두", "/severity all"),),
    says=("이만큼 심한 알람만 받아요", "only what is so grave is told here"),
    order=35,
)
def severity(ask: Ask, rest: str) -> Told:
    mine = topics.of_chat(ask.session, ask.channel, ask.chat)
    if not mine:
        return Told(ask.t("받고 있는 소식이 없어요.", "This chat hears no topic."))
    if rest:
        wanted = SEVERITIES.get(rest.casefold())
        if wanted is None:
            raise Unclear("심각, 주의, 모두 중에서 골라 주세요.", "One of critical, warning, all, please.")
        for one in mine:
            one.severity = wanted
    now = mine[0].severity
    if not now:
        return Told(ask.t("알람을 모두 알려 드려요.", "Everything is told here."))
    said = {"critical": "심각한 알람만 알려 드려요.", "warning": "주의 이상인 알람만 알려 드려요."}.get(now, now)
    return Told(ask.t(said, f"Only what is at least {now} is told here."))
