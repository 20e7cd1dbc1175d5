"""A bot in a test: handlers, further questions, errors, guests, middleware."""

import asyncio
import logging
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from maru import Ask, Bot, Button, File, Reply
from maru.testing import Talk


def test_plain_and_async_handlers_answer() -> None:
    bot = Bot()

    @bot.command("/하나")
    def one(ask: Ask) -> str:
        return "하나"

    @bot.command("/둘")
    async def two(ask: Ask) -> str:
        await ask.reply("잠시만요")
        return "둘"

    @bot.message
    async def other(ask: Ask) -> list[str]:
        return [ask.text, f"{ask.user.id} {ask.chat.channel}"]

    assert bot.answer("/하나") == ["하나"]
    assert bot.answer("/둘") == ["잠시만요", "둘"]
    assert bot.answer("안녕 하세요") == ["안녕 하세요", "somebody shell"]
    assert bot.answer("/셋") == ["/셋", "somebody shell"]


def test_several_replies_come_in_order_from_generators_of_both_kinds() -> None:
    bot = Bot()

    @bot.command("/셋")
    def three(ask: Ask) -> Iterator[str]:
        ask.reply("하나")
        yield "둘"
        ask.reply("셋")

    @bot.command("/넷")
    async def four(ask: Ask) -> AsyncIterator[Reply]:
        for word in "가나":
            yield Reply(word, buttons=[Button("더", say="/넷")])

    assert bot.answer("/셋") == ["하나", "둘", "셋"]
    assert bot.answer("/넷") == ["가", "나"]


@pytest.mark.parametrize("then", [["3시"], []])
def test_a_further_question_is_asked_in_plain_and_async_handlers(then: list[str]) -> None:
    bot = Bot()

    @bot.command("/plain")
    def plain(ask: Ask) -> str:
        at: str | None = ask.wait("몇 시로 할까요?")
        return at or "그만둘게요"

    @bot.command("/async")
    async def other(ask: Ask) -> str:
        at: str | None = await ask.wait("몇 시로 할까요?")
        return at or "그만둘게요"

    for name in ("/plain", "/async"):
        assert bot.answer(name, then=then) == ["몇 시로 할까요?", then[0] if then else "그만둘게요"]


