"""/시작: an invite's code makes the chat one of the company's. Telegram sends /start by itself when somebody begins."""

from store import members
from workers.spoken.registry import PEOPLE_ANSWER, Ask, Told, command, quoted


@command(
    "/시작",
    "/start",
    usage=("/시작 초대코드", "/start invite-code"),
    more=(("/시작", "/start"),),
    says=("받은 초대 코드로 등록해요", "registers you by the invite code that you were given"),
    outsiders=True,
    order=5,
)
def start(ask: Ask, rest: str) -> Told | list[Told]:
    if ask.channel in PEOPLE_ANSWER:
        return []  # customers of the shop, who are no members of it
    code = rest.split()[0] if rest else ""
    if not code:
        return _greeting(ask)
    invite = members.invited(ask.session, code, ask.now)
    if invite is not None and invite.company != ask.company:
        said = f"<b>{quoted(invite.company)}</b>의 초대예요. 받은 링크를 브라우저에서 열어 주세요."
        return Told(ask.t(said, f"This invites to <b>{quoted(invite.company)}</b>: open its link in a browser."))
    admitted = members.admit(ask.session, code, ask.channel, ask.chat, ask.now, ask.name) if invite else None
    if admitted is None:
        said = "이 초대 코드는 쓸 수 없어요. 기한이 지났거나 다 쓴 코드일 수 있어요. 새 코드를 부탁해 주세요."
        return Told(ask.t(said, "This code does not work. It may be too old or used up: please ask for a new one."))
    if admitted.guest:
        return Told(ask.t("손님으로 등록했어요. 반가워요!", "Welcome! You are registered as a guest."), _help(ask))
    said = "등록했어요. 반가워요! /도움말로 할 수 있는 것을 볼 수 있어요."
    return Told(ask.t(said, "Welcome! You are registered. See what I can do with /help."), _help(ask))


def _greeting(ask: Ask) -> Told:
    if not ask.outsider:
        return Told(ask.t("안녕하세요, 마루예요.", "Hello, I am Maru."), _help(ask))
    said = "안녕하세요, 마루예요. 초대 코드를 받으셨다면 /시작 다음에 써 주세요."
    return Told(ask.t(said, "Hello, I am Maru. If you were given an invite code, write it after /start."), _help(ask))


def _help(ask: Ask) -> tuple[dict[str, str], ...]:
    return ({"title": ask.t("도움말", "Help"), "say": ask.t("/도움말", "/help")},)
