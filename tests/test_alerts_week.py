"""A week of looks with three clocks, one of them killed each day: every slot is run once."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests import watches_sixty
from tests.house import ROOT
from tests.previewing import stopped
from tests.watched_page import Page


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_slot_of_a_week_is_run_once(database: str, tmp_path: Path, new_database: Callable[[str], str]) -> None:
    with stopped(tmp_path / "week", new_database(database)) as house:
        house.flask("watches", "import", str(Page(9).watch(tmp_path, "cases")))
        tomorrow = datetime.now(ZoneInfo("Asia/Seoul")).replace(hour=0, minute=0, second=0, microsecond=0)
        command = [sys.executable, "-m", "tests.watches_week", (tomorrow + timedelta(days=1)).isoformat(), "cases"]
        done = subprocess.run(
            command, cwd=ROOT, env=house.env, capture_output=True, text=True, timeout=600, check=False
        )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    print(figures)
    assert figures["expected"] == 7 * 56
    assert (figures["run"], figures["doubled"], figures["missed"]) == (7 * 56, 0, 0)


def test_of_invented_pages_every_publication_is_told_once_and_nothing_falsely() -> None:
    tally = watches_sixty.Tally()
    for number in (3, 17, 52):
        watches_sixty.live(random.Random(number), tally)
    assert tally.published > 500 and tally.told + tally.missed == tally.published
    assert tally.false == 0 and tally.missed <= 0.005 * tally.published
    assert tally.corrections > 50 and tally.unreadable > 100 and tally.staff  # there was something to stumble over
