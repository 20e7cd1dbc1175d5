"""What came in and what goes out: `flask events`, `deliveries`, `trace`, `staff`."""

from datetime import datetime
from typing import Any

import pytest

from tests.house import House, eventually
from tests.previewing import fresh, headed

EVENT = {"id", "channel", "kind", "chat", "person", "state", "reason", "at"}
DELIVERY = {"id", "event", "channel", "chat", "step", "text", "state", "reason", "due_at", "sent_at"}
SLOW = "messages:\n  - text: '{{ twice }} <b>하나</b>'\n  - {text: 둘, wait: 3600}\n  - {text: 셋, wait: 5}\n"
SURVEY = "survey:\n  w: {type: number, label: 무게, unit: kg}\nvalues:\n  twice: w * 2\n"


def answered(house: House, body: str = SLOW, messages: int = 1) -> str:
    """A chat whose module has said its first messages; the rest waits."""
    tag = fresh("t")
    house.module(headed(SURVEY + body, tag, f"  - {{on: chat_opened, tags: [{tag}]}}\n"))
    chat = house.open_chat({"w": "63.5kg"}, tags=[tag])
    house.wait(chat, messages)
    eventually(lambda: states(house, chat)[:messages] == ["sent"] * messages, "the rows say so too")
    return chat


def states(house: House, chat: str) -> list[str]:
    return [row["state"] for row in house.deliveries(chat)]


def test_an_event_has_the_columns_of_the_contract(house: House) -> None:
    (event,) = house.events(answered(house))
    assert EVENT <= set(event)
    assert (event["channel"], event["kind"], event["state"], event["reason"]) == (
        "channeltalk",
        "chat_opened",
        "answered",
        "",
    )
    assert datetime.fromisoformat(event["at"]).utcoffset() is not None
    shown = house.flask("events", "show", str(event["id"]))
    assert {key: shown[key] for key in EVENT} == {key: event[key] for key in EVENT}


def test_a_delivery_has_the_columns_of_the_contract(house: House) -> None:
    chat = answered(house)
    rows = house.deliveries(chat)
    assert all(DELIVERY <= set(row) for row in rows)
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert {row["event"] for row in rows} == {house.events(chat)[0]["id"]}
    assert [(row["text"], row["state"], row["reason"]) for row in rows] == [
        ("127 하나", "sent", ""),
        ("둘", "waiting", ""),
        ("셋", "waiting", ""),
    ]
    first, second, third = rows
    assert first["sent_at"] and not second["sent_at"] and not third["sent_at"]
    waited = datetime.fromisoformat(second["due_at"]) - datetime.fromisoformat(first["sent_at"])
    assert 3599 <= waited.total_seconds() <= 3601


def test_deliveries_are_listed_by_state(house: House) -> None:
    chat = answered(house)
    for state, texts in (("sent", ["127 하나"]), ("waiting", ["둘", "셋"]), ("dead", []), ("cancelled", [])):
        found = house.flask("deliveries", "list", "--state", state)
        assert {row["state"] for row in found} <= {state}
        assert [row["text"] for row in found if row["chat"] == chat] == texts


def test_an_event_nobody_answers_says_why(house: House) -> None:
    chat = house.open_chat({}, tags=["아무것도아님"])
    (event,) = house.settled(chat)
    assert event["state"] == "ignored" and event["reason"]


def test_a_replay_computes_and_sends_nothing(house: House) -> None:
    chat = answered(house)
    before = house.deliveries(chat)
    replayed = house.flask("events", "replay", str(house.events(chat)[0]["id"]))
    assert [message["plain"] for message in replayed["messages"]] == ["127 하나", "둘", "셋"]
    assert replayed["values"] == {"twice": 127}
    assert house.deliveries(chat) == before
    assert len(house.events(chat)) == 1


def test_a_replay_sends_when_it_is_told_to(house: House) -> None:
    chat = answered(house, "messages:\n  - text: '{{ twice }}'\n")
    house.flask("events", "replay", str(house.events(chat)[0]["id"]), "--send")
    house.wait(chat, 2)
    assert house.told(chat) == ["127", "127"]
    eventually(lambda: states(house, chat) == ["sent", "sent"], "both are sent")


