"""The movable clock is for practice: production parts refuse to start beside one that was moved."""

import subprocess
from pathlib import Path

import pytest

from tests.house import BIN, ROOT, House


@pytest.mark.parametrize(
    "command",
    [["gunicorn"], *(pytest.param(["flask", part], marks=pytest.mark.slow) for part in ("worker", "clock"))],
)
def test_a_part_refuses_a_moved_clock(tmp_path: Path, command: list[str]) -> None:
    house = House(tmp_path)
    try:
        house.move_clock(3600)
        env = {name: value for name, value in house.env.items() if name != "CLOCK_FILE"}
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert "moves the clock" in done.stderr
    finally:
        house.close()
