"""What a line of the log looks like, and that nobody writes a second one into it."""

import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import logs


@pytest.fixture(autouse=True)
def taken_over(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    root = logging.getLogger()
    before, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    logs.setup("INFO", "web", ZoneInfo("Asia/Seoul"))
    yield
    logging.captureWarnings(False)
    root.handlers[:], (sys.excepthook, threading.excepthook) = before, hooks
    root.setLevel(level)


def test_a_line_is_time_level_event_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.following("ab12cd"):
        logs.say("hook.recorded", channel="channeltalk", event=12, ms=1.4004, again=False, reason=None)
    line = capsys.readouterr().err
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+09:00 INFO ", line)
    said = "hook.recorded channel=channeltalk event=12 ms=1.4 again=false reason=none part=web trace=ab12cd\n"
    assert line.endswith(f" INFO {said}")


def test_the_trace_ends_with_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.following(logs.fresh_trace()):
        assert logs.trace()
    logs.say("clock.ticked")
    assert "trace=" not in capsys.readouterr().err


def test_values_with_spaces_are_quoted_and_long_ones_cut(capsys: pytest.CaptureFixture[str]) -> None:
    logs.say("delivery.dead", reason='chat "a" is closed', detail="x" * 5000, at=datetime(2026, 1, 1, tzinfo=UTC))
    line = capsys.readouterr().err
    assert r'reason="chat \"a\" is closed"' in line
    assert "at=2026-01-01T00:00:00+00:00" in line
    assert len(line) < 500


@given(st.text(), st.text())
def test_no_value_breaks_out_of_its_line(value: str, key: str) -> None:
    handler = logging.getLogger().handlers[0]
    record = logging.LogRecord("maru", logging.INFO, "", 0, "odd.value", (), None)
    record.fields = {f"k{key}": value, "second": 1}
    line = handler.format(record)
    assert line.isprintable()
    assert line.endswith(" second=1 part=web")


def test_library_lines_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("gunicorn.error").info("Listening at: %s", "http://127.0.0.1:8000")
    logging.getLogger("urllib3.connectionpool").warning("Retrying %s", "/open/v5/x?token=abc")
    logging.getLogger("werkzeug").info("GET /healthz")  # one a request: not worth a line
    warnings.warn("old way", DeprecationWarning, stacklevel=1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith('INFO gunicorn.error message="Listening at: http://127.0.0.1:8000" part=web')
    assert lines[1].endswith('WARNING urllib3.connectionpool message="Retrying /open/v5/x?[cut]" part=web')
    assert [line.split()[2] for line in lines[2:]] == ["py.warnings"]


def test_a_line_that_cannot_be_formatted_does_not_print_its_arguments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = logging.LogRecord("odd", logging.WARNING, "", 0, "%d customers", ("김하늘",), None)
    logging.getLogger().handlers[0].handle(record)
    said = capsys.readouterr().err
    assert "logs.lost logger=odd error=TypeError" in said
    assert "김하늘" not in said


def test_a_traceback_shows_places_and_kinds_but_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    weight, friend = "예순" + "셋", "Zeno" + "bia"
    try:
        try:
            float(weight)
        except ValueError as cause:
            raise RuntimeError(f"cannot answer {friend} about {weight}") from cause
    except RuntimeError as error:
        logs.error("answer.failed", exception=error, event=7)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR answer.failed event=7 part=web")
    assert all(line.startswith("    | ") for line in rest)
    assert "    | ValueError: could not convert string to float: '…'" in rest
    assert rest[-1] == "    | RuntimeError: cannot answer … about …"
    assert weight not in "".join(rest)
    assert friend not in "".join(rest)


def test_what_nobody_caught_is_logged_too(capsys: pytest.CaptureFixture[str]) -> None:
    thread = threading.Thread(target=lambda: dict[str, int]()["김" + "하늘"], name="sender")
    thread.start()
    thread.join()
    said = capsys.readouterr().err
    assert "CRITICAL thread.broken thread=sender part=web" in said
    assert "| KeyError: '…'" in said


def test_setting_up_twice_says_things_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("INFO", "web")
    logs.say("clock.ticked")
    assert capsys.readouterr().err.count("clock.ticked") == 1


def test_debug_lines_are_silent_at_info(capsys: pytest.CaptureFixture[str]) -> None:
    logs.debug("lease.kept")
    assert capsys.readouterr().err == ""
