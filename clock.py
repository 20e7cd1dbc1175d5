"""What time it is for schedules, due times and `now`.

Leases, sessions, signatures and time-outs use real time. A practice run (`make run`, the tests) may move this
clock with a file that holds the number of seconds to add; it names that file to its parts in CLOCK_FILE.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

_given = os.environ.get("CLOCK_FILE")
_file = Path(_given) if _given else None


def now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC) + _moved()


def real() -> float:
    """Seconds since 1970 by the machine's own clock."""
    return datetime.now(UTC).timestamp()


def follow(data_dir: Path) -> None:
    """A shell command keeps the time of the practice run that it looks at."""
    global _file
    _file = _file or data_dir / "clock"


def refuse_moved(data_dir: Path) -> None:
    """A part started without CLOCK_FILE must not run beside a clock that somebody moved."""
    left = data_dir / "clock"
    if not _given and left.exists():
        raise SystemExit(f"DATA_DIR: {left} moves the clock, which is for practice only. Delete it, then start again.")


def _moved() -> timedelta:
    if _file is None:
        return timedelta()
    try:
        return timedelta(seconds=float(_file.read_text()))
    except FileNotFoundError:
        return timedelta()
