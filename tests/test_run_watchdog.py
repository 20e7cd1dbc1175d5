"""`make run` ends what has stopped moving, since it may keep the database from all the others."""

import os
import signal

import pytest

from tests.house import eventually
from tests.test_run_house import Run, _maybe, run  # noqa: F401 (a fixture)


@pytest.mark.slow
def test_a_frozen_part_is_killed_and_comes_back(run: Run) -> None:  # noqa: F811
    run.begin().ready()
    before = run.pid_of("flask worker")
    os.kill(before, signal.SIGSTOP)
    eventually(lambda: "worker 1 does not move, and is killed" in run.lines, "it is said", 60)
    eventually(lambda: _maybe(run, "flask worker") not in (None, before), "another one runs")
    assert sorted(path.name for path in (run.folder / "lives").iterdir()) == sorted(
        str(run.pid_of(part)) for part in ("flask worker", "flask clock", "flask relay")
    )
