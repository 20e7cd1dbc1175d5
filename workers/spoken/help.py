"""/도움말: what can be said, made from the commands themselves."""

from store import bots
from workers.spoken.registry import GUESTS, Ask, Command, Told, Unclear, command, find, listed, quoted, usage

MOST_OF_BOTS = 60


@command(
    "/도움말",
    "/help",
    usage=("/도움말", "/help"),
    more=(("/도움말 구독", "/help subscribe"),),  # one that outsiders have, too: they read this line
    says=("할 수 있는 것을 알려 드려요", "tells what I can do"),
    outsiders=True,
    aliases=("/도움", "/?"),
    order=0,
)
def tell_help(ask: Ask, rest: str) -> Told:
    if not rest:
        return _everything(ask)
    found = find(rest)
    own = bots.command(ask.session, ask.company, rest) if found is None and ask.bots else None
    if own is not None and (own.guests or ask.bots != GUESTS):
        return Told(f"<b>{quoted(own.usage or own.name)}</b>" + (f"\n{quoted(own.help)}" if own.help else ""))
    if found is None or (ask.outsider and not found.outsiders):
        raise Unclear(f"{quoted(rest[:30])}: 모르는 명령이에요.", f"{quoted(rest[:30])}: I know no such command.")
    head = f"<b>{found.name(ask.language)}</b> · {ask.t(*found.says)}"
    return Told(f"{head}\n{usage(ask, found).text}")


def _everything(ask: Ask) -> Told:
    lines = [ask.t("<b>이렇게 말해 주세요</b>", "<b>What you can say</b>")]
    lines += [_line(ask, one) for one in listed(ask.outsider)]
    if not ask.outsider:
        lines.append("")
        lines.append(
            ask.t(
                "필요한 서비스는 그냥 말해 보세요. 예: 연차 신청, 회의실 예약",
                "Looking for a service? Just say it, such as: annual leave, meeting room",
            )
        )
    return Told("\n".join([*lines, *_of_bots(ask)]))


def _of_bots(ask: Ask) -> list[str]:
    """What the company's bots can do, as far as this asker may use them."""
    if not ask.bots:
        return []
    found = bots.commands(ask.session, ask.company, guests_only=ask.bots == GUESTS)
    if not found:
        return []
    lines = [
        f"<b>{quoted(one.usage or one.name)}</b>" + (f" · {quoted(one.help)}" if one.help else "") for one in found
    ]
    more = len(lines) - MOST_OF_BOTS
    if more > 0:
        lines[MOST_OF_BOTS:] = [ask.t(f"… 그 밖에 {more}개", f"… and {more} more")]
    return ["", ask.t("<b>봇</b>", "<b>Bots</b>"), *lines]


def _line(ask: Ask, one: Command) -> str:
    return f"<b>{quoted(ask.t(*one.usage))}</b> · {ask.t(*one.says)}"
