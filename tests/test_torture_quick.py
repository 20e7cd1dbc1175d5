"""A few short runs of the torture bench, and whether its judge condemns what it should."""

import pytest

from tests.torture import plan as plans
from tests.torture.ground import Ground
from tests.torture.run import run
from tests.torture.trust import caught_in

# They break Redis and slow the platform; take the database, and the customer out of webhooks; send SIGTERM.
SEEDS = {"sqlite": (32,), "postgresql": (17,)}


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_lost_or_doubled_when_parts_break(database: str) -> None:
    ground, earlier = Ground(database), dict[str, int]()
    try:
        ground.open()
        last = [plans.peaceful(0, database)]
        for plan in [plans.make(seed, database, disk=False) for seed in SEEDS[database]] + last:
            verdict = run(ground, plan, earlier).verdict
            assert verdict.messages
            assert not verdict.broken, f"{plan}\n{verdict.notes}"
    finally:
        ground.close()


@pytest.mark.slow
@pytest.mark.parametrize("safety", ["dedupe", "read_back"])
def test_the_judge_sees_when_a_safety_is_missing(safety: str) -> None:
    _, notes = caught_in(safety, "sqlite", seed=1)
    assert notes


def test_a_plan_follows_from_its_seed() -> None:
    for database in SEEDS:
        made = {str(plans.make(7, database)) for _ in range(3)}
        assert made == {str(plans.make(7, database))}
        assert made != {str(plans.make(8, database))}
