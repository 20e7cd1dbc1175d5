"""What happens is told to whoever wants to know, and for everybody else it is kept why not."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import BOTH
from tests.house import House, eventually
from tests.previewing import fresh


@pytest.fixture(scope="module", params=BOTH)
def alarmed(request: pytest.FixtureRequest, tmp_path_factory: Any, new_database: Any) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("alarmed"), new_database(request.param))
    try:
        yield built.open()
    finally:
        built.close()


class Topic:
    """A topic of its own with a hook, and rooms of employees that hear it."""

    def __init__(self, house: House, group_seconds: int = 0) -> None:
        self.house, self.name = house, f"t{fresh()}"
        house.flask("topics", "add", self.name)
        house.flask("topics", "set", self.name, "--group-seconds", str(group_seconds))
        self.hook = house.flask("hooks", "add", self.name, "--topics", self.name)
        self.seen: dict[str, int] = {}

    def room(self, **rules: str) -> str:
        who = self.house.employee(f"{fresh()}@example.kr")
        room = self.house.write(who, f"/구독 {self.name}")
        self.house.replies(room, 1)
        self.seen[room] = 1
        self.who = who
        if rules:
            words = [word for name, value in rules.items() for word in (f"--{name}", value)]
            self.house.flask("subscribers", "set", self.name, "webex", room, *words)
        return room

    def post(self, code: int = 200, **body: Any) -> requests.Response:
        told = {"topic": self.name, "key": "cpu", "title": "CPU 91%", **body}
        done = self.house.http.post(self.hook["url"], json={k: v for k, v in told.items() if v is not None})
        assert done.status_code == code, done.text
        return done

    def next(self, room: str, count: int = 1) -> list[dict[str, Any]]:
        """What the room was told since it was last asked."""
        told = self.house.replies(room, self.seen[room] + count)
        fresh_ones = told[self.seen[room] :]
        self.seen[room] = len(told)
        return fresh_ones

    def log(self, rows: int, **wanted: str) -> list[dict[str, Any]]:
        words = [word for name, value in wanted.items() for word in (f"--{name}", value)]

        def enough() -> list[dict[str, Any]]:
            found = self.house.flask("alerts", "log", "--topic", self.name, *words)
            settled = all(row["outcome"] != "waiting" and row["outcome"] != "sending" for row in found)
            return list(reversed(found)) if len(found) >= rows and settled else []

        return list(eventually(enough, f"the log has {rows} rows"))


def outcomes(rows: list[dict[str, Any]], room: str = "") -> list[tuple[str, str]]:
    return [(row["what"], row["outcome"]) for row in rows if not room or row["chat"] == room]


def test_an_alarm_is_told_once_and_its_end_in_the_same_thread(alarmed: House) -> None:
    topic = Topic(alarmed)
    room = topic.room()
    topic.post(text="지난 5분 평균 <b>91%</b>", severity="critical", url="https://example.com/a")
    topic.post()
    topic.post(state="resolved")
    first, last = topic.next(room, 2)
    assert "🔴" in first["text"] and "CPU 91%" in first["text"] and "<b>91%</b>" in first["text"]
    assert "해결됨" in last["text"] and last["parentId"] == first["id"]
    assert outcomes(topic.log(3)) == [("fired", "sent"), ("again", "same"), ("resolved", "sent")]
    assert alarmed.flask("alerts", "list") == [] or topic.name not in str(alarmed.flask("alerts", "list"))


def test_an_end_is_told_by_itself_when_somebody_deleted_the_beginning(alarmed: House) -> None:
    topic = Topic(alarmed)
    room = topic.room()
    topic.post()
    (first,) = topic.next(room)
    topic.log(1)
    alarmed.control(f"webex/messages/{first['id']}/delete", {})
    topic.seen[room] -= 1
    topic.post(state="resolved")
    (last,) = topic.next(room)
    assert "해결됨" in last["text"] and "parentId" not in last
    assert outcomes(topic.log(2)) == [("fired", "sent"), ("resolved", "sent")]


def test_what_fires_is_listed_until_it_is_resolved(alarmed: House) -> None:
    topic = Topic(alarmed)
    topic.post()
    (row,) = eventually(lambda: [r for r in alarmed.flask("alerts", "list") if r["topic"] == topic.name], "it fires")
    assert (row["state"], row["key"], row["severity"], row["title"]) == ("firing", "cpu", "warning", "CPU 91%")
    topic.post(state="resolved")
    eventually(lambda: topic.name not in str(alarmed.flask("alerts", "list")), "it fires no more")


def test_without_a_key_each_is_a_new_one(alarmed: House) -> None:
    topic = Topic(alarmed)
    room = topic.room()
    topic.post(key=None)
    topic.post(key=None)
    topic.next(room, 2)
    assert sum(row["topic"] == topic.name for row in alarmed.flask("alerts", "list")) == 2


def test_what_comes_within_seconds_of_the_first_is_bundled(alarmed: House) -> None:
    topic = Topic(alarmed, group_seconds=3)
    room = topic.room()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: topic.post(key=f"k{number}", title=f"알람{number}"), range(6)))
    first, bundle = topic.next(room, 2)
    titles = [f"알람{number}" for number in range(6)]
    assert sorted(title for title in titles if (title in first["text"]) != (title in bundle["text"])) == titles
    assert "알람 5건" in bundle["text"] and sum(title in first["text"] for title in titles) == 1
    assert sorted(outcomes(topic.log(6))) == [("fired", "bundled")] * 5 + [("fired", "sent")]


def test_what_happens_while_it_waits_to_be_bundled_is_in_the_bundle(alarmed: House) -> None:
    topic = Topic(alarmed, group_seconds=3)
    room = topic.room()
    topic.post(key="first", title="처음")
    topic.next(room)
    for state in ("firing", "firing", "resolved"):
        topic.post(key="brief", title="짧은 알람", state=state)
    (bundle,) = topic.next(room)
    assert "해결됨: 짧은 알람" in bundle["text"] and "알람 1건 (울리는 중 0건)" in bundle["text"]
    assert outcomes(topic.log(4)) == [
        ("fired", "sent"),
        ("again", "same"),
        ("fired", "bundled"),
        ("resolved", "bundled"),
    ]


def test_who_looks_after_what_waits_to_be_bundled_is_named_in_the_bundle(alarmed: House) -> None:
    topic = Topic(alarmed, group_seconds=3)
    room = topic.room()
    topic.post(key="first", title="처음")
    topic.next(room)
    topic.post(key="second", title="둘째")
    (row,) = eventually(
        lambda: [
            one for one in alarmed.flask("alerts", "list") if (one["topic"], one["key"]) == (topic.name, "second")
        ],
        "the second fires",
    )
    alarmed.flask("alerts", "ack", str(row["id"]), "--by", "민지")
    (bundle,) = topic.next(room)
    assert "민지님이 보고 있어요: 둘째" in bundle["text"]
    assert outcomes(topic.log(3)) == [("fired", "sent"), ("fired", "bundled"), ("acknowledged", "bundled")]


def test_an_end_without_words_or_severity_reaches_who_heard_of_the_grave_beginning(alarmed: House) -> None:
    topic = Topic(alarmed)
    room, other = topic.room(severity="critical"), topic.room(severity="critical")
    topic.post(severity="critical")
    topic.post(key="disk", title="디스크 80%")
    topic.next(other)
    topic.post(state="resolved", title=None)
    topic.post(key="disk", state="resolved", title=None)
    _, last = topic.next(room, 2)
    assert "해결됨: CPU 91%" in last["text"]
    rows = topic.log(8)
    assert sorted(outcomes(rows, room)) == [
        ("fired", "minor"),
        ("fired", "sent"),
        ("resolved", "sent"),
        ("resolved", "untold"),
    ]
    assert topic.log(2, outcome="untold") and len(topic.log(4, outcome="sent")) == 4


def test_who_looks_after_it_is_named_to_the_others_and_repeats_rest(alarmed: House) -> None:
    topic = Topic(alarmed)
    other, mine = topic.room(), topic.room()
    topic.post(severity="critical")
    topic.next(other)
    (card,) = topic.next(mine)
    alarmed.press(topic.who, card["id"], "제가 보고 있어요")
    (answer,) = topic.next(mine)
    (told,) = topic.next(other)
    assert "보고 있어요" in answer["text"] and "보고 있어요" in told["text"]
    alarmed.press(topic.who, card["id"], "제가 보고 있어요")
    (known,) = topic.next(mine)
    assert "이미 보고 있다고" in known["text"]
    topic.post(severity="critical")
    rows = topic.log(6)
    assert outcomes(rows, mine)[-2:] == [("acknowledged", "acknowledged"), ("again", "acknowledged")]
    assert outcomes(rows, other)[-2:] == [("acknowledged", "sent"), ("again", "acknowledged")]


def test_a_silence_keeps_its_match_quiet_and_the_rooms_hear_of_it(alarmed: House) -> None:
    topic = Topic(alarmed)
    room = topic.room()
    words = ["alerts", "silence", "--topic", topic.name, "--key", "c*", "--comment", "점검 중"]
    made = alarmed.flask(*words, "--minutes", "60", "--by", "민지")
    (begun,) = topic.next(room)
    assert "점검 중" in begun["text"] and "민지" in begun["text"]
    topic.post()
    topic.post(key="disk", title="디스크 95%")
    (other,) = topic.next(room)
    assert "디스크" in other["text"]
    silenced = topic.log(1, outcome="silenced")
    assert silenced[0]["title"] == "CPU 91%" and "점검 중" in silenced[0]["why"]
    alarmed.flask("alerts", "unsilence", str(made["id"]))
    (ended,) = topic.next(room)
    assert "끝났어요" in ended["text"]


def test_who_wants_only_what_is_grave_is_not_told_the_rest(alarmed: House) -> None:
    topic = Topic(alarmed)
    room = topic.room(severity="critical")
    topic.post()
    topic.post(severity="critical")
    (worse,) = topic.next(room)
    assert "CPU" in worse["text"]
    assert outcomes(topic.log(2)) == [("fired", "minor"), ("worse", "sent")]


def test_a_chat_chooses_how_grave_a_thing_must_be(alarmed: House) -> None:
    topic = Topic(alarmed)
    room = topic.room()
    alarmed.write(topic.who, "/심각도 심각", room)
    assert "심각한 알람만" in topic.next(room)[0]["text"]
    topic.post()
    assert outcomes(topic.log(1)) == [("fired", "minor")]
    alarmed.write(topic.who, "/severity all", room)
    assert "Everything" in topic.next(room)[0]["text"]
    topic.post(key="disk")
    assert "CPU" in topic.next(room)[0]["text"]


def test_in_quiet_hours_nothing_is_told_and_when_they_end_all_of_it_once(build: Any) -> None:
    house = build()
    topic = Topic(house)
    room = topic.room(quiet="00:00~23:59", zone="Asia/Seoul")
    topic.post(text="그래프를 보세요")
    topic.post(key="disk", title="디스크 95%")
    topic.post(key="disk", state="resolved")
    rows = topic.log(3)
    assert [row["outcome"] for row in rows] == ["quiet"] * 3
    house.move_clock(86_400)
    (told,) = topic.next(room)
    assert "CPU 91%" in told["text"] and "끝난 알람 1건" in told["text"]


def test_what_still_fires_is_repeated_after_a_while(build: Any) -> None:
    house = build()
    topic = Topic(house)
    room = topic.room()
    topic.post()
    topic.next(room)
    house.move_clock(4 * 3600 + 5)
    (again,) = topic.next(room)
    assert "아직 울리는 중" in again["text"]
    assert outcomes(topic.log(2)) == [("fired", "sent"), ("repeated", "sent")]


def test_route_says_who_would_be_told_at_a_time_and_why_the_others_not(alarmed: House) -> None:
    topic = Topic(alarmed)
    awake, asleep = topic.room(), topic.room(quiet="22:00~07:00", zone="Asia/Seoul")
    rows = alarmed.flask("alerts", "route", "--topic", topic.name, "--at", "2026-12-24T23:30")
    told = {row["chat"]: (row["told"], row["why"]) for row in rows}
    assert told == {awake: (True, ""), asleep: (False, "quiet hours until 07:00")}
    assert all(row["told"] for row in alarmed.flask("alerts", "route", "--topic", topic.name, "--at", "12:00"))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b"[]", 400),
        ({"topic": None}, 400),
        ({"title": None}, 400),
        ({"title": None, "state": "resolved", "key": None}, 400),
        ({"topic": "somebody-elses", "severity": "apocalyptic"}, 401),
        ({"title": ["x"]}, 400),
        ({"state": "on fire"}, 400),
        ({"severity": "apocalyptic"}, 400),
        ({"severity": 5}, 400),
        ({"url": "javascript:alert(1)"}, 400),
        ({"title": "x" * 301}, 400),
        ({"topic": "somebody-elses"}, 401),
        (b"x" * (1024 * 1024 + 1), 413),
    ],
    ids=str,
)
def test_what_is_no_alert_is_refused_and_changes_nothing(alarmed: House, body: Any, code: int) -> None:
    topic = Topic(alarmed)
    if isinstance(body, bytes):
        assert alarmed.http.post(topic.hook["url"], data=body).status_code == code
    else:
        topic.post(code, **body)
    assert topic.name not in json.dumps(alarmed.flask("alerts", "list"))


def test_an_unknown_or_revoked_token_is_refused(alarmed: House) -> None:
    topic = Topic(alarmed)
    assert alarmed.http.post(f"{alarmed.url}/hooks/alert/{'x' * 40}", json={"topic": topic.name}).status_code == 401
    assert alarmed.http.post(f"{alarmed.url}/hooks/alert", json={"topic": topic.name, "title": "x"}).status_code == 401
    alarmed.flask("hooks", "revoke", topic.name)
    topic.post(401)
    assert alarmed.flask("hooks", "list")[0].keys() >= {"name", "topics", "revoked"}
    assert topic.hook["token"] not in json.dumps(alarmed.flask("hooks", "list"))
    assert topic.hook["token"] not in Path(alarmed.folder / "log").read_text()


def test_a_repeat_of_an_alert_that_says_by_what_it_is_known_is_one(alarmed: House) -> None:
    topic = Topic(alarmed)
    room = topic.room()
    for _ in range(2):
        body = {"topic": topic.name, "title": "한 번만"}
        alarmed.http.post(topic.hook["url"], json=body, headers={"Idempotency-Key": "once"})
    topic.post(title="그다음", key=None)
    told = topic.next(room, 2)
    assert sorted("한 번만" in one["text"] for one in told) == [False, True]  # two alerts, in either order
