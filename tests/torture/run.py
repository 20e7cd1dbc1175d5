"""One run from the first customer to the verdict."""

import time
from dataclasses import dataclass

from tests.torture import injections, scene
from tests.torture.ground import Ground
from tests.torture.injections import Done
from tests.torture.judge import Case, Judge, Span, Verdict
from tests.torture.plan import Plan

LOOK_SECONDS = 0.05
DEADLINE_SECONDS = 60.0  # after the last injection is over and the last customer has come
SPOOL_SECONDS = 1.5  # until what was spooled is in the database again
DATABASE_FAULTS = ("db_lock", "db_stop", "db_crash", "db_terminate", "disk_full")


@dataclass(frozen=True)
class Result:
    plan: Plan
    verdict: Verdict
    took: float
    hit: tuple[str, ...]

    def line(self, number: int) -> str:
        found = self.verdict
        counts = f"lost {found.lost} doubled {found.doubled} disordered {found.disordered} early {found.early}"
        more = f" overrun {found.overrun}" if found.overrun else ""
        more += f" strange {found.strange}" if found.strange else ""
        more += f" unheard {found.unheard}" if found.unheard else ""
        people = f"{len(self.plan.customers)} customers {found.messages} messages"
        return (
            f"run {number:>3} seed {self.plan.seed} {self.plan.database:<10} {people}, recovered in"
            f" {found.stall:.1f} s, took {self.took:.1f} s: {counts}{more} | {self.plan.injected()}"
        )


def run(ground: Ground, plan: Plan, earlier: dict[str, int]) -> Result:
    """Plays the plan and judges it. `earlier`: the chats of the runs before, with their seeds."""
    began = time.monotonic()
    stage = scene.prepare(ground, plan, ground.calm)
    doing = injections.launch(stage)
    try:
        _play(stage, doing)
    finally:
        stage.over.set()
        injections.settle(doing)
        ground.house.faults()
    # From the last run's record on: what came between the two came too late for that one's judge.
    record = ground.house.control(f"record?since={ground.judged or stage.since}")
    ground.judged = record["n"]
    judge = Judge(record, ground.offsets, _deaf(doing))
    cases = [Case(guest.customer, guest.chat, guest.user) for guest in stage.guests]
    verdict = judge.judge(cases, earlier)
    earlier |= {guest.chat: plan.seed for guest in stage.guests}
    return Result(plan, verdict, time.monotonic() - began, tuple(one.hit for one in doing))


def _play(stage: scene.Scene, doing: list[Done]) -> None:
    """Until everybody was told everything and nothing is broken or waiting, or the deadline has passed."""
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        stage.look(LOOK_SECONDS)
        stage.play()
        if not injections.all_over(doing):
            continue
        if deadline is None and all(guest.opened for guest in stage.guests):
            deadline = time.monotonic() + DEADLINE_SECONDS
        if stage.all_told() and stage.ground.quiet():
            return


def _deaf(doing: list[Done]) -> list[Span]:
    faults = [one for one in doing if one.injection.do in DATABASE_FAULTS]
    return [(one.began, one.ended + SPOOL_SECONDS) for one in faults]
