"""One person's data: handed out whole, or gone from everywhere, while the counts stay."""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

import settings
from store.events import Fact
from store.spool import Spool
from tests.house import House, eventually
from tests.rows import everything
from tests.test_delivery_series import SLOW, series

HELLO = "  - {text: '{{ name }}님 안녕하세요'}\n"


@pytest.fixture
def person() -> dict[str, str]:
    """What nobody may find afterwards."""
    return {
        "name": f"한{secrets.token_hex(4)}",
        "mobileNumber": f"+8210{secrets.randbelow(90_000_000) + 10_000_000}",
        "worry": f"걱정 {secrets.token_hex(6)}",
    }


def opened(house: House, person: dict[str, str], messages: str) -> tuple[str, str]:
    """A chat of this person that a series answers; the chat, and the person's id."""
    chat = house.open_chat({**person, "wish": "감량"}, tags=[series(house, messages)])
    house.wait(chat, 1)
    return chat, str(house.events(chat)[0]["person"])


def spooled(house: House, person: dict[str, str], chat: str, id: str) -> None:
    """A call of theirs waits on the disk, as it does while the database is away; another lies with the bad ones."""
    spool = Spool(house.folder / "spool")
    for number in range(2):
        inbound = {"id": f"message:{number}", "text": person["worry"], "person": id, "chat": chat}
        fact = Fact(
            "channeltalk",
            f"message:x{number}",
            "message",
            chat,
            id,
            inbound,
            json.dumps(person),
            "t",
            datetime.now(UTC),
        )
        theirs = {
            "platform_id": f"o{number}",
            "person": "other",
            "chat": "another",
            "inbound": {},
            "payload": "",
        }
        spool.keep([fact, Fact(**{**vars(fact), **theirs})])
    aside = house.folder / "spool" / "bad"
    aside.mkdir(mode=0o700, exist_ok=True)
    spool.waiting()[0].rename(aside / "1.json")
    (aside / "torn.json").write_text('[{"person": "' + id)


def places(house: House) -> Iterator[tuple[str, str]]:
    """Every place that keeps anything, as text."""
    for table, rows in everything(house).items():
        if table not in ("versions", "live_versions"):
            yield table, json.dumps(rows, ensure_ascii=False, default=str)
    for path in (house.folder / "spool").rglob("*"):
        if path.is_file():
            yield (
                str(path),
                path.read_text(errors="replace") + path.read_text().encode().decode("unicode_escape", "replace"),
            )
    if "DATABASE_URL" not in house.env:
        for path in house.folder.glob("maru.sqlite3*"):
            yield path.name, path.read_bytes().decode("utf8", "replace")
    with Redis.from_url(settings.load(house.env).redis_url) as redis:
        for key in redis.keys("*"):
            yield "redis", f"{key!r} {redis.dump(key)!r}"


def test_an_export_holds_everything_of_the_person(house: House, person: dict[str, str]) -> None:
    chat, id = opened(house, person, HELLO)
    found = house.flask("customers", "export", f"channeltalk:{id}")
    assert found["survey"]["profile"]["mobileNumber"] == person["mobileNumber"]
    assert [one["chat"] for one in found["chats"]] == [chat]
    assert person["worry"] in found["events"][0]["payload"]
    assert found["answers"][0]["answer_trace"]["inputs"]["name"]["received"] == person["name"]
    assert [one["text"] for one in found["deliveries"]] == [f"{person['name']}님 안녕하세요"]


def test_erased_nothing_returns_the_person(build: Callable[..., House], person: dict[str, str]) -> None:
    house = build()
    chat, id = opened(house, person, HELLO + SLOW)
    other_chat, _ = opened(house, {"name": "다른 분"}, HELLO)
    house.say(chat, f"질문이 있어요 {person['worry']}")
    house.settled(chat)
    house.kill("web")
    spooled(house, person, chat, id)
    wanted = [*person.values(), chat, id]
    assert all(any(word in text for _, text in places(house)) for word in wanted)
    house.flask("customers", "erase", f"channeltalk:{id}")
    for place, text in places(house):
        assert not [word for word in wanted if word in text], place
    assert [row["chat"] for row in house.deliveries(other_chat)] == [other_chat]
    assert [fact["chat"] for fact in Spool(house.folder / "spool").facts()] == ["another"] * 2