def test_a_replay_runs_the_module_that_is_live_now(house: House) -> None:
    chat = answered(house, "messages:\n  - text: '{{ twice }}'\n")
    event = str(house.events(chat)[0]["id"])
    tag = house.flask("events", "replay", event)["module"]
    house.module(headed(SURVEY + "messages:\n  - text: 새로\n", tag, f"  - {{on: chat_opened, tags: [{tag}]}}\n"))
    assert [message["plain"] for message in house.flask("events", "replay", event)["messages"]] == ["새로"]


def test_a_delivery_that_waits_can_be_cancelled_and_taken_up_again(house: House) -> None:
    chat = answered(house)
    second, third = (str(row["id"]) for row in house.deliveries(chat)[1:])
    house.flask("deliveries", "cancel", second, third)
    assert states(house, chat) == ["sent", "cancelled", "cancelled"]
    assert all(row["reason"] for row in house.deliveries(chat)[1:])
    house.flask("deliveries", "retry", third)
    house.wait(chat, 2)
    assert house.told(chat) == ["127 하나", "셋"]
    eventually(lambda: states(house, chat) == ["sent", "cancelled", "sent"], "the rows say so too")


def test_what_is_sent_is_neither_cancelled_nor_sent_again(house: House) -> None:
    chat = answered(house, "messages:\n  - text: '{{ twice }}'\n")
    row = house.deliveries(chat)[0]
    for command in ("cancel", "retry"):
        assert house.flask("deliveries", command, str(row["id"]), code=None)
    assert house.deliveries(chat) == [row]
    assert house.shell("deliveries", "cancel", str(row["id"]), "--json").returncode == 1


def test_a_trace_tells_why_this_customer_got_this_text(house: House) -> None:
    chat = answered(house)
    trace = house.flask("trace", str(house.deliveries(chat)[0]["id"]))
    assert {"module", "version", "inputs", "values", "messages"} <= set(trace)
    assert trace["version"] == 1
    assert trace["inputs"]["w"]["received"] == "63.5kg" and trace["inputs"]["w"]["read"] == 63.5
    (value,) = trace["values"]
    assert {"name", "expression", "inputs", "result", "row"} <= set(value)
    assert (value["name"], value["expression"], value["inputs"], value["result"]) == (
        "twice",
        "w * 2",
        {"w": 63.5},
        127,
    )


def test_a_trace_stays_as_it_was_when_the_module_changes(house: House) -> None:
    chat = answered(house)
    delivery = str(house.deliveries(chat)[0]["id"])
    before = house.flask("trace", delivery)
    house.module(headed("messages:\n  - text: 새로\n", before["module"]))
    assert house.flask("trace", delivery) == before


@pytest.mark.parametrize(
    "words",
    [
        ("events", "show", "999999999"),
        ("events", "replay", "999999999"),
        ("trace", "999999999"),
        ("deliveries", "retry", "999999999"),
        ("deliveries", "cancel", "999999999"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_the_answer_no(house: House, words: tuple[str, ...]) -> None:
    done = house.shell(*words, "--json")
    assert done.returncode == 1
    assert done.stderr.strip() and "Traceback" not in done.stderr


def test_staff_are_added_once_with_a_role_and_get_new_passwords(house: House) -> None:
    email = f"{fresh('s')}@shop.example.kr"
    added = house.flask("staff", "add", email, "--role", "editor")
    (row,) = [row for row in house.flask("staff", "list") if row["email"] == email]
    assert row["role"] == "editor"
    assert not any("password" in str(key) for key in row)
    again = house.flask("staff", "add", email, "--role", "admin", code=1)
    assert again.stdout == "" and email in again.stderr
    changed: dict[str, Any] = house.flask("staff", "password", email)
    assert changed["password"] != added["password"]
    assert house.flask("staff", "password", fresh("s") + "@x.kr", code=1).stdout == ""


def test_an_address_counts_whatever_its_case(house: House) -> None:
    email = f"{fresh('s')}@shop.example.kr"
    house.flask("staff", "add", email, "--role", "viewer")
    assert house.flask("staff", "add", email.upper(), "--role", "viewer", code=1).stdout == ""
