"""The shipped modules, customer by customer: tests/golden/*.yaml has a row for each."""

import difflib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from curation.answer import Answer, answer
from curation.lookup import Table
from curation.sheets import read_sheet
from responses.check import check
from responses.module import Module, parse
from responses.starts import Occasion, match
from tests import reckoning

SHIPPED = Path(__file__).parent.parent / "responses" / "shipped"
GOLDEN = Path(__file__).parent / "golden"
MEALS = Path(__file__).parent.parent / "static" / "meals"
SEOUL = ZoneInfo("Asia/Seoul")
SITE = "https://maru.example.kr"
NOON = "2026-11-20 12:00"
NAMES = ("again", "diet", "refund")


@cache
def tables() -> dict[str, Table]:
    read: dict[str, Table] = {}
    for path in sorted((SHIPPED / "tables").glob("*.csv")):
        table, problems = read_sheet(path.stem, path.name, path.read_bytes(), None)
        assert table is not None and problems == [], [str(problem) for problem in problems]
        read[path.stem] = table
    return read


@cache
def module(name: str) -> Module:
    return parse((SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def rows(name: str) -> Iterator[Any]:
    for row in YAML(typ="safe").load((GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")):
        yield pytest.param(name, row, id=f"{name}: {row['case']}")


def answered(name: str, survey: Mapping[str, Any], now: str = NOON) -> Answer:
    at = datetime.fromisoformat(now).replace(tzinfo=SEOUL)
    known: dict[str, Any] = {"customer": {}, "chat": {}, "channel": "channeltalk", "site": SITE}
    return answer(module(name), survey, tables=tables().get, now=at, **known)


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a module with those of `macros` and `estimate` beside them, the product by its name."""
    inner = {**(values.get("macros") or {}), **(values.get("estimate") or {})}
    fitting = values.get("product")
    return {**values, **inner, **({"product": fitting["name"]} if fitting else {})}


def differences(name: str, row: Mapping[str, Any], got: Answer) -> list[str]:
    """What is not as the row says, as lines of a diff; none when all is well."""
    wanted = {"missing": row.get("missing", []), "asks": row.get("asks"), **row.get("values", {})}
    values = flat(got.values)
    found = {"missing": got.missing, "asks": got.asking.key if got.asking else None}
    found.update({key: values.get(key) for key in row.get("values", {})})
    said = [message.plain for message in got.messages]
    if got.asking and (not said or got.asking.plain != said[-1]):
        said.append(got.asking.plain)
    phrases = row["says"]
    told = [
        phrase if phrase in text else text
        for phrase, text in zip(phrases, said[: len(phrases)] + [""] * (len(phrases) - len(said)), strict=True)
    ]
    return list(
        difflib.unified_diff(
            [f"{key}: {value}" for key, value in wanted.items()] + phrases,
            [f"{key}: {value}" for key, value in found.items()] + told + said[len(phrases) :],
            "golden", name, lineterm="",
        )
    )  # fmt: skip


@pytest.mark.parametrize(("name", "row"), [param for name in NAMES for param in rows(name)])
def test_says_what_the_golden_row_says(name: str, row: dict[str, Any]) -> None:
    got = answered(name, row["survey"], row.get("now", NOON))
    diff = differences(name, row, got)
    assert not diff, "\n".join(["", *diff])
    pictures = [message.image for message in got.messages if message.image]
    assert pictures == ([f"{SITE}/static/meals/{row['picture']}.png"] if "picture" in row else [])


@pytest.mark.parametrize(
    ("name", "row"), [param for name in NAMES for param in rows(name) if "values" in param.values[1]]
)
def test_a_second_reckoning_agrees_with_the_golden_row(name: str, row: dict[str, Any]) -> None:
    read = {**row["survey"], **row.get("read", {})}
    if name == "refund":
        at = datetime.fromisoformat(row["now"]).replace(tzinfo=SEOUL)
        reckoned = reckoning.refund(read, row["bought"], at)
    else:
        reckoned = reckoning.diet(read)
    assert {key: reckoned[key] for key in row["values"]} == row["values"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_module_has_no_problem(name: str) -> None:
    source = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")
    assert [str(problem) for problem in check(source, f"{name}.yaml", tables())] == []


@pytest.mark.parametrize("name", ["diet", pytest.param("again", marks=pytest.mark.slow)])
def test_every_answer_that_can_be_chosen_is_understood(name: str) -> None:
    keys = module(name).survey
    person = {"age": 40, "height": 170, "weight": 70, "number_dining": 3}
    for sex, goal, activation in product(*(keys[key].options for key in ("sex", "goal", "activation"))):
        got = answered(name, {**person, "sex": sex, "goal": goal, "activation": activation})
        assert got.missing == [] and got.values["kcal"] > 0


@pytest.mark.slow
def test_everybody_gets_a_product_a_picture_and_whole_sentences() -> None:
    goals = ("5kg 이상 감량", "5kg 미만 감량", "체중 유지", "체중 증량")
    bodies = product((20, 44, 70.5, 110, 300), (100, 168, 250), (1, 18, 19, 59, 120))
    for (weight, height, age), goal, meals in product(bodies, goals, (1, 3, 6)):
        survey = {"weight": weight, "height": height, "age": age, "goal": goal}
        survey |= {"number_dining": meals, "activation": "적음"}
        got = answered("diet", survey)
        texts = [message.plain for message in got.messages]
        assert 10 <= len(texts) <= 12 and got.values["product"]
        assert not any(word in text for text in texts for word in ("None", "null", ".0", "{{", "\n\n\n"))
        assert all(text == text.strip() for text in texts)


def test_every_picture_is_there_and_light_enough_for_a_phone() -> None:
    for row in tables()["diet_plans"].rows:
        picture = MEALS / f"{dict(zip(tables()['diet_plans'].columns, row, strict=True))['picture']}.png"
        content = picture.read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) < 120_000
        assert picture.with_suffix(".svg").is_file()


def test_the_series_takes_less_than_half_a_minute() -> None:
    person = {
        "age": 40,
        "height": 170,
        "weight": 70,
        "number_dining": 3,
        "goal": "감량",
        "activation": "보통",
    }
    waits = [message.wait for message in answered("diet", person).messages]
    assert waits[0] == 0 and min(waits[1:]) >= 1 and sum(waits) < 30


def test_the_customer_is_marked_once_all_is_said() -> None:
    person = {
        "age": 40,
        "height": 170,
        "weight": 70,
        "number_dining": 3,
        "goal": "감량",
        "activation": "보통",
    }
    assert answered("diet", person).effects == {
        "profile": {"curated": "2026-11-20"},
        "tags": ["큐레이션완료"],
    }


def test_again_tells_the_numbers_that_diet_told() -> None:
    person = {
        "age": 40,
        "height": 170,
        "weight": 70,
        "number_dining": 3,
        "goal": "감량",
        "activation": "보통",
    }
    first, second = answered("diet", person).values, answered("again", person).values
    assert {name: first[name] for name in second} == second


def test_a_refund_asks_for_one_thing_after_the_other() -> None:
    replies = {"menu": "주 2회 2식 4주", "delivery_days": "월/수", "received": "3"}
    known: dict[str, Any] = {}
    asked = []
    while (got := answered("refund", known)).asking:
        asked.append(got.asking.key)
        known[got.asking.key] = replies[got.asking.key]
    assert asked == list(replies)
    assert got.values["estimate"]["refund_won"] == 111930


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("환불", ["refund"]), (" 환불요 ", ["refund"]), ("환불하고 싶어요", ["refund"]),
        ("환불 해주세요!", ["refund"]), ("환불 문의드려요", ["refund"]), ("중도환불", ["refund"]),
        ("구독 환불은 얼마나 되나요?", ["refund"]), ("혹시 환불 가능한가요", ["refund"]),
        ("환불하고 싶지 않아요", []), ("환불 말고 교환해 주세요", []), ("친구가 환불받았대요", []),
        ("환불 안 할게요", []), ("환불해 주셔서 감사해요", []), ("환불 요청 취소할게요", []),
        ("완료", ["again"]), ("다시", ["again"]), ("ＤＯＮＥ", ["again"]),
        ("다시 한 번 생각해 볼게요", []), ("안녕하세요", []),
    ],
)  # fmt: skip
def test_only_the_words_for_it_start_a_module(text: str, starts: list[str]) -> None:
    said = Occasion(kind="message", again=False, channel="channeltalk", bots=(), tags=("설문완료",), text=text)
    assert [name for name in NAMES if match(module(name).starts, said)] == starts


@pytest.mark.parametrize(
    ("tags", "again", "starts"),
    [
        (("설문완료",), False, True),
        (("여름이벤트", "설문완료"), False, True),
        ((), False, False),
        (("설문완료",), True, False),
    ],
)
def test_diet_starts_when_the_survey_is_done_and_the_chat_is_new(
    tags: tuple[str, ...], again: bool, starts: bool
) -> None:
    opened = Occasion(kind="chat_opened", again=again, channel="channeltalk", bots=("31877",), tags=tags, text="")
    assert [bool(match(module(name).starts, opened)) for name in NAMES] == [False, starts, False]
