"""One chat as its page shows it: who said what, what became of it, and what may be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from flask import url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from responses.markup import is_web_address
from responses.module import Module
from responses.problems import Invalid
from store import versions
from store.answers import EMPTIED, Answer
from store.deliveries import CANCELLED, DEAD, EFFECTS, SENDING, SENT, WAITING, Delivery
from store.events import ANSWERED, IGNORED, NEW, Event
from store.events import DEAD as FAILED
from store.timeline import DELIVERY, Page, Place
from web.console import bubbles, reasons
from web.console.frame import may, personal, settings, when
from web.words import t
from workers import words

REPLAYABLE = ("message", "chat_opened")
KINDS = {
    "chat_opened": ("상담을 열었어요", "opened the chat"),
    "chat_closed": ("상담이 종료됐어요", "the chat was closed"),
    "manager_wrote": ("담당자가 답했어요", "a manager wrote"),
    "message": ("고객이 보냈어요", "the customer wrote"),
    "profile": ("고객 정보가 바뀌었어요", "the profile changed"),
}


@dataclass(frozen=True)
class Turn:
    """One thing in the conversation. `side`: customer, manager, bot, or between for what nobody said."""

    place: Place
    anchor: str
    side: str
    at: datetime | None
    text: Markup | str = ""
    template: str = ""  # shown instead of the text to those who may not read it
    gone: bool = False  # the content aged out or was erased
    level: str = ""
    said: str = ""  # how it stands, in words
    run: Answer | None = None  # the answer that begins here
    event: Event | None = None
    delivery: Delivery | None = None
    buttons: tuple[Mapping[str, str], ...] = ()
    image: str = ""
    actions: tuple[str, ...] = ()
    why: bool = False
    wordless: int = 0  # so many messages whose words a question has to be answered for


@dataclass
class Words:
    """The modules of a chat's answers, each in the version that the answer had; None where it cannot be read."""

    session: Session
    known: dict[tuple[str, int], Module | None] = field(default_factory=dict)

    def module(self, name: str, number: int) -> Module | None:
        key = (name, number)
        if key not in self.known:
            try:
                self.known[key] = words.module_version(self.session, *key)
            except (versions.Nothing, Invalid):
                self.known[key] = None
        return self.known[key]

    def title(self, name: str, number: int) -> str:
        module = self.module(name, number)
        return module.title if module and module.title else name

    def template(self, answer: Answer | None, delivery: Delivery) -> str:
        """The author's text of this message, before anybody's data came into it."""
        if answer is None or delivery.source != answer.source:
            return ""
        module = self.module(answer.module, answer.version)
        if module is None:
            return ""
        messages = (module.incomplete or ()) if answer.missing else module.messages
        return messages[delivery.step].text.source if delivery.step < len(messages) else ""


def turns(page: Page, known: Words) -> list[Turn]:
    found: list[Turn] = []
    begun: set[int] = set()
    for place in page.places:
        if place.kind == DELIVERY:
            delivery = page.deliveries[place.id]
            answer = page.answers.get(delivery.answer_id or 0)
            first = answer is not None and answer.id not in begun
            begun.add(delivery.answer_id or 0)
            if delivery.body is None and not delivery.text and answer is not None and answer.state != EMPTIED:
                _count_wordless(found, place, delivery)
            else:
                found.append(_of_delivery(place, delivery, answer, known, answer if first else None))
        else:
            found.append(_of_event(place, page.events[place.id]))
    return found


def _count_wordless(found: list[Turn], place: Place, delivery: Delivery) -> None:
    """A question may be followed by many messages that nobody can word yet: one line tells of all of them."""
    if delivery.kind == EFFECTS:
        return
    last = found[-1] if found else None
    count = last.wordless + 1 if last and last.wordless and last.level == delivery.state else 1
    if count > 1:
        found.pop()
    said = {
        WAITING: t(f"답을 받으면 이어질 메시지 {count}건", f"{count} messages follow once there is a reply"),
        CANCELLED: t(
            f"문구가 정해지기 전에 취소된 메시지 {count}건", f"{count} messages cancelled before they had words"
        ),
    }.get(delivery.state, t(f"문구가 없는 메시지 {count}건", f"{count} messages without words"))
    found.append(Turn(place, f"d{delivery.id}", "between", None, said, level=delivery.state, wordless=count))


