"""Lost, doubled, out of order, too early, too late after a manager: told from the sandbox's record alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.torture.plan import Customer
from tests.torture.shapes import EFFECTS, Line

EARLY_MS = 20  # of a wait, for clocks that are read at two ends
Record = Mapping[str, Any]
Span = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """One customer's chat and who it belongs to."""

    customer: Customer
    chat: str
    user: str


@dataclass
class Verdict:
    messages: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    early: int = 0
    overrun: int = 0  # chats in which more than the message in flight followed a manager
    strange: int = 0  # messages that nobody expected
    unheard: int = 0  # webhooks that were never acknowledged: the platform gave up, so nothing was promised
    stall: float = 0.0  # seconds beyond the wait that the most patient customer had to wait for a message
    notes: list[str] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        return bool(self.lost or self.doubled or self.disordered or self.early or self.overrun or self.strange)


class Judge:
    """`offsets`: when the product's clock was moved, and by how much it was off from then on; waits are kept
    by that clock. `deaf`: while the database is away, what is acknowledged waits in the spool and stops none
    yet."""

    def __init__(self, record: Record, offsets: Sequence[tuple[float, float]], deaf: Sequence[Span] = ()) -> None:
        self.record, self.offsets, self.deaf = record, offsets, deaf
        self.verdict = Verdict()

    def judge(self, cases: Sequence[Case], earlier: Mapping[str, int] | None = None) -> Verdict:
        """`earlier`: chats of runs that are over, with their seeds: nothing may come there any more."""
        for case in cases:
            self._judge_chat(case)
        for chat, seed in (earlier or {}).items():
            late = self._bot_messages(chat)
            if late:
                self.verdict.doubled += len(late)
                self._note(f"{chat} of seed {seed} was told again: {[one['plainText'] for one in late]}")
        self.verdict.stall = round(self.verdict.stall, 2)
        return self.verdict

    def _note(self, words: str) -> None:
        self.verdict.notes.append(words)

    def _bot_messages(self, chat: str) -> list[dict[str, Any]]:
        found = self.record["chats"].get(chat, {}).get("messages", [])
        return [one for one in found if one["personType"] == "bot" and "log" not in one]

    def _heard(self, chat: str, kind: str, message: str = "") -> int | None:
        """When the webhook was answered with 200, in ms; None when it never was."""
        for hook in self.record["webhooks"]:
            same = hook["chat"] == chat and hook["kind"] == kind and (not message or hook["message"] == message)
            if same and hook["status"] == 200:
                return int(hook["at"])
        return None

    def _judge_chat(self, case: Case) -> None:
        expected = case.customer.shape.expected(case.customer.name)
        came = self._bot_messages(case.chat)
        texts = [one["plainText"] for one in came]
        known = [line.text for line in expected]
        self.verdict.messages += len(came)
        doubled = len(texts) - len(set(texts))
        strange = [text for text in texts if text not in known]
        first = list(dict.fromkeys(text for text in texts if text in known))
        lost = self._lost(case, known, first)
        disordered = first != sorted(first, key=known.index)
        self.verdict.lost += len(lost)
        self.verdict.doubled += doubled
        self.verdict.strange += len(strange)
        self.verdict.disordered += disordered
        if doubled or strange or lost or disordered:
            self._note(f"{case.customer.name} ({case.customer.shape.name}, {case.chat}): told {texts}, lost {lost}")
        self._judge_times(case, expected, came)
        self._judge_ending(case, came)
        if case.customer.shape.effects:
            self._judge_effects(case, came)

    def _lost(self, case: Case, known: list[str], first: list[str]) -> list[str]:
        shape = case.customer.shape
        if self._heard(case.chat, "opened") is None:
            self.verdict.unheard += 1
            return []  # nothing was acknowledged; what came all the same is judged for the rest
        if shape.ends:
            return [text for text in known[: len(first)] if text not in first]  # a gap, not a cut
        wanted = known
        if shape.act in ("reply", "keyword") and not self._act_heard(case):
            self.verdict.unheard += 1
            wanted = known[: shape.question + 1] if shape.act == "reply" else known[: shape.first_of_second]
        return [text for text in wanted if text not in first]

    def _act_heard(self, case: Case) -> int | None:
        """When what the customer or the manager did in the chat was acknowledged."""
        for message in self.record["chats"][case.chat]["messages"]:
            done = message.get("log", {}).get("action", "") == "close" or "log" not in message
            if message["personType"] in ("user", "manager") and done:
                return self._heard(case.chat, "message", message["id"])
        return None

    def _judge_times(self, case: Case, expected: list[Line], came: list[dict[str, Any]]) -> None:
        at = {one["plainText"]: int(one["at"]) for one in reversed(came)}  # the first of each
        shape = case.customer.shape
        opened = self.record["chats"][case.chat].get("openedAt")
        before = int(opened) if opened else None
        for place, line in enumerate(expected):
            arrived = at.get(line.text)
            if arrived is None:
                break
            since = before
            if place in (shape.question + 1, shape.first_of_second) and shape.act in ("reply", "keyword"):
                # What the customer did starts the pause anew.
                spoken = self._spoken_at(case)
                since = max(filter(None, (before, spoken)), default=None)
            if since is not None:
                self._judge_pause(case, place, line, since, arrived)
            before = arrived

    def _spoken_at(self, case: Case) -> int | None:
        found = [one["at"] for one in self.record["chats"][case.chat]["messages"] if one["personType"] == "user"]
        return int(found[0]) if found else None

    def _judge_pause(self, case: Case, place: int, line: Line, since: int, arrived: int) -> None:
        # What was claimed before the clock went back may arrive after it: then the real gap tells.
        gap = arrived - since + max(self._moved(since, arrived, generous=True), 0.0)
        if place and gap < line.wait * 1000 - EARLY_MS:
            self.verdict.early += 1
            self._note(f"{case.customer.name} ({case.chat}): '{line.text}' after {gap:.0f} ms, not {line.wait:g} s")
        # A clock that jumps forward makes a message late at once: nobody waited longer than it really took.
        late = arrived - since + self._moved(since, arrived, generous=False) - line.wait * 1000
        late = min(late, arrived - since) / 1000
        self.verdict.stall = max(self.verdict.stall, late)

    def _moved(self, since: int, until: int, generous: bool) -> float:
        """By how many ms the product's clock was moved between the two; near a jump, whichever is kinder."""
        slack = 0.25 if generous else 0.0

        def offsets(at: float) -> list[float]:
            near = [offset for moment, offset in self.offsets if at - slack < moment <= at + slack]
            return near + [[offset for moment, offset in self.offsets if moment <= at - slack or not moment][-1]]

        then, now = offsets(since / 1000), offsets(until / 1000)
        return (max(now) - min(then) if generous else now[-1] - then[-1]) * 1000

    def _judge_ending(self, case: Case, came: list[dict[str, Any]]) -> None:
        if not case.customer.shape.ends:
            return
        heard = self._act_heard(case)
        if heard is None:
            return
        for began, ended in self.deaf:
            if began * 1000 <= heard <= ended * 1000:
                heard = int(ended * 1000)
        after = [one["plainText"] for one in came if one["at"] > heard]
        if len(after) > 1:
            self.verdict.overrun += 1
            self._note(f"{case.customer.name} ({case.chat}): told {after} after a person had taken over")

    def _judge_effects(self, case: Case, came: list[dict[str, Any]]) -> None:
        shown = self.record["chats"].get(case.chat, {})
        profile, tags = shown.get("profile", {}), shown.get("tags", [])
        if self._heard(case.chat, "opened") is None:
            return
        done = EFFECTS["profile"].items() <= profile.items() and set(EFFECTS["tags"]) <= set(tags)  # type: ignore[attr-defined]
        if not done:
            self.verdict.lost += 1
            self._note(f"{case.customer.name} ({case.chat}): the effects are missing: {profile}, {tags}")
        patches = [
            request["at"]
            for request in self.record["requests"]
            if request["method"] == "PATCH" and request["path"].endswith(f"/users/{case.user}")
        ]
        if patches and came and min(patches) < max(one["at"] for one in came):
            self.verdict.disordered += 1
            self._note(f"{case.customer.name} ({case.chat}): the effects came before the last message")
