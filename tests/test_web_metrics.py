"""/metrics: the house's figures, read from the database, for those who may."""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from store import totals
from tests.house import SURVEY, House, eventually, opened
from tests.rows import connected, everything
from tests.test_delivery_series import SLOW, THREE, series

Figures = dict[str, float]


def figures(house: House, **headers: str) -> Figures:
    answer = house.http.get(house.url + "/metrics", headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def delivered(found: Figures, outcome: str) -> float:
    return found.get(f'maru_deliveries_total{{channel="channeltalk",outcome="{outcome}"}}', 0)


def test_every_outcome_is_counted_on_both_databases(build: Callable[..., House]) -> None:
    house = build()
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, THREE)])
    house.wait(chat, 3)
    stopped = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, SLOW)])
    house.wait(stopped, 1)
    house.say(stopped, "제가 이어서 볼게요", "manager")
    eventually(lambda: delivered(figures(house), "cancelled") == 2, "the rest was cancelled")
    found = eventually(lambda: figures(house) if delivered(figures(house), "sent") == 4 else {}, "four were sent")
    rows = everything(house)
    for table in ("events", "deliveries"):
        for state in {row["state"] for row in rows[table]}:
            wanted = sum(row["state"] == state for row in rows[table])
            assert found[f'maru_{table}_total{{channel="channeltalk",outcome="{state}"}}'] == wanted
    assert found['maru_delivery_seconds_count{channel="channeltalk"}'] == 2
    assert found['maru_delivery_seconds_bucket{channel="channeltalk",le="+Inf"}'] == 2
    assert found['maru_part_up{part="worker"}'] == found['maru_part_up{part="database"}'] == 1
    assert found["maru_deliveries_waiting"] == found["maru_spool_files"] == 0
    assert found["maru_queue_age_seconds"] == 0
    assert found["maru_schedule_lag_seconds"] < 60


def test_a_message_that_is_retried_lowers_no_count(house: House) -> None:
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, SLOW)])
    house.wait(chat, 1)
    waiting = [str(row["id"]) for row in house.deliveries(chat) if row["state"] == "waiting"]
    before = delivered(figures(house), "cancelled")
    house.flask("deliveries", "cancel", *waiting)
    house.flask("deliveries", "retry", *waiting)
    house.wait(chat, 3)
    assert delivered(figures(house), "cancelled") == before + 2


@pytest.mark.parametrize("build", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_what_waits_and_how_late_it_is_shows(build: Callable[..., House]) -> None:
    house = build(workers=0, clock=False)
    house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, THREE)])
    eventually(house.events, "the event was recorded")
    house.move_clock(100)
    found = figures(house)
    assert 100 <= found["maru_queue_age_seconds"] < 160
    assert found['maru_part_up{part="worker"}'] == found['maru_part_up{part="clock"}'] == 0


def test_without_a_token_only_this_machine_may_look(house: House) -> None:
    assert figures(house)
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        answer = house.http.get(house.url + "/metrics", headers={header: "203.0.113.9"}, timeout=30)
        assert answer.status_code == 403


def test_behind_a_trusted_proxy_the_client_counts(tmp_path: Path) -> None:
    with opened(House(tmp_path / "house", TRUSTED_PROXIES="1"), workers=0, clock=False) as house:
        far = house.http.get(house.url + "/metrics", headers={"X-Forwarded-For": "203.0.113.9"}, timeout=30)
        assert far.status_code == 403
        assert figures(house, **{"X-Forwarded-For": "127.0.0.1"})


def test_with_a_token_whoever_shows_it_may_look(tmp_path: Path) -> None:
    token = secrets.token_hex(16)
    with opened(House(tmp_path / "house", METRICS_TOKEN=token), workers=0, clock=False) as house:
        for wrong in ("", "Bearer", f"Bearer {token}x", f"Basic {token}", token, "Bearer 가"):
            headers = {"Authorization": wrong.encode()} if wrong else {}
            assert house.http.get(house.url + "/metrics", headers=headers, timeout=30).status_code == 401
        assert figures(house, Authorization=f"Bearer {token}", **{"X-Forwarded-For": "203.0.113.9"})


def test_folding_keeps_the_sums(house: House) -> None:
    """The rows of the totals are put together, and what is read from them is the same."""
    import app
    from store import database

    with pytest.MonkeyPatch.context() as patch:
        for name, value in house.env.items():
            patch.setenv(name, value)
        with app.create_app().app_context():
            with database.writing() as session:
                for seconds in (0.1, 0.1, 7, 1e6):
                    totals.waited(session, "fold", seconds)
                before = totals.read(session)
                totals.fold(session, few=0)
                assert totals.read(session) == pytest.approx(before)
                assert before["seconds", "fold", "0.25"] == 2
    with connected(house) as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM totals WHERE channel = 'fold'")
        assert rows.scalar() == 4
