"""`make torture`: runs by seed on one house per database; exit 1 when anything was lost or doubled.

A run's whole plan follows from its seed: `--seed S --runs 1` repeats one. With `--database both` two houses
are tortured at the same time, PostgreSQL's a third as often. `--sabotage NAME|all` takes safeties out of the
product, and demands that the judge sees it.
"""

import argparse
import json
import sys
import threading
import time
from pathlib import Path

from tests.torture import plan as plans
from tests.torture.ground import Ground
from tests.torture.report import table
from tests.torture.run import Result, run
from tests.torture.trust import SABOTAGES, caught_in, passes_whole

_printing = threading.Lock()


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--sabotage", choices=(*SABOTAGES, "all"))
    asked = parser.parse_args()
    if asked.sabotage:
        return sabotage(asked.sabotage, "sqlite" if asked.database == "both" else asked.database, asked.seed)
    shares = {"sqlite": asked.runs, "postgresql": asked.runs}
    if asked.database == "both":
        shares["postgresql"] = -(-asked.runs // 3)
    else:
        shares = {asked.database: asked.runs}
    return torture(shares, asked.seed)


def torture(shares: dict[str, int], seed: int) -> int:
    results: list[Result] = []
    failures: list[BaseException] = []

    def work(database: str, count: int) -> None:
        try:
            series(database, seed, count, results)
        except BaseException as error:  # told by the main thread
            failures.append(error)

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=share) for share in shares.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(table(results))
    say(f"\nseed {seed}, {len(results)} runs in {(time.monotonic() - began) / 60:.1f} min")
    for error in failures:
        say(f"the bench itself failed: {type(error).__name__}: {error}")
    return 1 if failures or any(result.verdict.broken for result in results) else 0


def series(database: str, seed: int, count: int, results: list[Result]) -> None:
    """Runs on one house, which stays up. After a failed run it is kept as evidence and a new one built."""
    ground, earlier = Ground(database), dict[str, int]()
    try:
        ground.open()
        for number in range(1, count + 2):
            last = number > count
            # Once more in peace: what still comes in the chats of the runs before came too often.
            plan = (plans.peaceful if last else plans.make)(seed + number - 1, database, ground.small_disk)
            result = run(ground, plan, earlier)
            if not last or result.verdict.broken:
                results.append(result)
                say(result.line(number))
            if result.verdict.broken:
                say("  " + str(plan) + "\n  " + "\n  ".join(result.verdict.notes))
                keep(ground, result)
                ground, earlier = Ground(database), {}
                ground.open()
    finally:
        ground.close()


def keep(ground: Ground, result: Result) -> None:
    folder = ground.folder
    facts = {"plan": str(result.plan), "notes": result.verdict.notes, "rows": ground.evidence()}
    facts["record"] = ground.house.control("record?since=0")
    Path(folder / "failed.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1))
    ground.close(keep=True)
    say(f"  kept: {folder}/failed.json and {folder}/house/log")


def sabotage(asked: str, database: str, seed: int) -> int:
    names = list(SABOTAGES) if asked == "all" else [asked]
    held = passes_whole(names, database, seed)
    if held:
        say("the whole product is condemned already: " + "\n  ".join(held))
        return 1
    say(f"the whole product passes the {len(names)} runs that follow")
    missed = 0
    for name in names:
        say(f"{name}: {SABOTAGES[name].what}")
        runs, notes = caught_in(name, database, seed)
        missed += not notes
        say(f"  caught in run {runs}: {notes[0]}" if notes else f"  NOT caught in {runs} runs")
    return 1 if missed else 0


def say(words: str) -> None:
    with _printing:
        print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
