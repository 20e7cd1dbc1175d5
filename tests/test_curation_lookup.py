"""How a row is found in a table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.lookup import Cell, Table
from curation.sheets import csv_text
from responses.keys import fold, plain_number
from responses.problems import ModuleError


def table(columns: str, *rows: tuple[Cell, ...]) -> Table:
    return Table("t", tuple(columns.split()), rows, tuple(range(2, len(rows) + 2)), 7)


def found(of: Table, **keys: Any) -> int | None:
    return of.lookup(**keys)[1]


RANGES = table("carbs_min carbs_max name", (None, 50, "a"), (50, 80, "b"), (80, None, "c"))


@pytest.mark.parametrize(
    ("carbs", "row"), [(-5, 2), (0, 2), (49.9, 2), (50, 3), (79.99, 3), (80, 4), (10**9, 4), ("55", 3)]
)
def test_a_range_includes_its_min_and_not_its_max(carbs: Any, row: int) -> None:
    assert found(RANGES, carbs=carbs) == row


def test_gives_the_whole_row_and_its_number() -> None:
    assert RANGES.lookup(carbs=60) == ({"carbs_min": 50, "carbs_max": 80, "name": "b"}, 3)


@pytest.mark.parametrize(
    ("goal", "row"),
    [
        ("감량", 2),
        (" 감량 ", 2),
        ("KEEP", 3),
        ("ｋｅｅｐ", 3),
        ("34", 4),
        (34, 4),
        (34.0, 4),
        ("３４", 4),
        ("1,000", 5),
        ("다른", 6),
    ],
)
def test_equal_as_numbers_or_as_folded_text_or_any(goal: Any, row: int) -> None:
    goods = table("goal name", ("감량", 1), ("Keep", 2), (34, 3), ("1,000", 4), ("*", 5), ("다른", 6))
    assert found(goods, goal=goal) == row


def test_the_first_match_wins_in_sheet_order() -> None:
    goods = table("goal kind", ("*", "x"), ("감량", "x"), ("감량", "y"))
    assert found(goods, goal="감량", kind="x") == 2
    assert found(goods, goal="감량", kind="y") == 4
    assert found(goods, goal="감량", kind="z") is None


def test_null_finds_only_what_is_open() -> None:
    assert found(RANGES, carbs=None) is None
    assert found(table("a_min a_max", (None, None)), a=None) == 2
    assert found(table("goal", ("감량",), (None,)), goal=None) == 3


def test_dates_compare_as_iso_text() -> None:
    days = table("day_min day_max", ("2026-01-01", "2026-07-01"), ("2026-07-01", None))
    assert found(days, day="2026-06-30") == 2
    assert found(days, day="2026-12-24") == 3


def test_an_unknown_key_is_an_error_with_a_hint() -> None:
    with pytest.raises(ModuleError, match="no column 'carb'.*Did you mean 'carbs'"):
        RANGES.lookup(carb=1)


def test_survives_json() -> None:
    again = Table.from_json(RANGES.to_json(), 7)
    assert again == RANGES


def test_a_formula_is_quoted_on_its_way_out() -> None:
    goods = table("a b", ("=1+1", -5), ("+82 10", "@x"), ("-", 2.0))
    assert csv_text(goods) == "a,b\r\n'=1+1,-5\r\n'+82 10,'@x\r\n'-,2\r\n"


def brute_force(of: Table, keys: dict[str, Any]) -> int | None:
    def number(cell: Any) -> Any:
        return cell if isinstance(cell, int | float) else plain_number(cell) if isinstance(cell, str) else None

    def less(one: Any, other: Any) -> bool:
        if number(one) is not None and number(other) is not None:
            return bool(number(one) < number(other))
        return fold(str(one)) < fold(str(other))

    def equal(one: Any, other: Any) -> bool:
        if one is None or other is None:
            return one is other
        if number(one) is not None and number(other) is not None:
            return bool(number(one) == number(other))
        return fold(str(one)) == fold(str(other))

    for row, place in zip(of.rows, of.row_numbers, strict=True):
        cells = dict(zip(of.columns, row, strict=True))
        for key, value in keys.items():
            if key in cells:
                if cells[key] != "*" and not equal(cells[key], value):
                    break
            else:
                low, high = cells[f"{key}_min"], cells[f"{key}_max"]
                if (low is not None and less(value, low)) or (high is not None and not less(value, high)):
                    break
        else:
            return place
    return None


bound = st.none() | st.integers(0, 9)
cell = st.sampled_from(["a", "A", " b", "*", "1", 1, 2, "2.0", None])


@given(
    st.lists(st.tuples(cell, bound, bound, bound, bound), max_size=12),
    st.sampled_from(["a", "b", "c", 1, "2", 2.0, None]),
    st.floats(-1, 10).map(lambda number: round(number, 1)),
    st.integers(-1, 10),
)
def test_finds_what_reading_row_by_row_finds(rows: list[Any], kind: Any, x: float, y: int) -> None:
    goods = table("kind x_min x_max y_min y_max", *rows)
    for keys in (
        {"kind": kind},
        {"x": x},
        {"x": x, "y": y},
        {"kind": kind, "x": x},
        {"kind": kind, "x": x, "y": y},
    ):
        assert found(goods, **keys) == brute_force(goods, keys), keys
