"""A published change is the whole change, and one event has one answer, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.house import SURVEY, House
from tests.test_delivery_series import series
from tests.test_intake_hooks import opened

Build = Callable[..., House]
FIVE = "".join(f"  - {{text: '{number}번째', wait: 0}}\n" for number in range(1, 6))


def test_the_same_event_to_two_web_processes_at_once_gives_one_answer(build: Build) -> None:
    house = build(WEB_CONCURRENCY="2")
    tag = series(house, "  - {text: 하나}\n")
    chat = house.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    body = opened(chat, tags=[tag])
    body["refers"]["user"]["profile"] = {**SURVEY, "wish": "감량"}
    with ThreadPoolExecutor(10) as pool:
        statuses = set(pool.map(lambda _: house.hook(body).status_code, range(30)))
    house.wait(chat, 1)
    assert statuses == {200}
    assert len(house.settled(chat)) == 1
    assert house.told(chat) == ["하나"]


def test_a_publish_and_a_rollback_hold_for_the_next_event(build: Build) -> None:
    house = build(workers=2)
    tag = series(house, "  - {text: 처음}\n")
    text = house.flask("responses", "export", tag)["content"]
    house.module(text.replace("처음", "나중"))
    later = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    house.wait(later, 1)
    house.flask("responses", "rollback", tag)
    back = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    house.wait(back, 1)
    assert (house.told(later), house.told(back)) == (["나중"], ["처음"])


def test_a_series_ends_on_the_version_it_began_with(build: Build) -> None:
    house = build()
    tag = series(house, "  - {ask: goal, text: 처음 질문}\n  - {text: 처음 답, wait: 0}\n")
    chat = house.open_chat(SURVEY, tags=[tag])
    house.wait(chat, 1)
    text = house.flask("responses", "export", tag)["content"]
    house.module(text.replace("처음", "나중"))
    house.say(chat, "감량")
    house.wait(chat, 2)
    assert house.told(chat) == ["처음 질문", "처음 답"]
