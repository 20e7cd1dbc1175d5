"""A published change is the whole change, and one event has one answer, on both databases."""

from concurrent.futures import ThreadPoolExecutor

from tests.house import SURVEY, House
from tests.test_delivery_series import series
from tests.test_intake_hooks import opened

FIVE = "".join(f"  - {{text: '{number}번째', wait: 0}}\n" for number in range(1, 6))


def test_the_same_event_to_two_web_processes_at_once_gives_one_answer(crew: House) -> None:
    tag = series(crew, "  - {text: 하나}\n")
    chat = crew.customer({**SURVEY, "wish": "감량"}, tags=[tag])
    body = opened(chat, tags=[tag])
    body["refers"]["user"]["profile"] = {**SURVEY, "wish": "감량"}
    with ThreadPoolExecutor(10) as pool:
        statuses = set(pool.map(lambda _: crew.hook(body).status_code, range(30)))
    crew.wait(chat, 1)
    assert statuses == {200}
    assert len(crew.settled(chat)) == 1
    assert crew.told(chat) == ["하나"]


def test_a_publish_and_a_rollback_hold_for_the_next_event(crew: House) -> None:
    tag = series(crew, "  - {text: 처음}\n")
    text = crew.flask("responses", "export", tag)["content"]
    crew.module(text.replace("처음", "나중"))
    later = crew.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    crew.wait(later, 1)
    crew.flask("responses", "rollback", tag)
    back = crew.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    crew.wait(back, 1)
    assert (crew.told(later), crew.told(back)) == (["나중"], ["처음"])


def test_a_series_ends_on_the_version_it_began_with(crew: House) -> None:
    tag = series(crew, "  - {ask: goal, text: 처음 질문}\n  - {text: 처음 답, wait: 0}\n")
    chat = crew.open_chat(SURVEY, tags=[tag])
    crew.wait(chat, 1)
    text = crew.flask("responses", "export", tag)["content"]
    crew.module(text.replace("처음", "나중"))
    crew.say(chat, "감량")
    crew.wait(chat, 2)
    assert crew.told(chat) == ["처음 질문", "처음 답"]
