"""Formulas that modules call by name: their promises, at the edges."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import formulas

PEOPLE = {
    "weight_kg": st.floats(20, 300),
    "height_cm": st.floats(100, 250),
    "protein_per_kg": st.sampled_from([1.2, 1.6]),
}


@given(kcal=st.integers(600, 9000), **PEOPLE)
def test_macros_add_up_to_the_calories(kcal: int, weight_kg: float, height_cm: float, protein_per_kg: float) -> None:
    grams = formulas.day_macros(kcal, weight_kg, height_cm, protein_per_kg)
    assert abs(4 * grams["carbs"] + 4 * grams["protein"] + 9 * grams["fat"] - kcal) <= 2
    assert 0.14 * kcal <= 4 * grams["protein"] <= 0.31 * kcal


@given(maintenance=st.integers(700, 7000), percent=st.sampled_from([-20, -15, 0, 10]))
def test_goal_calories_never_starve_and_never_stuff(maintenance: int, percent: int) -> None:
    for sex, lowest in (("male", 1500), ("female", 1200), ("unknown", 1350), (None, 1350)):
        kcal = formulas.goal_calories(maintenance, percent, sex)
        assert maintenance - 705 <= kcal <= maintenance + 505
        assert kcal >= min(lowest, maintenance - 5)


def test_nobody_underweight_or_growing_is_put_on_a_diet() -> None:
    assert formulas.safe_course("lose_more", 18.4, 30) == "keep"
    assert formulas.safe_course("lose", 27, 18) == "keep"
    assert formulas.safe_course("lose", 18.5, 19) == "lose"
    assert formulas.safe_course("gain", 17, 15) == "gain"


@pytest.mark.parametrize(
    ("words", "ml"),
    [
        ("1000ml 이하", 1000), ("１，５００ｍｌ", 1500), ("1~1.5L", 1250), ("1000ml-1500ml", 1250),
        ("2 L 이상", 2000), ("하루 2리터", 2000), ("1500", 1500), ("1.5", 1500), ("500밀리리터", 500),
        ("잘 안 마셔요", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_reads_how_much_water_the_words_speak_of(words: str | None, ml: int | None) -> None:
    assert formulas.millilitres(words) == ml


@given(st.text(max_size=200))
def test_reading_water_makes_an_amount_or_nothing_of_any_words(words: str) -> None:
    assert (formulas.millilitres(words) or 0) >= 0


def test_reads_a_menu_in_whatever_order_it_is_written() -> None:
    expected = {"per_week": 2, "meals": 2, "weeks": 4, "price": 199000}
    for words in ("주 2회 2식 4주 (199,000원)", "주2회2식4주 199000원", "２식 4주, 주 ２회 （199,000 원）"):
        assert formulas.menu_bought(words) == expected


def test_a_menu_without_its_numbers_is_null() -> None:
    for words in ("다이어트 도시락", "주 2회 2식", "2식 4주", "주 0회 2식 4주", "", None):
        assert formulas.menu_bought(words) is None


def test_option_names_lose_their_prices_and_the_words_for_none() -> None:
    assert formulas.option_names(["국 추가 (16", "000원)", "보냉  가방"]) == ["국 추가", "보냉 가방"]
    assert formulas.option_names(["없음"]) == []
    assert formulas.option_names(None) == []


def test_names_beyond_the_rows_count_as_unlisted() -> None:
    assert formulas.unlisted(["a", "b", "c"], [{"price": 1}, None]) == ["b", "c"]


@pytest.mark.parametrize(
    ("now", "locked", "next_stop"),
    [
        ("2026-11-22 14:59", 0, "2026-11-23"),  # Sunday, a minute before the cut-off for Monday
        ("2026-11-22 15:00", 1, "2026-11-25"),  # on the stroke it is too late
        ("2026-11-23 06:59", 1, "2026-11-25"),  # Monday's box is on its way
        ("2026-11-23 07:00", 0, "2026-11-25"),  # and has arrived: counted among the received
        ("2026-11-24 15:00", 1, "2026-11-30"),
    ],
)
def test_the_cut_off_is_the_hour_on_the_day_before(now: str, locked: int, next_stop: str) -> None:
    schedule = formulas.delivery_schedule(datetime.fromisoformat(now), "월/수", 15, 7)
    assert (schedule["locked"], str(schedule["next_stop"])) == (locked, next_stop)


def test_nothing_is_locked_before_the_first_delivery() -> None:
    schedule = formulas.delivery_schedule(datetime(2026, 11, 22, 20, tzinfo=UTC), "월/수", 15, 7, date(2026, 12, 2))
    assert (schedule["locked"], schedule["next_stop"]) == (0, date(2026, 12, 2))


@given(
    price=st.integers(0, 2_000_000), deliveries=st.integers(1, 60), received=st.integers(0, 80),
    locked=st.integers(0, 2), fee=st.integers(0, 100), per_delivery=st.integers(0, 9000),
    once=st.integers(0, 50_000), gift=st.integers(0, 50_000),
)  # fmt: skip
def test_a_refund_is_between_nothing_and_what_was_paid(
    price: int, deliveries: int, received: int, locked: int, fee: int, per_delivery: int, once: int, gift: int
) -> None:
    lines = formulas.refund_estimate(price, deliveries, received, locked, fee, per_delivery, once, gift)
    assert 0 <= lines["refund_won"] <= lines["paid"]
    assert lines["refund_won"] % 10 == 0
    assert lines["used"] + lines["left"] == lines["total"] == deliveries
    taken = lines["used_won"] + lines["once_won"] + lines["fee_won"] + lines["gift_won"]
    assert lines["refund_won"] == max(0, lines["paid"] - taken) // 10 * 10


def test_times_are_said_as_people_say_them() -> None:
    said = [formulas.korean_hour(datetime(2026, 11, 23, hour, 30 * (hour == 9))) for hour in (0, 9, 12, 15)]
    assert said == ["0시", "오전 9시 30분", "낮 12시", "오후 3시"]
    assert formulas.korean_day(date(2026, 11, 23)) == "11월 23일(월)"
