"""What customers write, read as what it should be."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import survey
from responses.keys import Key, plain_number

WEIGHT = Key("weight", "number", "몸무게", unit="kg", min=20, max=300, source="몸무게 (kg)")
AGE = Key("age", "integer", "나이", min=1, max=120, source="age")
GOAL = Key("goal", "choice", "목표", options=("체중 감량", "Keep", "3"), source="goal")
UNREADABLE = object()


def read(key: Key, raw: Any) -> Any:
    got = survey.read({key.name: key}, {key.source: raw})
    return got.values.get(key.name, UNREADABLE)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (63.5, 63.5),
        (63, 63),
        ("63.5", 63.5),
        (" 63.5 ", 63.5),
        ("63.5kg", 63.5),
        ("63.5 KG", 63.5),
        ("６３．５ｋｇ", 63.5),
        ("63㎏", 63),
        ("+63", 63),
        ("20", 20),
        (300.0, 300),
        ("19.9", UNREADABLE),
        (301, UNREADABLE),
        (0, UNREADABLE),
        (-1, UNREADABLE),
        ("-63", UNREADABLE),
        ("63lb", UNREADABLE),
        ("약 63kg", UNREADABLE),
        ("63~65", UNREADABLE),
        ("6 3", UNREADABLE),
        ("63..5", UNREADABLE),
        ("++63", UNREADABLE),
        ("6,3", UNREADABLE),
        ("1e2", UNREADABLE),
        ("1e309", UNREADABLE),
        ("NaN", UNREADABLE),
        (float("nan"), UNREADABLE),
        (float("inf"), UNREADABLE),
        (10**400, UNREADABLE),
        (True, UNREADABLE),
        ([63], UNREADABLE),
        ({"kg": 63}, UNREADABLE),
        ("abc", UNREADABLE),
        ("9" * 100_000, UNREADABLE),
        (None, UNREADABLE),
        ("", UNREADABLE),
    ],
)
def test_a_number(raw: Any, value: Any) -> None:
    assert read(WEIGHT, raw) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("1,234", 1234),
        ("1,234,567.5", 1234567.5),
        ("12,34", None),
        ("1,2345", None),
        ("−5", -5),
        (".5", 0.5),
        ("5.", 5),
    ],
)
def test_thousands_commas(raw: str, value: float | None) -> None:
    assert plain_number(raw) == value


@given(st.integers(-(10**12), 10**12), st.integers(0, 3), st.sampled_from(["", "kg", " KG", "ｋｇ"]))
def test_every_written_number_is_read(number: int, decimals: int, unit: str) -> None:
    value = number / 10**decimals
    written = f"{value:,.{decimals}f}"
    assert plain_number(written + unit, "kg") == pytest.approx(value)
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isdigit() else letter for letter in written)
    assert plain_number(wide, "kg") == pytest.approx(value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [(34, 34), (34.0, 34), ("34.0", 34), ("３４", 34), (34.5, UNREADABLE), ("34.5", UNREADABLE)],
)
def test_an_integer(raw: Any, value: Any) -> None:
    got = read(AGE, raw)
    assert got == value and (value is UNREADABLE or isinstance(got, int))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("체중 감량", "체중 감량"),
        (" 체중  감량 ", "체중 감량"),
        ("ＫＥＥＰ", "Keep"),
        (3, "3"),
        (3.0, "3"),
        ("체중", UNREADABLE),
        ("체중 감량이요", UNREADABLE),
        (True, UNREADABLE),
    ],
)
def test_a_choice_is_a_whole_option(raw: Any, value: Any) -> None:
    assert read(GOAL, raw) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (True, True),
        ("예", True),
        (" Yes ", True),
        ("O", True),
        ("아니요", False),
        ("N", False),
        (0, False),
        ("글쎄", UNREADABLE),
    ],
)
def test_a_boolean(raw: Any, value: Any) -> None:
    assert read(Key("ok", "boolean", source="ok"), raw) is value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (["a", " b ", "", None, 3], ["a", "b", "3"]),
        ("국 추가, 보냉 가방", ["국 추가", "보냉 가방"]),
        ('["a", "b"]', ["a", "b"]),
        ("하나", ["하나"]),
        ([], []),
        ("[broken", UNREADABLE),
        ([["a"]], UNREADABLE),
        (3, UNREADABLE),
    ],
)
def test_a_list(raw: Any, value: Any) -> None:
    assert read(Key("worries", "list", source="worries"), raw) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("2026-12-24", date(2026, 12, 24)),
        ("2026.12.24", date(2026, 12, 24)),
        ("2026. 1. 2.", date(2026, 1, 2)),
        ("2026/12/24", date(2026, 12, 24)),
        ("2026년 12월 24일", date(2026, 12, 24)),
        ("20261224", date(2026, 12, 24)),
        ("2026-12-24T20:00:00Z", date(2026, 12, 25)),  # it is the 25th in Korea by then
        (1783401602120, date(2026, 7, 7)),
        ("1783401602120", date(2026, 7, 7)),
        ("2026-02-30", UNREADABLE),
        ("내일", UNREADABLE),
        (10**18, UNREADABLE),
        (True, UNREADABLE),
    ],
)
def test_a_date(raw: Any, value: Any) -> None:
    assert read(Key("since", "date", source="since"), raw) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("  김하늘\n", "김하늘"),
        ("ｋｉｍ", "kim"),
        ("<b>", "<b>"),
        ("{{7*7}}", "{{7*7}}"),
        ("a\x00b\x07c", "abc"),
        ("\u202eevil\u2066", "evil"),
        ("a\ud800b", "ab"),
        ("가\u200b나", "가나"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("줄\n바꿈\t탭", "줄 바꿈 탭"),
        (63.0, "63"),
        (True, UNREADABLE),
        (["a"], UNREADABLE),
    ],
)
def test_a_text(raw: Any, value: Any) -> None:
    assert read(Key("name", "text", source="name"), raw) == value


def test_a_text_is_cut_at_200_characters_without_parting_an_emoji() -> None:
    key = Key("name", "text", source="name")
    assert read(key, "가" * 10_000) == "가" * 200
    family = "👨\u200d👩\u200d👧"
    assert read(key, "가" * 198 + family) == "가" * 198


@given(st.text(max_size=400))
def test_a_text_is_short_visible_and_storable(raw: str) -> None:
    value = read(Key("name", "text", source="name"), raw)
    if value is not UNREADABLE:
        assert 0 < len(value) <= 200 and value == value.strip() and "\x00" not in value
        value.encode("utf8")


def test_absent_takes_the_default_and_unreadable_never_does() -> None:
    key = Key("weight", "number", "몸무게", min=20, has_default=True, default=60, source="weight")
    for raw, value in (
        (None, 60),
        ("", 60),
        ("  ", 60),
        ("abc", UNREADABLE),
        (1, UNREADABLE),
        ([], UNREADABLE),
    ):
        assert read(key, raw) == value
    assert survey.read({"weight": key}, {"weight": "abc"}).missing == ["몸무게"]


def test_missing_labels_come_in_survey_order_without_what_will_be_asked() -> None:
    asked = Key("goal", "choice", "목표", options=("a",), source="goal", asked=True)
    got = survey.read({"weight": WEIGHT, "goal": asked, "age": AGE}, {"goal": "b"})
    assert got.missing == ["몸무게", "나이"]
    assert got.unknown_asks == ["goal"]


def test_from_names_the_profile_s_key_and_a_reply_may_use_the_own_name() -> None:
    keys = {"weight": WEIGHT}
    assert survey.read(keys, {"몸무게 (kg)": 63, "weight": 99}).values == {"weight": 63}
    assert survey.read(keys, {"weight": 70}).values == {"weight": 70}
    assert survey.read(keys, {"몸무게 (kg)": "몰라요", "weight": 70}).values == {"weight": 70}


def test_the_original_is_kept() -> None:
    got = survey.read({"weight": WEIGHT, "age": AGE}, {"몸무게 (kg)": "６３ kg", "age": "서른"})
    assert got.trace == {
        "weight": {"received": "６３ kg", "read": 63, "from": "몸무게 (kg)"},
        "age": {"received": "서른", "read": None, "from": "age"},
    }


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (WEIGHT, "20~300 사이의 숫자(kg)로 알려 주세요."),
        (AGE, "1~120 사이의 정수로 알려 주세요."),
        (Key("a", "number", min=0), "0 이상의 숫자로 알려 주세요."),
        (GOAL, "체중 감량, Keep, 3 가운데 하나로 알려 주세요."),
        (Key("a", "boolean"), "예 또는 아니요로 알려 주세요."),
        (Key("a", "date"), "2026-12-24처럼 날짜로 알려 주세요."),
    ],
)
def test_hints_say_what_is_expected(key: Key, said: str) -> None:
    assert survey.hint(key) == said
