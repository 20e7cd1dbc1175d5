"""What is promised of alerts when workers die, chats go away, time passes and people leave."""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.conftest import BOTH
from tests.house import House, eventually
from tests.rows import connected, everything, table
from tests.test_alerts_told import Topic, outcomes
from tests.test_web_metrics import figures
from tests.test_workers_retention import night, nights

MANY = 3000


@pytest.fixture(scope="module", params=BOTH)
def kept(request: pytest.FixtureRequest, tmp_path_factory: Any, new_database: Callable[[str], str]) -> Iterator[House]:
    """One house for all; what moves its clock comes last in this file."""
    built = House(tmp_path_factory.mktemp("kept"), new_database(request.param), RETENTION_DAYS="30")
    try:
        yield built.open()
    finally:
        built.close()


def subscribe(kept: House, topic: str, channel: str, chats: list[str]) -> None:
    row = {"topic": topic, "channel": channel, "person": "", "since": datetime.now(UTC), "severity": ""}
    with connected(kept) as connection:
        connection.execute(table(connection, "subscribers").insert(), [{**row, "chat": chat} for chat in chats])


def counted(kept: House, name: str) -> int:
    with connected(kept) as connection:
        return int(connection.scalar(select(func.count()).select_from(table(connection, name))) or 0)


@pytest.mark.slow
def test_a_worker_killed_half_way_leaves_nobody_out_and_tells_nobody_twice(kept: House) -> None:
    topic = Topic(kept)
    chats = [f"{number}@example.kr" for number in range(MANY)]
    subscribe(kept, topic.name, "email", chats)
    before = counted(kept, "deliveries")
    topic.post()
    eventually(lambda: counted(kept, "alert_log"), "the first are told")
    kept.kill("worker 1")
    half = counted(kept, "alert_log")
    assert 0 < half < MANY, "it was killed too late to show anything"
    assert counted(kept, "deliveries") - before == half
    kept.start_worker("worker 2")
    eventually(lambda: counted(kept, "alert_log") == MANY, "each has a row")
    rows = everything(kept)
    assert Counter(row["chat"] for row in rows["alert_log"]) == Counter(chats)
    told = [row for row in rows["deliveries"] if row["channel"] == "email"]
    assert Counter(row["chat"] for row in told) == Counter(chats)
    assert {row["id"] for row in told} == {row["delivery_id"] for row in rows["alert_log"]}


def test_a_chat_that_blocks_us_is_unsubscribed_and_its_rows_say_so(kept: House) -> None:
    topic = Topic(kept)
    users = kept.control("telegram/crowd", {"n": 2, "blocked": 1})["users"]
    subscribe(kept, topic.name, "telegram", [str(one) for one in users])
    topic.post()
    rows = {row["chat"]: row for row in topic.log(2)}
    assert Counter(row["outcome"] for row in rows.values()) == Counter(sent=1, blocked=1)
    blocked = next(row for row in rows.values() if row["outcome"] == "blocked")
    assert "blocked" in blocked["why"]
    left = [row["chat"] for row in kept.flask("subscribers", "list") if row["topic"] == topic.name]
    assert left == [chat for chat in rows if chat != blocked["chat"]]


@pytest.mark.slow
def test_what_a_chat_heard_goes_with_it_when_it_has_another_id(kept: House) -> None:
    topic = Topic(kept)
    user = kept.stranger()
    group = int(kept.control("telegram/groups", {"title": "온콜", "members": [user]})["chat"])
    subscribe(kept, topic.name, "telegram", [str(group)])
    topic.post()
    eventually(lambda: outcomes(topic.log(1)) == [("fired", "sent")], "it is told")
    kept.control("telegram/migrate", {"chat": group})
    moved = eventually(
        lambda: [
            row["chat"]
            for row in kept.flask("subscribers", "list")
            if row["topic"] == topic.name and row["chat"] != str(group)
        ],
        "the subscription follows",
    )
    topic.post(state="resolved")
    rows = topic.log(2)
    assert outcomes(rows) == [("fired", "sent"), ("resolved", "sent")] and {row["chat"] for row in rows} == set(moved)


def test_what_a_customer_was_told_is_handed_out_and_forgotten(kept: House) -> None:
    topic = Topic(kept)
    kept.flask("topics", "set", topic.name, "--public")
    chat = kept.customer({"name": "하늘"})
    kept.say(chat, f"/구독 {topic.name}")
    kept.wait(chat, 1)
    topic.post()
    kept.wait(chat, 2)
    person = f"channeltalk:{kept.events(chat)[0]['person']}"
    assert [row["chat"] for row in kept.flask("customers", "export", person)["alert_log"]] == [chat]
    kept.flask("customers", "erase", person)
    rows = everything(kept)["alert_log"]
    assert chat not in json.dumps(rows, default=str)
    assert [row["topic"] for row in rows].count(topic.name) == 1


def test_what_happens_and_who_is_told_is_counted(kept: House) -> None:
    topic = Topic(kept)
    topic.room(), topic.room(severity="critical")
    before = figures(kept)
    topic.post()
    topic.log(2)
    after = figures(kept)
    assert after[f'maru_alerts_total{{topic="{topic.name}",what="fired"}}'] == 1
    for outcome in ("told", "minor"):
        name = f'maru_alert_rows_total{{channel="webex",outcome="{outcome}"}}'
        assert after[name] == before.get(name, 0) + 1


@pytest.mark.parametrize("kept", ["postgresql"], indirect=True)
def test_a_hook_cannot_be_proven_while_the_database_is_away(kept: House) -> None:
    topic = Topic(kept)
    with connected(kept) as connection:
        connection.exec_driver_sql("LOCK TABLE hooks IN ACCESS EXCLUSIVE MODE")
        topic.post(503)
    topic.post()


@pytest.mark.slow
def test_what_has_no_key_is_over_after_a_day_and_texts_age_out_while_the_rows_stay(kept: House) -> None:
    topic, secret = Topic(kept), f"비밀{secrets.token_hex(4)}"
    room = topic.room()
    topic.post(title=f"{secret} 지남", text=secret)
    topic.post(state="resolved", title=f"{secret} 끝")
    topic.post(key="still", title="아직")
    topic.post(key=None, title=f"{secret} 이름 없이")
    topic.next(room, 4)
    assert sorted(row["key"] for row in firing(kept, topic)) == ["", "still"]
    eventually(lambda: nights(kept) == 1, "the night before the start is made up for")
    kept.move_clock(86_400 + 60)
    eventually(lambda: [row["key"] for row in firing(kept, topic)] == ["still"], "what has no key is over")
    before = {name: len(rows) for name, rows in everything(kept).items()}
    night(kept, 32)
    rows = everything(kept)
    assert secret not in json.dumps(rows, ensure_ascii=False, default=str)
    assert sorted(row["title"] for row in rows["alerts"] if row["topic"] == topic.name) == ["", "", "아직"]
    assert all(len(rows[name]) >= before[name] for name in ("alerts", "happenings", "alert_log"))


def firing(house: House, topic: Topic) -> list[dict[str, Any]]:
    return [row for row in house.flask("alerts", "list") if row["topic"] == topic.name]
