"""A flood is recorded, answered fast and worked off fairly: whoever came before it does not wait behind it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from secrets import token_hex
from typing import Any

import pytest
from sqlalchemy import insert

from store.deliveries import Delivery
from store.events import Event
from tests.conftest import BOTH
from tests.house import SURVEY, House, eventually, opened
from tests.rows import connected
from tests.test_delivery_series import series
from tests.test_web_metrics import figures

FLOOD, TOGETHER, CROWD = 10_000, 1_000, 100
BEATS = "  - {text: 하나}\n" + "".join(f"  - {{text: '{number}번째', wait: 0.5}}\n" for number in range(2, 9))
ASKS = "  - {ask: goal, text: 어느 쪽인가요?}\n  - {text: '{{ goal }}이군요', wait: 0}\n"
CUSTOMER = {**SURVEY, "wish": "감량"}


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    """With one worker. Each test leaves it without a queue."""
    with opened(House(tmp_path_factory.mktemp("house"), new_database(request.param)), workers=1) as built:
        yield built


@pytest.fixture
def flooded(house: House) -> Iterator[House]:
    yield house
    house.move_clock(0)
    with connected(house) as connection:
        connection.exec_driver_sql("UPDATE events SET state = 'ignored' WHERE state = 'new'")
        connection.exec_driver_sql("UPDATE deliveries SET state = 'cancelled' WHERE state = 'waiting'")


def count(house: House, table: str, where: str) -> int:
    with connected(house) as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE {where}").scalar() or 0)


def put_in_front(house: House, tag: str = "") -> None:
    """What 10,000 webhooks leave behind, a few seconds quicker: messages that are due already, and the events of a
    module's tag. Nobody knows their chats, so they end as dead."""
    now = datetime.now(UTC)
    left = [(insert(Event), newcomers(tag, now))] if tag else []
    for statement, rows in (*left, (insert(Delivery), overdue(now))):
        for some in batched(rows, TOGETHER):
            with connected(house) as connection:
                connection.execute(statement, some)


def batched(rows: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """In transactions that keep nobody waiting for long."""
    while some := list(islice(rows, size)):
        yield some


def newcomers(tag: str, now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(FLOOD):
        told = {"id": f"flood-{number}", "kind": "chat_opened", "chat": f"f{number}", "person": f"u{number}"}
        inbound = told | {"tags": [tag], "profile": CUSTOMER, "person_is_customer": True}
        facts = {key: value for key, value in told.items() if key != "id"} | {"platform_id": told["id"]}
        yield facts | {"channel": "channeltalk", "inbound": inbound, "payload": "{}", "trace": "", "received_at": now}


def overdue(now: datetime) -> Iterator[dict[str, Any]]:
    flood = token_hex(4)
    for number in range(FLOOD):
        place = {"source": f"{flood}:{number}", "step": 0, "event_id": 1_000_000 + number, "position": 1}
        said = {
            "body": {"text": "밀린 말", "plain": "밀린 말"},
            "text": "밀린 말",
            "key": f"{flood}-{number}",
            "trace": "",
        }
        yield place | said | {"channel": "channeltalk", "chat": f"d{number}", "due_at": now}


def test_every_hook_of_a_flood_is_answered_and_worked_off_once(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    tag = series(house, "  - {text: 하나}\n")
    chats = house.control("crowd", {"n": CROWD, "profile": CUSTOMER, "tags": [tag]})["chats"]
    eventually(lambda: count(house, "events", f"module = '{tag}'") == CROWD, "all are decided")
    eventually(lambda: not count(house, "deliveries", "state IN ('waiting', 'sending')"), "all is sent")
    record = house.control("record")
    hooks = [hook for hook in record["webhooks"] if hook["kind"] == "opened" and hook["chat"] in chats]
    assert [hook["status"] for hook in hooks] == [200] * CROWD
    record_property("slowest_hook_ms", max(hook["ms"] for hook in hooks))
    said = [
        message for chat in chats for message in record["chats"][chat]["messages"] if message["personType"] == "bot"
    ]
    assert [message["plainText"] for message in said] == ["하나"] * CROWD


@pytest.mark.slow
def test_whoever_came_before_a_flood_does_not_wait_behind_it(
    flooded: House, record_property: Callable[[str, object], None]
) -> None:
    house, tag = flooded, series(flooded, BEATS)
    asked = house.open_chat(SURVEY, tags=[series(house, ASKS)])
    house.wait(asked, 1)
    running = house.open_chat(CUSTOMER, tags=[tag])
    house.wait(running, 1)
    put_in_front(house, tag)
    house.say(asked, "감량")
    at = [message["at"] for message in house.wait(running, 8)]
    house.wait(asked, 2)
    assert house.told(asked)[1] == "감량이군요"
    assert count(house, "events", "state = 'new'") > FLOOD / 2
    assert count(house, "deliveries", "state = 'waiting' AND text = '밀린 말'") > FLOOD / 2
    late = max(after - before for before, after in zip(at, at[1:], strict=False)) - 500
    record_property("late_ms", round(late))
    assert late < 5000
    house.move_clock(60)
    assert figures(house)["maru_queue_age_seconds"] >= 60
    answer = house.http.get(house.url + "/readyz", timeout=30)
    assert (answer.status_code, answer.json()["parts"]["queue"]["level"]) == (200, "warn")


def test_a_flood_on_one_channel_does_not_keep_another_waiting(flooded: House) -> None:
    house = flooded
    house.faults({"do": "slow", "seconds": 1, "match": {"method": "POST", "path": "/open/v5/*"}})
    house.employee("haneul@example.kr", "김하늘")
    put_in_front(house)
    eventually(lambda: count(house, "deliveries", "state = 'sending'") >= 16, "the flood has taken the threads")
    room = house.write("haneul@example.kr", "/도움말")
    assert "/도움말" in house.replies(room, 1)[0]["text"]
    assert count(house, "deliveries", "state = 'waiting' AND text = '밀린 말'") > FLOOD / 2
    house.faults()
