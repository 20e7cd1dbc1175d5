"""Five months of reminders on each database, with clocks that are killed every day: everything that falls due is
recorded once. A whole year takes two minutes: DAYS=365 pytest tests/test_spoken_year.py -s"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import reminders_year
from tests.conftest import BOTH
from tests.house import ROOT, House
from tests.previewing import stopped, written
from tests.speaking import company

DAYS = int(os.environ.get("DAYS", "150"))


@pytest.fixture(params=BOTH)
def house(request: pytest.FixtureRequest, tmp_path: Path, new_database: Callable[[str], str]) -> Iterator[House]:
    with stopped(tmp_path / "year", new_database(request.param)) as built:
        yield built


@pytest.mark.slow
def test_every_reminder_is_told_once_though_clocks_are_killed_daily(house: House) -> None:
    listed = "".join(f"직원,{email},\n" for email in reminders_year.PEOPLE)
    house.flask("people", "import", written(house, f"name,email,team\n{listed}", "csv"))
    with company(house) as made:
        reminders_year.set_up(made)
    command = [sys.executable, "-m", "tests.reminders_year", str(DAYS)]
    done = subprocess.run(command, cwd=ROOT, env=house.env, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    print(figures)
    assert figures["due"] == figures["sent"] > 20 * DAYS
    assert figures["doubled"] == figures["missed"] == 0
