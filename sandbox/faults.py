"""The fault dial: which API call and which webhook get which fault.

    {"do": "drop_after", "seconds": s, "match": {"channel", "method", "path", "chat", "from", "count", "every", …}}

An API call gets the first rule that hits; a webhook gets all that hit. A rule hits when it matches and its
turn has come: from the `from`-th matching call on, at most `count` times, every `every`-th, with probability
`probability` out of a generator seeded with `seed` (so that a run can be repeated exactly). `path` may hold
`*`. Webhook faults match on `webhook` (opened, message, user; Webex: messages, attachmentActions, memberships),
`chat` and `person` (user, manager, bot). A rule without `channel` is about ChannelTalk.
`by` says who set the rule and is kept. `stored` says whether a call that goes wrong has its effect all the
same; each fault has its own default.
"""

import random
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Json = dict[str, Any]

DEFAULT_CHANNEL = "channeltalk"

# What is done to an API call, and whether the call has its effect (a message is stored) before it goes wrong.
CALL_FAULTS = {
    "429": False,
    "404": False,  # Webex: as when a message is not readable yet
    "500": False,
    "slow": True,  # waits `seconds`, then works and answers as usual
    "drop_before": False,
    "drop_after": True,
    "timeout_after": True,  # hangs for `seconds` after the work, then closes
    "html": False,  # a gateway's page instead of JSON; `status` 502 unless given
    "half": True,
    "empty": True,  # 200 without a body
    "trickle": True,  # the answer in small pieces over `seconds`
    "reset": False,  # a TCP reset
}
CALL_SECONDS = {"429": 2.0, "slow": 3.0, "timeout_after": 60.0, "trickle": 10.0}

WEBHOOK_FAULTS = {
    "double": "sent twice, one after the other",
    "concurrent": "sent twice at the same time",
    "reorder": "sent after the next one of its chat, or after `seconds` when none follows",
    "drop": "never sent",
    "delay": "sent `seconds` later",
    "capitalise": "type written Message, UserChat",
    "missing_refers": "without refers",
    "strings": "numbers of the profile as text",
    "workflow": "source.workflow in place of source.supportBot",
    "bad_signature": "signed with another secret",
    "missing_signature": "not signed",
    "pretty": "JSON in many lines, signed as it is sent",
    "non_ascii": "with letters beyond ASCII, signed as it is sent",
}
WEBHOOK_SECONDS = {"reorder": 1.0, "delay": 2.0}


class WrongRule(Exception):
    """The rule cannot be understood; says which and why."""


@dataclass(slots=True)
class Rule:
    do: str
    match: Json
    webhook: bool
    seconds: float
    stored: bool
    status: int
    dice: random.Random
    seen: int = 0
    hits: int = 0
    source: Json = field(default_factory=dict)

    def hit(self) -> bool:
        """Called once for each matching call; True when it is this one's turn."""
        self.seen += 1
        first, every = int(self.match.get("from", 1)), int(self.match.get("every", 1))
        if self.seen < first or (self.seen - first) % every:
            return False
        if "count" in self.match and self.hits >= int(self.match["count"]):
            return False
        if self.dice.random() >= float(self.match.get("probability", 1.0)):
            return False
        self.hits += 1
        return True


class Faults:
    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def set(self, rules: object) -> None:
        if not isinstance(rules, list):
            raise WrongRule('"rules" must be a list')
        self.rules = [_rule(rule, f"rules[{index}]") for index, rule in enumerate(rules)]

    def shown(self) -> list[Json]:
        return [{**rule.source, "seen": rule.seen, "hits": rule.hits} for rule in self.rules]

    def for_call(self, method: str, path: str, chat: str, channel: str = DEFAULT_CHANNEL) -> Rule | None:
        facts = {"channel": channel, "method": method, "path": path, "chat": chat}
        found = None
        for rule in self.rules:
            if rule.webhook or not _matches(rule.match, facts):
                continue
            if found is None and rule.hit():
                found = rule
        return found

    def for_webhook(self, kind: str, chat: str, person: str, channel: str = DEFAULT_CHANNEL) -> list[Rule]:
        facts = {"channel": channel, "webhook": kind, "chat": chat, "person": person}
        return [rule for rule in self.rules if rule.webhook and _matches(rule.match, facts) and rule.hit()]


def _matches(match: Json, facts: dict[str, str]) -> bool:
    wanted = {"channel": DEFAULT_CHANNEL} | match
    return all(fnmatchcase(value, wanted[name]) for name, value in facts.items() if name in wanted)


_TEXTS = {"channel", "method", "path", "chat", "webhook", "person"}
_COUNTS = {"from", "count", "every", "seed"}


def _rule(given: object, where: str) -> Rule:
    if not isinstance(given, dict) or not isinstance(given.get("match", {}), dict):
        raise WrongRule(f'{where} must be an object with "do" and "match"')
    unknown = given.keys() - {"do", "match", "seconds", "status", "stored", "by"}
    if unknown:
        raise WrongRule(f"{where}.{min(unknown)} is unknown")
    do, match = given.get("do"), given.get("match", {})
    webhook = do in WEBHOOK_FAULTS
    if not webhook and do not in CALL_FAULTS:
        raise WrongRule(f"{where}.do: {do!r} is none of {', '.join([*CALL_FAULTS, *WEBHOOK_FAULTS])}")
    for name, value in match.items():
        _check_match(name, value, f"{where}.match.{name}")
    defaults = WEBHOOK_SECONDS if webhook else CALL_SECONDS
    seconds = given.get("seconds", defaults.get(str(do), 0.0))
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 600:
        raise WrongRule(f"{where}.seconds must be a number from 0 to 600")
    status = given.get("status", 502)
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise WrongRule(f"{where}.status must be a whole number from 200 to 599")
    stored = given.get("stored", CALL_FAULTS.get(str(do), True))
    if not isinstance(stored, bool):
        raise WrongRule(f"{where}.stored must be true or false")
    seeded = random.Random(int(match.get("seed", 1)))
    return Rule(str(do), match, webhook, float(seconds), stored, status, seeded, source=given)


def _check_match(name: str, value: object, where: str) -> None:
    if name in _TEXTS:
        if not isinstance(value, str):
            raise WrongRule(f"{where} must be a text")
    elif name in _COUNTS:
        if isinstance(value, bool) or not isinstance(value, int) or value < (0 if name in ("seed", "count") else 1):
            raise WrongRule(f"{where} must be a whole number")
    elif name == "probability":
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise WrongRule(f"{where} must be a number from 0 to 1")
    else:
        raise WrongRule(f"{where} is unknown; there are {', '.join(sorted(_TEXTS | _COUNTS | {'probability'}))}")
