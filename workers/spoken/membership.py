"""An invite's code makes the chat one of the company's: behind /start, as Telegram's links say it."""

from store import members
from workers.spoken.registry import Ask, Told, quoted


def admit(ask: Ask, code: str) -> Told:
    invite = members.invited(ask.session, code, ask.now)
    if invite is not None and invite.company != ask.company:
        said = f"<b>{quoted(invite.company)}</b>의 초대예요. 받은 링크를 브라우저에서 열어 주세요."
        return Told(ask.t(said, f"This invites to <b>{quoted(invite.company)}</b>: open its link in a browser."))
    admitted = members.admit(ask.session, code, ask.channel, ask.chat, ask.now, ask.name) if invite else None
    if admitted is None:
        said = "이 초대 코드는 쓸 수 없어요. 기한이 지났거나 다 쓴 코드일 수 있어요. 새 코드를 부탁해 주세요."
        return Told(ask.t(said, "This code does not work. It may be too old or used up: please ask for a new one."))
    help = ({"title": ask.t("도움말", "Help"), "say": ask.t("/도움말", "/help")},)
    if admitted.guest:
        return Told(ask.t("손님으로 등록했어요. 반가워요!", "Welcome! You are registered as a guest."), help)
    said = "등록했어요. 반가워요! /도움말로 할 수 있는 것을 볼 수 있어요."
    return Told(ask.t(said, "Welcome! You are registered. See what I can do with /help."), help)
