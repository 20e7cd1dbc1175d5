"""/도움말: what can be said, made from the commands themselves."""

from workers.spoken.registry import Ask, Command, Told, Unclear, command, find, listed, quoted, usage


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
    return Told("\n".join(lines))


def _line(ask: Ask, one: Command) -> str:
    return f"<b>{quoted(ask.t(*one.usage))}</b> · {ask.t(*one.says)}"
