"""/검색: a service by the words that come to mind; and what a search found, in words."""

from interaction.services import Found, Service
from store import services
from workers import searching
from workers.spoken.registry import Ask, Told, Unclear, command, quoted


@command(
    "/검색",
    "/search",
    usage=("/검색 연차", "/search annual leave"),
    says=("사내 서비스를 찾아 드려요. 그냥 말해도 돼요", "finds a service; just saying it works, too"),
    aliases=("/찾기", "/find"),
    order=10,
)
def search(ask: Ask, rest: str) -> Told:
    """By our own index alone: this runs within a transaction, where no other machine may be asked."""
    if not rest:
        raise Unclear()
    return found(ask, rest, searching.answer(ask.session, rest, None))


def found(ask: Ask, text: str, hits: Found) -> Told:
    """What to say to a search. One that found nothing is kept for staff."""
    if hits.clear is not None:
        return _told(ask, hits.clear.service)
    if hits.choices:
        names = [hit.service.name for hit in hits.choices]
        lines = [ask.t("<b>어떤 것을 찾으세요?</b>", "<b>Which one do you mean?</b>")]
        for hit in hits.choices:
            about = f" · {quoted(hit.service.description)}" if hit.service.description else ""
            lines.append(f"• {quoted(hit.service.name)}{about}")
        return Told("\n".join(lines), tuple({"title": name, "say": name} for name in names))
    services.miss(ask.session, text, ask.channel, ask.now)
    said = "아직 찾지 못했어요. 다른 말로 짧게 말해 보세요. 예: 연차, 회의실\n담당자가 볼 수 있게 적어 둘게요."
    told = ask.t(said, "I found nothing. Try other, shorter words.\nI note it down for the people in charge.")
    return Told(told, ({"title": ask.t("도움말", "Help"), "say": ask.t("/도움말", "/help")},))


def _told(ask: Ask, service: Service) -> Told:
    lines = [f"<b>{quoted(service.name)}</b>"]
    lines += [quoted(text) for text in (service.answer or service.description,) if text]
    if service.team:
        lines.append(ask.t(f"담당: {quoted(service.team)}", f"In charge: {quoted(service.team)}"))
    buttons: list[dict[str, str]] = []
    if service.link:
        buttons.append({"title": ask.t("바로 가기", "Open"), "url": service.link})
    if service.run:
        buttons.append({"title": service.run[:40], "say": service.run})
    return Told("\n".join(lines), tuple(buttons))
