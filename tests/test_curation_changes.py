"""What a new version of a table changes, row by row."""

from curation.lookup import Cell, Table
from curation.table_changes import ADDED, CHANGED, MOVED, REMOVED, SAME, compare


def table(columns: str, *rows: tuple[Cell, ...]) -> Table:
    return Table("t", tuple(columns.split()), rows, tuple(range(2, len(rows) + 2)))


def told(before: Table, after: Table, *keys: str) -> list[tuple[str, int | None, int | None, str]]:
    changes = compare(before, after, keys)
    return [(row.kind, row.before, row.after, " ".join(sorted(row.cells))) for row in changes.rows]


def test_a_price_that_changed_is_one_cell_of_one_row() -> None:
    before = table("name price", ("가", 1000), ("나", 2000))
    assert told(before, table("name price", ("가", 1000), ("나", 2500))) == [(SAME, 0, 0, ""), (CHANGED, 1, 1, "price")]


def test_rows_come_and_go_where_they_stood() -> None:
    before = table("name price", ("가", 1), ("나", 2), ("다", 3))
    after = table("name price", ("가", 1), ("새", 9), ("다", 3))
    assert told(before, after) == [(SAME, 0, 0, ""), (ADDED, None, 1, ""), (REMOVED, 1, None, ""), (SAME, 2, 2, "")]


def test_rows_are_known_again_by_the_ranges_that_modules_look_up() -> None:
    before = table("x_min x_max name note", (0, 50, "가", "a"), (50, None, "나", "b"))
    after = table("x_min x_max name note", (0, 50, "다", "c"), (50, None, "나", "b"))
    assert told(before, after, "x") == [(CHANGED, 0, 0, "name note"), (SAME, 1, 1, "")]


def test_a_bound_that_moved_is_a_change_of_the_rows_beside_it() -> None:
    before = table("x_min x_max name", (0, 50, "가"), (50, 90, "나"))
    after = table("x_min x_max name", (0, 55, "가"), (55, 90, "나"))
    assert told(before, after, "x") == [(CHANGED, 0, 0, "x_max"), (CHANGED, 1, 1, "x_min")]


def test_a_row_that_moved_is_told_since_the_upper_one_wins() -> None:
    before = table("name", ("가",), ("나",), ("다",))
    after = table("name", ("다",), ("가",), ("나",))
    assert told(before, after) == [(MOVED, 2, 0, ""), (SAME, 0, 1, ""), (SAME, 1, 2, "")]


def test_columns_are_told_apart_from_rows() -> None:
    before, after = table("name old", ("가", 1)), table("name new", ("가", 2))
    changes = compare(before, after)
    assert (changes.columns_added, changes.columns_removed) == (("new",), ("old",))
    assert [row.kind for row in changes.rows] == [SAME] and changes.any


def test_a_truth_is_no_number() -> None:
    assert told(table("a b", (1, "x")), table("a b", (True, "x"))) == [(CHANGED, 0, 0, "a")]


def test_the_same_table_differs_in_nothing() -> None:
    rows: list[tuple[Cell, ...]] = [("가", 1), ("가", 1), (None, None)]
    assert not compare(table("a b", *rows), table("a b", *rows)).any
