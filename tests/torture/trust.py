"""Is the judge to be trusted? Each safety is taken out, and a run that needs it must be condemned.

First the same runs on the whole product must pass, else the judge might condemn anything."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.torture import plan as plans
from tests.torture import shapes
from tests.torture.ground import Ground
from tests.torture.plan import POSTS, Injection, Plan, Rule, Trigger
from tests.torture.run import run
from tests.torture.shapes import Shape

MOST_RUNS = 5
Suited = Callable[[int, str], Plan]
UNIQUE = ("DROP INDEX ux_answers_event_module", "DROP INDEX ux_deliveries_step")


@dataclass(frozen=True)
class Sabotage:
    what: str
    suited: Suited
    sql: Sequence[str] = ()


def _suited(
    kinds: Sequence[Shape],
    injections: Sequence[Injection] = (),
    rules: Sequence[Rule] = (),
    count: int = 6,
    within: float = 0.5,
) -> Suited:
    def made(seed: int, database: str) -> Plan:
        dice = random.Random(f"sabotage {seed}")
        many = plans.guests(dice, count, tuple(kinds), within)
        return Plan(seed, database, many, tuple(injections), tuple(rules))

    return made


_WITHOUT_REDIS = (Injection("redis_lose", Trigger("time", 0), back=2.5),)
_FROZEN_DECIDER = (Injection("freeze_worker", Trigger("rows", 1, "claimed events"), "decider", 9.5),)
# It was to read the chat back; the answer comes just after it thaws, so that its next step is to send.
_FROZEN_BEFORE_SENDING = (Injection("freeze_sender", Trigger("request", 1, "trickle"), "sender", 9.0),)
_LOST_CALL = {"do": "drop_before", "match": {**POSTS, "count": 1}}
_SLOW_LOOK = {"do": "trickle", "seconds": 11.0, "match": {"method": "GET", "count": 1}}
_SLOW_LOOKS = {"do": "slow", "seconds": 2.0, "match": {"method": "GET"}}

SABOTAGES = {
    "dedupe": Sabotage(
        "the same event delivered again is a new event",
        _suited((shapes.TEN,), rules=[{"do": "concurrent", "match": {"webhook": "opened"}}]),
    ),
    "lease": Sabotage(
        "nobody's lease holds, whatever he is sending",
        _suited((shapes.TEN,), rules=[{"do": "slow", "seconds": 0.7, "match": {**POSTS, "every": 5}}], count=4),
    ),
    "read_back": Sabotage(
        "after an unclear send nobody looks whether the message arrived",
        _suited((shapes.TEN,), rules=[{"do": "drop_after", "match": {**POSTS, "from": 3, "count": 3}}]),
    ),
    "ordering": Sabotage(
        "a message need not be the first in its chat's line",
        _suited((shapes.TWO,), rules=[{"do": "500", "match": {**POSTS, "from": 8, "count": 6}}]),
    ),
    "sweep": Sabotage(
        "nobody looks for rows by himself: a lost ring stays lost",
        _suited((shapes.TEN,), _WITHOUT_REDIS, within=0.2),
    ),
    "decided_once": Sabotage(
        "an event that another worker decided meanwhile is decided again",
        _suited(
            (shapes.TEN,),
            _FROZEN_DECIDER,
            [
                {"do": "missing_refers", "match": {"webhook": "opened"}},
                _SLOW_LOOKS,
            ],
            count=4,
        ),
        UNIQUE,
    ),
    "manager": Sabotage("a manager who writes ends nothing", _suited((shapes.YIELDS, shapes.CLOSED))),
    "trust": Sabotage(
        "a worker frozen past its lease calls all the same",
        _suited((shapes.TEN,), _FROZEN_BEFORE_SENDING, [_LOST_CALL, _SLOW_LOOK], count=3),
    ),
    "spool": Sabotage(
        "what the database cannot take is acknowledged and thrown away",
        _suited((shapes.TEN,), (Injection("db_lock", Trigger("time", 0), seconds=4.5),), within=1.0),
    ),
    "waits": Sabotage("the next message follows at once", _suited((shapes.WAITS,), count=3)),
}


def passes_whole(names: Sequence[str], database: str, seed: int) -> list[str]:
    """What the judge holds against the whole product in the runs that suit these sabotages."""
    ground, earlier = Ground(database), dict[str, int]()
    try:
        ground.open()
        for name in names:
            notes = _condemned(ground, SABOTAGES[name].suited(seed, database), earlier)
            if notes:
                return [name, *notes]
        return []
    finally:
        ground.close()


def caught_in(name: str, database: str, seed: int, most: int = MOST_RUNS) -> tuple[int, list[str]]:
    """In which run the judge saw it and what it saw; no notes when it never did."""
    found = SABOTAGES[name]
    ground, earlier = Ground(database, name, found.sql), dict[str, int]()
    try:
        ground.open()
        for number in range(1, most + 1):
            notes = _condemned(ground, found.suited(seed + number - 1, database), earlier)
            if notes:
                return number, notes
        return most, []
    finally:
        ground.close()


def _condemned(ground: Ground, plan: Plan, earlier: dict[str, int]) -> list[str]:
    """What was wrong in the run, or came too late for its judge and was seen in a peaceful one behind it."""
    for each in (plan, plans.peaceful(plan.seed, plan.database)):
        verdict = run(ground, each, earlier).verdict
        if verdict.broken:
            return verdict.notes
    return []