def fingerprint(page: Page) -> str:
    """Another one as soon as anything on the page would look different."""
    rows = []
    for place in page.places:
        one = page.deliveries[place.id] if place.kind == DELIVERY else page.events[place.id]
        rows.append((str(place), one.state, one.reason))
    return sha256(repr(rows).encode()).hexdigest()[:12]


# --- what came in ---


def _of_event(place: Place, event: Event) -> Turn:
    side = {"message": "customer", "manager_wrote": "manager"}.get(event.kind, "between")
    said = str((event.inbound or {}).get("text") or "")
    if side != "between" and not said:
        side = "between" if event.inbound else side
    level, words_of_state = _event_state(event)
    open_to = REPLAYABLE if event.inbound and may("editor") else ()
    return Turn(
        place=place,
        anchor=f"e{event.id}",
        side=side,
        at=event.received_at,
        text=str(personal(said)) if side != "between" else t(*KINDS.get(event.kind, (event.kind, event.kind))),
        gone=not event.inbound,
        level=level,
        said=words_of_state,
        event=event,
        actions=("replay",) if event.kind in open_to else (),
    )


def _event_state(event: Event) -> tuple[str, str]:
    reason = reasons.of_event(event.reason)
    if event.state == NEW:
        return "accent", t("답을 정하는 중이에요", "being decided") + (f" ({reason})" if reason else "")
    if event.state == FAILED:
        return "bad", t(f"답하지 못했어요: {reason}", f"failed: {reason}")
    if event.state == IGNORED and event.kind not in ("manager_wrote", "chat_closed"):
        return "", t(f"답하지 않았어요: {reason}", f"not answered: {reason}")
    return "", reason if event.state == ANSWERED else ""


# --- what went out ---


def _of_delivery(place: Place, one: Delivery, answer: Answer | None, known: Words, begins: Answer | None) -> Turn:
    level, said = _delivery_state(one)
    body = one.body or {}
    reads = may("editor")
    template = "" if reads else known.template(answer, one)
    text = bubbles.html(str(body.get("text") or one.text)) if reads else personal(one.text)
    emptied = answer is not None and answer.state == EMPTIED
    return Turn(
        place=place,
        anchor=f"d{one.id}",
        side="between" if one.kind == EFFECTS else "bot",
        at=one.sent_at or (one.due_at if one.state == WAITING else None),
        text=t("프로필과 태그를 고쳐요", "updates profile and tags") if one.kind == EFFECTS else text,
        template=template,
        gone=emptied or (one.body is None and not one.text and one.state == SENT),
        level=level,
        said=said,
        run=begins,
        delivery=one,
        buttons=tuple(button for button in body.get("buttons") or () if _is_shown(button)),
        image=str(body.get("image") or "") if reads else "",
        actions=_actions(one),
        why=answer is not None and one.kind != EFFECTS,
    )


def _is_shown(button: Mapping[str, str]) -> bool:
    """Pressed, it says something for its reader, or leads somewhere on the web."""
    return "say" in button or is_web_address(button.get("url", ""))


def _actions(one: Delivery) -> tuple[str, ...]:
    if not may("editor"):
        return ()
    if one.state == WAITING:
        return ("cancel",)
    return ("retry",) if one.state in (DEAD, CANCELLED) and one.body is not None else ()


def _delivery_state(one: Delivery) -> tuple[str, str]:
    reason = reasons.of_message(one.reason)
    if one.state == SENDING:
        return "accent", t("보내는 중이에요", "being sent")
    if one.state == CANCELLED:
        return "warn", t(f"취소됨: {reason}", f"cancelled: {reason}")
    if one.state == DEAD:
        return "bad", t(f"보내지 못했어요: {reason}", f"not sent: {reason}")
    if one.state == SENT:
        return "", reason
    return "accent", _waiting(one, reason)


def _waiting(one: Delivery, reason: str) -> str:
    if one.due_at is None:
        return t("앞 메시지 다음에 보내요", "follows the one before")
    due = when(one.due_at)
    if one.attempts and reason:
        return t(f"{due}에 다시 보내요: {reason}", f"tries again at {due}: {reason}")
    return t(f"{due}에 보내요", f"due at {due}")


def picture(address: str) -> tuple[str, bool]:
    """The image's address, and whether the page may show it: pages load nothing from elsewhere."""
    ours = settings().base_url + url_for("static", filename="")
    if address.startswith(ours):
        return address.removeprefix(settings().base_url), True
    return address if is_web_address(address) else "", False