def test_an_error_is_told_politely_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    bot = Bot()

    @bot.command("/나눠")
    def divide(ask: Ask, number: int) -> str:
        return str(1 // number)

    with caplog.at_level(logging.ERROR):
        assert bot.answer("/나눠 0") == ["죄송해요, 처리하다가 문제가 생겼어요."]
    assert "ZeroDivisionError" in caplog.text
    assert bot.answer("/나눠 1") == ["1"]


def leaves(ask: Ask) -> str:
    sys.exit(2)


async def waits_for_nothing(ask: Ask) -> None:
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()
    await gone


def stops_iterating(ask: Ask) -> str:
    return next(iter(list[str]()))


def says_nothing(ask: Ask) -> str:
    return "  "


def says_too_much(ask: Ask) -> str:
    return "가" * 20_001


def shows_too_many(ask: Ask) -> Reply:
    return Reply("가", buttons=[Button(str(number), say="/가") for number in range(6)])


def asks_for_ever(ask: Ask) -> None:
    ask.wait("?", seconds=100_000)


@pytest.mark.parametrize(
    "handler",
    [leaves, waits_for_nothing, stops_iterating, says_nothing, says_too_much, shows_too_many, asks_for_ever],
)
def test_whatever_a_handler_does_wrong_the_person_is_told(handler: Callable[..., Any]) -> None:
    bot = Bot()
    bot.command("/가")(handler)
    assert bot.answer("/가") == ["죄송해요, 처리하다가 문제가 생겼어요."]


def test_numbers_and_what_must_be_awaited_are_answers() -> None:
    bot = Bot()
    bot.command("/합")(lambda ask: 1 + 2)

    async def later(ask: Ask) -> str:
        return "나중"

    bot.command("/나중")(lambda ask: later(ask))
    bot.command("/둘")(lambda ask: ["가", None, 2])
    assert (bot.answer("/합"), bot.answer("/나중"), bot.answer("/둘")) == (["3"], ["나중"], ["가", "2"])


def test_a_test_that_is_async_itself_can_ask() -> None:
    bot = Bot()
    bot.command("/가")(lambda ask: "가")

    async def test() -> list[str]:
        return bot.answer("/가")

    with ThreadPoolExecutor(1) as elsewhere:  # where no other test has left a loop running
        assert elsewhere.submit(lambda: asyncio.run(test())).result() == ["가"]


def test_buttons_and_files_can_be_looked_at(talk: Callable[..., Talk]) -> None:
    bot = Bot()

    @bot.command("/길")
    def way(ask: Ask) -> Reply:
        sure = ask.wait("볼까요?", buttons=[Button("네", say="네")])
        return Reply(str(sure), files=[File("약도", "https://example.kr/map.png")])

    chat = talk(bot)
    assert chat.say("/길", "네") == ["볼까요?", "네"]
    asked, told = chat.replies
    assert list(asked.buttons) == [Button("네", say="네")]
    assert list(told.files) == [File("약도", "https://example.kr/map.png")]


def test_an_error_is_told_to_sentry_where_the_bot_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[BaseException]()
    monkeypatch.setitem(sys.modules, "sentry_sdk", SimpleNamespace(capture_exception=told.append))
    bot = Bot()
    bot.command("/가")(leaves)
    bot.answer("/가")
    assert [type(one) for one in told] == [SystemExit]


def test_the_first_bot_of_the_readme_works_as_printed() -> None:
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf8")
    program, test = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    space: dict[str, Any] = {"__name__": "bot"}
    exec(program, space)
    exec(test, space)
    space["test_reserve"]()


def test_guests_reach_only_what_is_marked_for_them() -> None:
    bot = Bot()
    bot.command("/안")(lambda ask: "안")
    bot.command("/밖", guests=True)(lambda ask: "밖")
    bot.message(lambda ask: "말")
    assert [bot.answer(text, guest=True) for text in ("/안", "/밖", "안녕")] == [[], ["밖"], []]


def test_middleware_wraps_every_handler_the_first_outermost() -> None:
    bot, seen = Bot(), list[str]()

    def around(name: str) -> Callable[..., Any]:
        async def wrap(ask: Ask, go: Callable[[], Any]) -> Any:
            seen.append(f"{name} {ask.command}")
            return f"{await go()}!"

        return wrap

    bot.middleware(around("밖"))
    bot.middleware(around("안"))
    bot.command("/하이")(lambda ask: "하이")
    assert bot.answer("/하이") == ["하이!!"]
    assert seen == ["밖 /하이", "안 /하이"]


def test_one_name_is_one_command_and_one_handler_hears_messages() -> None:
    bot = Bot()
    bot.command("/가")(lambda ask: None)
    bot.message(lambda ask: None)
    with pytest.raises(ValueError, match="already"):
        bot.command("/가")(lambda ask: None)
    with pytest.raises(ValueError, match="already"):
        bot.message(lambda ask: None)


@pytest.mark.parametrize(
    "wrong",
    [
        Button("둘 다", say="/가", url="https://example.kr"),
        Button("없음"),
        Button("", say="/가"),
        Button("열기", url="http://example.kr"),
        File("약도", "http://example.kr/map.png"),
    ],
)
def test_a_button_does_just_one_thing_and_links_are_encrypted(wrong: Button | File) -> None:
    with pytest.raises(ValueError, match="needs|title"):
        wrong.json()


def test_what_is_written_wrong_is_told_when_it_is_written() -> None:
    bot = Bot()
    with pytest.raises(TypeError, match="ask alone"):
        bot.message(lambda ask, text: text)
    with pytest.raises(TypeError, match="name"):
        bot.command(lambda ask: "가")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="async"):
        bot.middleware(lambda ask, go: go())


def test_the_fixture_talks_as_one_person(talk: Callable[..., Talk]) -> None:
    bot = Bot()
    bot.command("/나")(lambda ask: ask.user.name)
    assert talk(bot, "하늘").say("/나") == ["하늘"]
