"""What is promised of alerts when workers die, chats go away, time passes and people leave."""

import json
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.house import House, eventually
from tests.rows import connected, everything, table
from tests.test_alerts_told import Topic, outcomes
from tests.test_workers_retention import night, nights

MANY = 3000


def subscribe(house: House, topic: str, channel: str, chats: list[str]) -> None:
    row = {"topic": topic, "channel": channel, "person": "", "since": datetime.now(UTC), "severity": ""}
    with connected(house) as connection:
        connection.execute(table(connection, "subscribers").insert(), [{**row, "chat": chat} for chat in chats])


def counted(house: House, name: str) -> int:
    with connected(house) as connection:
        return int(connection.scalar(select(func.count()).select_from(table(connection, name))) or 0)


def test_a_worker_killed_half_way_leaves_nobody_out_and_tells_nobody_twice(build: Callable[..., House]) -> None:
    house = build()
    topic = Topic(house)
    chats = [f"{number}@example.kr" for number in range(MANY)]
    subscribe(house, topic.name, "email", chats)
    before = counted(house, "deliveries")
    topic.post()
    eventually(lambda: counted(house, "alert_log"), "the first are told")
    house.kill("worker 1")
    half = counted(house, "alert_log")
    assert 0 < half < MANY, "it was killed too late to show anything"
    assert counted(house, "deliveries") - before == half
    house.start_worker("worker 2")
    eventually(lambda: counted(house, "alert_log") == MANY, "each has a row")
    rows = everything(house)
    assert Counter(row["chat"] for row in rows["alert_log"]) == Counter(chats)
    told = [row for row in rows["deliveries"] if row["channel"] == "email"]
    assert Counter(row["chat"] for row in told) == Counter(chats)
    assert {row["id"] for row in told} == {row["delivery_id"] for row in rows["alert_log"]}


def test_a_chat_that_blocks_us_is_unsubscribed_and_its_rows_say_so(build: Callable[..., House]) -> None:
    house = build()
    topic = Topic(house)
    users = house.control("telegram/crowd", {"n": 2, "blocked": 1})["users"]
    subscribe(house, topic.name, "telegram", [str(one) for one in users])
    topic.post()
    rows = {row["chat"]: row for row in topic.log(2)}
    assert Counter(row["outcome"] for row in rows.values()) == Counter(sent=1, blocked=1)
    blocked = next(row for row in rows.values() if row["outcome"] == "blocked")
    assert "blocked" in blocked["why"]
    left = [row["chat"] for row in house.flask("subscribers", "list") if row["topic"] == topic.name]
    assert left == [chat for chat in rows if chat != blocked["chat"]]


def test_what_a_chat_heard_goes_with_it_when_it_has_another_id(build: Callable[..., House]) -> None:
    house = build()
    topic = Topic(house)
    user = house.stranger()
    group = int(house.control("telegram/groups", {"title": "온콜", "members": [user]})["chat"])
    subscribe(house, topic.name, "telegram", [str(group)])
    topic.post()
    eventually(lambda: outcomes(topic.log(1)) == [("fired", "sent")], "it is told")
    house.control("telegram/migrate", {"chat": group})
    moved = eventually(
        lambda: [
            row["chat"]
            for row in house.flask("subscribers", "list")
            if row["topic"] == topic.name and row["chat"] != str(group)
        ],
        "the subscription follows",
    )
    topic.post(state="resolved")
    rows = topic.log(2)
    assert outcomes(rows) == [("fired", "sent"), ("resolved", "sent")] and {row["chat"] for row in rows} == set(moved)


def test_texts_of_alerts_age_out_and_the_rows_stay(build: Callable[..., House]) -> None:
    house = build(RETENTION_DAYS="30")
    topic, secret = Topic(house), f"비밀{secrets.token_hex(4)}"
    room = topic.room()
    topic.post(title=f"{secret} 지남", text=secret)
    topic.post(state="resolved", title=f"{secret} 끝")
    topic.post(key="still", title="아직")
    topic.next(room, 3)
    eventually(lambda: nights(house) == 1, "the night before the start is made up for")
    counts = {name: len(rows) for name, rows in everything(house).items() if name in ("alerts", "happenings")}
    night(house, 31)
    rows = everything(house)
    assert secret not in json.dumps(rows, ensure_ascii=False, default=str)
    assert [row["title"] for row in rows["alerts"]] == ["", "아직"]
    assert {name: len(rows[name]) for name in counts}["alerts"] == counts["alerts"]


def test_what_a_customer_was_told_is_handed_out_and_forgotten(build: Callable[..., House]) -> None:
    house = build()
    topic = Topic(house)
    house.flask("topics", "set", topic.name, "--public")
    chat = house.customer({"name": "하늘"})
    house.say(chat, f"/구독 {topic.name}")
    house.wait(chat, 1)
    topic.post()
    house.wait(chat, 2)
    person = f"channeltalk:{house.events(chat)[0]['person']}"
    assert [row["chat"] for row in house.flask("customers", "export", person)["alert_log"]] == [chat]
    house.flask("customers", "erase", person)
    assert chat not in json.dumps(everything(house)["alert_log"], default=str)
    assert len(everything(house)["alert_log"]) == 1


def test_what_has_no_key_is_over_after_a_day(build: Callable[..., House]) -> None:
    house = build()
    topic = Topic(house)
    topic.post(key=None)
    eventually(lambda: len(house.flask("alerts", "list")) == 1, "it fires")
    house.move_clock(86_400 + 60)
    eventually(lambda: [row["state"] for row in everything(house)["alerts"]] == ["resolved"], "it is over")
    assert house.flask("alerts", "list") == []


def test_what_happens_and_who_is_told_is_counted(build: Callable[..., House]) -> None:
    house = build()
    topic = Topic(house)
    topic.room(), topic.room(severity="critical")
    topic.post()
    topic.log(2)
    said = house.http.get(house.url + "/metrics").text
    assert f'maru_alerts_total{{topic="{topic.name}",what="fired"}} 1' in said
    assert 'maru_alert_rows_total{channel="webex",outcome="told"} 1' in said
    assert 'maru_alert_rows_total{channel="webex",outcome="minor"} 1' in said


def test_a_hook_cannot_be_proven_while_the_database_is_away(build: Callable[..., House], request: Any) -> None:
    if "postgresql" not in request.node.name:
        pytest.skip("SQLite cannot be away")
    house = build()
    topic = Topic(house)
    with connected(house) as connection:
        connection.exec_driver_sql("LOCK TABLE hooks IN ACCESS EXCLUSIVE MODE")
        topic.post(503)
    topic.post()
