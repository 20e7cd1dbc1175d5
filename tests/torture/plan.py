"""One run's plan: who comes, what is broken and when. All of it follows from the seed."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.torture import shapes
from tests.torture.shapes import Shape

Rule = dict[str, Any]
SQLITE, POSTGRESQL = "sqlite", "postgresql"
POSTS = {"method": "POST", "path": "/open/v5/user-chats/*/messages"}
OPENING_SECONDS = 1.6
LONG_GUESTS = 2


@dataclass(frozen=True)
class Trigger:
    """`time`: seconds after the start. `request`: the count-th message posted to the sandbox, or the count-th
    call that met the fault `name`. `rows`: as soon as so many of the run's rows are in that state
    (`database.STATES`)."""

    kind: str
    at: float
    name: str = ""
    patience: float = 6.0  # seconds; what has not come by then is not waited for

    def __str__(self) -> str:
        if self.kind == "time":
            return f"at {self.at:.2f} s"
        if self.kind == "request":
            return f"at message {self.at:g}" if not self.name else f"in the {self.at:g}. {self.name}"
        return f"at {self.at:g} {self.name}"


@dataclass(frozen=True)
class Injection:
    do: str
    when: Trigger
    target: str = ""
    seconds: float = 0.0  # how long it lasts
    back: float = 0.0  # seconds until what was killed is started again

    def __str__(self) -> str:
        words = self.do.replace("_", " ")
        words += f" {self.target}" if self.target and self.target not in words else ""
        words += f" {self.seconds:g} s" if self.seconds else ""
        words += f", back after {self.back:g} s" if self.back else ""
        return f"{words} ({self.when})"


@dataclass(frozen=True)
class Customer:
    number: int
    shape: Shape
    opens_at: float
    acts_after: int  # messages seen before somebody acts

    @property
    def name(self) -> str:
        return f"손님{self.number}"


@dataclass(frozen=True)
class Plan:
    seed: int
    database: str
    customers: tuple[Customer, ...]
    injections: tuple[Injection, ...] = ()
    rules: tuple[Rule, ...] = field(default=())

    def injected(self) -> str:
        parts = [str(one) for one in self.injections] + [_rule_words(rule) for rule in self.rules]
        return "; ".join(parts) or "nothing"

    def kinds(self) -> list[str]:
        """What the table counts recovery by."""
        platform = [f"platform: {rule['do']}" for rule in self.rules if "webhook" not in rule["match"]]
        hooks = [f"hooks: {rule['do']}" for rule in self.rules if "webhook" in rule["match"]]
        return sorted({one.do for one in self.injections} | set(platform) | set(hooks))

    def guests(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in Counter(c.shape.name for c in self.customers).items())

    def __str__(self) -> str:
        lines = [f"seed {self.seed} on {self.database}", "injected: " + self.injected()]
        lines += [
            f"{one.name}: {one.shape.name}, opens at {one.opens_at:.2f} s"
            + (f", {one.shape.act} after {one.acts_after}" if one.shape.act else "")
            for one in self.customers
        ]
        return "\n  ".join(lines)


def _rule_words(rule: Rule) -> str:
    match = rule["match"]
    times = f" x{match['count']}" if "count" in match else ""
    often = f" {match['probability']:.0%}" if "probability" in match else ""
    seconds = f" {rule['seconds']:g} s" if "seconds" in rule else ""
    where = "hook " if "webhook" in match else "GET " if match.get("method") == "GET" else ""
    stored = " stored" if rule.get("stored") and rule["do"] == "500" else ""
    return f"{where}{rule['do']}{stored}{seconds}{times}{often} from {match.get('from', 1)}"


def guests(
    dice: random.Random, count: int, kinds: tuple[Shape, ...], within: float = OPENING_SECONDS
) -> tuple[Customer, ...]:
    found = []
    for number in range(1, count + 1):
        shape = dice.choice(kinds)
        acts_after = 2 if shape.act == "reply" else dice.randint(1, 4)
        found.append(Customer(number, shape, round(dice.uniform(0, within), 2), acts_after))
    return tuple(found)


def peaceful(seed: int, database: str, disk: bool = True) -> Plan:
    """Nothing is broken."""
    return Plan(seed, database, guests(random.Random(f"peace {seed}"), 3, (shapes.WAITS, shapes.TEN)))


def make(seed: int, database: str, disk: bool = True) -> Plan:
    """`disk`: a small disk for the spool could be mounted, so it can be filled."""
    dice = random.Random(f"torture {seed}")
    kinds = {name: kind for name, kind in KINDS.items() if database in kind.databases and (disk or name != "disk_full")}
    wanted = dice.choices((1, 2, 3), (3, 4, 3))[0]
    chosen: list[str] = []
    while len(chosen) < wanted:
        name = dice.choices(list(kinds), [kind.weight for kind in kinds.values()])[0]
        # Two of a family would mostly undo each other; the platform and its webhooks may fail in two ways.
        families = [kinds[one].family for one in chosen]
        if name not in chosen and (kinds[name].family not in families or kinds[name].family in ("platform", "hooks")):
            chosen.append(name)
    injections: list[Injection] = []
    rules: list[Rule] = []
    for name in chosen:
        made = kinds[name].make(dice, name)
        injections += [one for one in made if isinstance(one, Injection)]
        rules += [one for one in made if isinstance(one, dict)]
    many = guests(dice, dice.randint(6, 16), shapes.EVERYDAY)
    if "jump_forward" in chosen:
        many += tuple(
            Customer(len(many) + n, shapes.LONG, round(dice.uniform(0, 0.4), 2), 1) for n in range(1, LONG_GUESTS + 1)
        )
    return Plan(seed, database, many, tuple(injections), tuple(rules))


# --- what can be broken ---

Made = list[Injection | Rule]


@dataclass(frozen=True)
class Kind:
    family: str
    weight: int
    make: Callable[[random.Random, str], Made]
    databases: tuple[str, ...] = (SQLITE, POSTGRESQL)


def _when(dice: random.Random) -> Trigger:
    kind = dice.choices(("time", "request", "rows"), (3, 4, 3))[0]
    if kind == "time":
        return Trigger("time", round(dice.uniform(0.05, 2.5), 2))
    if kind == "request":
        return Trigger("request", dice.randint(1, 25))
    state = dice.choice(("new events", "claimed events", "messages being sent", "messages sent", "questions asked"))
    return Trigger("rows", 1 if state == "questions asked" else dice.randint(1, 3), state)


def _plain(low: float = 0.0, high: float = 0.0, back: tuple[float, float] | None = None, target: str = "") -> Any:
    def made(dice: random.Random, name: str) -> Made:
        seconds = round(dice.uniform(low, high), 2) if high else 0.0
        late = round(dice.uniform(*back), 2) if back else 0.0
        return [Injection(name, _when(dice), target, seconds, late)]

    return made


def _worker(back: tuple[float, float] | None = None, low: float = 0.0, high: float = 0.0) -> Any:
    def made(dice: random.Random, name: str) -> Made:
        target = dice.choice(("worker 1", "worker 2"))
        made = _plain(low, high, back, target)(dice, name)
        return list(made)

    return made


def _sender(low: float = 0.0, high: float = 0.0) -> Any:
    """The process that holds a message: when it surely does, or while the platform answers slowly."""

    def made(dice: random.Random, name: str) -> Made:
        seconds = round(dice.uniform(low, high), 1) if high else 0.0
        back = 0.0 if high else round(dice.uniform(0, 2), 1)
        if dice.random() < 0.4:
            return [
                Injection(name, Trigger("rows", dice.randint(1, 3), "messages being sent"), "sender", seconds, back)
            ]
        first, fault = dice.randint(1, 15), dice.choice(("trickle", "timeout_after", "slow"))
        rule = {"do": fault, "seconds": 1.5, "match": {**POSTS, "from": first, "count": 1}}
        at = Trigger("request", 1, fault) if fault != "slow" else Trigger("rows", 1, "messages being sent")
        return [rule, Injection(name, at, "sender", seconds, back)]

    return made


def _platform(dice: random.Random, name: str) -> Made:
    do = dice.choice(
        (
            "429",
            "500",
            "drop_before",
            "drop_after",
            "reset",
            "half",
            "html",
            "empty",
            "slow",
            "trickle",
            "timeout_after",
        )
    )
    rule: Rule = {"do": do, "match": {**POSTS, "from": dice.randint(1, 15)}}
    if do == "429":
        rule["seconds"], rule["match"]["count"] = 1, dice.randint(1, 2)
    elif do in ("slow", "trickle"):
        rule["seconds"] = dice.choice((0.3, 1.5))
        rule["match"] |= {"probability": 0.3, "seed": dice.randint(1, 99)}
    elif do == "timeout_after":  # we hang up after 10 s, so mostly the platform does it sooner
        rule["seconds"], rule["match"]["count"] = dice.choices((2.0, 12.0), (4, 1))[0], dice.randint(1, 2)
    else:
        rule["match"] |= {"count": dice.randint(1, 6), "every": dice.randint(1, 3)}
    if do in ("500", "reset") and dice.random() < 0.5:
        rule["stored"] = True
    found: Made = [rule]
    if dice.random() < 0.4:  # reading back fails as well
        reading = dice.choice(("500", "drop_before", "empty", "half", "html"))
        found.append({"do": reading, "match": {"method": "GET", "from": 1, "count": dice.randint(1, 3)}})
    return found


def _hooks(dice: random.Random, name: str) -> Made:
    do = dice.choice(("double", "concurrent", "reorder", "delay", "missing_refers", "capitalise"))
    match: Rule = {"webhook": dice.choice(("*", "opened", "message")), "from": dice.randint(1, 6)}
    match |= {"probability": dice.choice((0.3, 1.0)), "seed": dice.randint(1, 99)}
    rule: Rule = {"do": do, "match": match}
    if do in ("reorder", "delay"):
        rule["seconds"] = dice.choice((0.2, 1.0))
        match["count"] = dice.randint(1, 10)  # bots' messages have webhooks too: without an end a chat would crawl
    return [rule]


def _jump_forward(dice: random.Random, name: str) -> Made:
    """Past the pause of those who have a long one. Stays: later runs begin at the moved time."""
    seconds = dice.choice((100, 700, 3600))
    return [Injection(name, Trigger("rows", LONG_GUESTS, "long pauses begun", 60.0), seconds=seconds)]


KINDS: dict[str, Kind] = {
    "kill_worker": Kind("worker", 14, _worker((0.0, 2.0))),
    "kill_sender": Kind("worker", 8, _sender()),
    "kill_workers": Kind("worker", 4, _plain(back=(0.0, 2.0))),
    "term_worker": Kind("worker", 10, _worker((0.0, 1.0))),
    "freeze_worker": Kind("worker", 8, _worker(low=0.3, high=4.0)),
    "freeze_sender": Kind("worker", 5, _sender(8.2, 10.5)),
    "kill_everything": Kind("all", 4, _plain(back=(0.0, 1.5))),
    "kill_web": Kind("web", 8, _plain(back=(0.0, 1.5))),
    "kill_web_child": Kind("web", 8, _plain()),
    "freeze_web_child": Kind("web", 5, _plain(0.3, 3.0)),
    "term_web": Kind("web", 4, _plain(back=(0.0, 1.0))),
    "kill_clock": Kind("clock", 4, _plain(back=(0.0, 3.0))),
    "freeze_clock": Kind("clock", 3, _plain(0.5, 4.0)),
    "redis_kill": Kind("redis", 6, _plain(back=(0.0, 3.0))),
    "redis_lose": Kind("redis", 6, _plain(back=(0.0, 3.0))),
    "redis_flush": Kind("redis", 6, _plain()),
    "redis_freeze": Kind("redis", 6, _plain(0.5, 5.0)),
    "db_lock": Kind("database", 10, _plain(1.0, 6.0)),
    "db_stop": Kind("database", 8, _plain(0.2, 4.0), (POSTGRESQL,)),
    "db_crash": Kind("database", 6, _plain(0.2, 3.0), (POSTGRESQL,)),
    "db_terminate": Kind("database", 8, _plain(), (POSTGRESQL,)),
    "disk_full": Kind("database", 4, _plain(1.0, 2.5)),
    "jump_forward": Kind("time", 5, _jump_forward),
    "jump_back": Kind("time", 3, _plain(1.0, 4.0)),
    "third_worker": Kind("more", 4, _plain(1.0, 4.0)),
    "three_clocks": Kind("more", 3, _plain(1.0, 4.0)),
    "platform": Kind("platform", 25, _platform),
    "hooks": Kind("hooks", 20, _hooks),
}