def test_erasing_keeps_the_counts_and_cancels_what_waits(house: House, person: dict[str, str]) -> None:
    _, id = opened(house, person, SLOW)
    before = everything(house)
    house.flask("customers", "erase", f"channeltalk:{id}")
    after = everything(house)
    for table in ("events", "answers", "deliveries"):
        assert len(after[table]) == len(before[table])
    assert Counter(row["state"] for row in after["events"]) == Counter(row["state"] for row in before["events"])
    earlier = {row["id"] for row in before["deliveries"] if row["reason"] == "erased"}
    erased = [row for row in after["deliveries"] if row["reason"] == "erased" and row["id"] not in earlier]
    assert [row["state"] for row in erased] == ["sent", "cancelled", "cancelled"]


def test_the_person_may_come_back_and_is_answered(house: House, person: dict[str, str]) -> None:
    chat, id = opened(house, person, HELLO)
    house.flask("customers", "erase", f"channeltalk:{id}")
    house.say(chat, secrets.token_hex(4))
    house.settled(chat)
    assert house.flask("customers", "export", f"channeltalk:{id}")["events"][0]["kind"] == "message"


def test_a_message_on_its_way_is_awaited_before_erasing(house: House, person: dict[str, str]) -> None:
    house.faults({"do": "slow", "seconds": 1.5, "match": {"method": "POST", "path": "*/messages", "count": 1}})
    chat = house.open_chat({**person, "wish": "감량"}, tags=[series(house, HELLO)])
    eventually(lambda: [row for row in house.deliveries(chat) if row["state"] == "sending"], "it is being sent")
    id = house.events(chat)[0]["person"]
    house.flask("customers", "erase", f"channeltalk:{id}")
    house.faults()
    row = next(row for row in reversed(everything(house)["deliveries"]) if row["reason"] == "erased")
    assert (row["state"], row["chat"], row["message_id"]) == ("sent", "", "")


def test_a_manager_is_no_customer(house: House, person: dict[str, str]) -> None:
    chat, id = opened(house, person, SLOW)
    house.say(chat, "제가 볼게요", "manager")
    manager = eventually(
        lambda: [row["person"] for row in house.events(chat) if row["kind"] == "manager_wrote"],
        "the manager wrote",
    )
    house.flask("customers", "erase", f"channeltalk:{manager[0]}", code=1)
    assert house.flask("customers", "export", f"channeltalk:{id}")["events"]


def test_what_was_erased_is_told_as_gone(house: House, person: dict[str, str]) -> None:
    chat, id = opened(house, person, HELLO)
    event, delivery = house.events(chat)[0]["id"], house.deliveries(chat)[0]["id"]
    house.flask("customers", "erase", f"channeltalk:{id}")
    assert house.flask("events", "show", str(event))["inbound"] == {}
    assert "no longer kept" in house.flask("events", "replay", str(event), code=1).stderr
    assert "no longer kept" in house.flask("trace", str(delivery), code=1).stderr
    house.flask("deliveries", "retry", str(delivery), code=1)


def test_nobody_and_nonsense_are_refused(house: House) -> None:
    assert "Nothing is kept" in house.flask("customers", "export", "channeltalk:nobody", code=1).stderr
    house.flask("customers", "erase", "channeltalk:nobody", code=1)
    for wrong in ("nobody", "fax:1", "channeltalk:"):
        house.flask("customers", "erase", wrong, code=2)


def test_a_file_without_the_person_is_left_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    fact = Fact("channeltalk", "1", "message", "chat", "person", {}, "", "t", datetime.now(UTC))
    spool.keep([fact])
    before = [(path, path.read_bytes()) for path in spool.waiting()]
    assert spool.forget(lambda row: row["person"] == "somebody", ["somebody"], 1) == 0
    assert [(path, path.read_bytes()) for path in spool.waiting()] == before


def test_what_an_erased_customer_subscribed_to_is_gone_too(house: House, person: dict[str, str]) -> None:
    topic, chat = f"공개{secrets.token_hex(4)}", house.customer(person)
    house.flask("topics", "add", topic, "--public")
    house.say(chat, f"/구독 {topic}")
    house.wait(chat, 1)
    customer = f"channeltalk:{house.events(chat)[0]['person']}"
    assert house.flask("customers", "export", customer)["subscribers"][0]["topic"] == topic
    house.flask("customers", "erase", customer)
    assert topic not in [row["topic"] for row in house.flask("subscribers", "list")]
