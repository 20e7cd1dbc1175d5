"""Pages as they come: in which letters, how broken, and the numbers people write in them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import page
from alerts.numbers import read_number
from alerts.watch_file import Figure


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234명", 1234),
        ("+ 56", 56),
        ("약 1,200", 1200),
        ("1만 2천", 12_000),
        ("3억", 300_000_000),
        ("1억 2,345만 6,789", 123_456_789),
        ("2천만", 20_000_000),
        ("1.5만 명", 15_000),
        ("△ 5", -5),
        ("▼7", -7),
        ("▲ 1,000", 1000),
        ("−3.5%", -3.5),
        ("１，２３４", 1234),
        ("12.50", 12.5),
        ("1,234명 (전일 대비 +56)", 1234),
        ("(+56)", 56),
        ("1,\u200b234", 1234),
        ("\u200e12\u200f", 12),
        ("총 0 명", 0),
        ("", None),
        ("집계 중", None),
        ("1,23", None),
        ("1.2.3", None),
        ("2026-11-26", None),
        ("1,234 / 5,678", None),
        ("1천 2만", None),
        ("9" * 20, None),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, number: float | None) -> None:
    assert read_number(text) == number


WAYS = ("{:,}", "{}", "{:,}명", "+ {:,}", "약 {:,} 건", "▲{}", "신규 {:,}명", "{:,} (+3)", " {:,}\n명 ")


@given(st.integers(0, 10**15 - 1), st.sampled_from(WAYS))
def test_every_whole_number_is_read_back(number: int, way: str) -> None:
    assert read_number(way.format(number)) == number


@given(st.integers(1, 9999), st.integers(0, 9999), st.integers(0, 9999))
def test_every_number_in_man_and_eok_is_read_back(eok: int, man: int, one: int) -> None:
    said = f"{eok:,}억" + (f" {man:,}만" if man else "") + (f" {one:,}" if one else "")
    assert read_number(said) == eok * 10**8 + man * 10**4 + one


@given(st.text(st.sampled_from("0123456789,.만억천+-△() 명\u200b"), max_size=30))
def test_what_is_no_number_is_none_and_nothing_is_raised(text: str) -> None:
    number = read_number(text)
    assert number is None or abs(number) < 10**15


# --- pages ---


def figure(how: str, where: str, kind: str = "text") -> dict[str, Figure]:
    return {"f": Figure("f", how, where, "f", kind)}


def one(body: bytes, content_type: str, how: str, where: str, kind: str = "text") -> page.Read:
    return page.read(body, content_type, figure(how, where, kind)).figures["f"]


KOREAN = "<p id=a>똠방각하 확진 1,234명</p>"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (KOREAN.encode(), "text/html; charset=utf-8"),
        (KOREAN.encode(), "text/html"),
        (KOREAN.encode("utf-8-sig"), "text/html; charset=iso-8859-1"),
        (KOREAN.encode("utf-16"), "text/html"),
        (KOREAN.encode("cp949"), "text/html; charset=euc-kr"),
        (KOREAN.encode("cp949"), "text/html; charset=ks_c_5601-1987"),
        (f"<meta charset=euc-kr>{KOREAN}".encode("cp949"), "text/html"),
        (f'<meta http-equiv=x content="text/html; charset=EUC-KR">{KOREAN}'.encode("cp949"), "text/html"),
        (KOREAN.encode("cp949"), "text/html; charset=utf-8"),  # it says what it is not
        (KOREAN.encode(), "text/html; charset=idna"),
        (KOREAN.encode(), "text/html; charset=hex"),
        (KOREAN.encode(), "text/html; charset=undefined"),
    ],
)
def test_a_page_is_read_in_its_letters(body: bytes, content_type: str) -> None:
    assert one(body, content_type, "css", "#a").value == "똠방각하 확진 1,234명"
    assert one(body, content_type, "regex", "확진 ([0-9,]+)명", "number").value == 1234


def test_line_breaks_of_the_source_are_not_seen() -> None:
    body = "<p>신규\n   1,234\n명</p>".encode()
    assert one(body, "text/html", "regex", "신규 ([0-9,]+) 명", "number").value == 1234


def test_numbers_of_json_keep_all_their_digits() -> None:
    body = json.dumps({"a": 0.1234567, "b": [{"c": "1,234명"}], "d": -7, "e": 12.0}).encode()
    wanted = {"$.a": 0.1234567, "$.b[0].c": 1234, "$.d": -7, "$.e": 12}
    for where, value in wanted.items():
        assert one(body, "application/json", "jsonpath", where, "number").value == value


@pytest.mark.parametrize(
    ("body", "how", "where", "why"),
    [
        (b"<p>1</p>", "css", "#a", "nothing on the page fits #a"),
        (b"<p id=a></p>", "css", "#a", "it is empty"),
        (b"<p id=a>1 2</p>", "css", "#a", "is not one number"),
        (b"<p>1</p>", "jsonpath", "$.a", "the page is no JSON"),
        (b'{"a": true}', "jsonpath", "$.a", "neither a number nor a text"),
        (b'{"a": 1e999}', "jsonpath", "$.a", "is not one number"),
        (b'{"a": 1}', "css", "#a", "the page is JSON"),
        (b"[" * 100_000, "jsonpath", "$.a", "the page is no JSON"),
        (b"", "css", "#a", "nothing on the page fits #a"),
        (b"<p>1</p>", "regex", "x([0-9]+)", "nothing on the page fits"),
    ],
)
def test_what_cannot_be_read_says_why(body: bytes, how: str, where: str, why: str) -> None:
    reading = page.read(body, "text/html", figure(how, where, "number"))
    assert reading.figures["f"].value is None and reading.why.startswith("f: ") and why in reading.why


@given(st.binary(max_size=300), st.sampled_from(["text/html", "application/json", "text/html; charset=x", ""]))
def test_no_page_breaks_the_reader(body: bytes, content_type: str) -> None:
    figures: dict[str, Any] = {
        "a": Figure("a", "css", "p", "a"),
        "b": Figure("b", "jsonpath", "$..b", "b"),
        "c": Figure("c", "regex", "([0-9]+)", "c", "text"),
    }
    read = page.read(b"<p>" + body, content_type, figures, placed=True)
    for name, found in read.figures.items():
        assert (found.value is None) == bool(found.why)
        assert "\x00" not in f"{found.value}{found.why}", name


def test_where_a_figure_stands_in_the_page_is_known() -> None:
    body = "<h1>5</h1><p>합 5 <b id=a> 5</b>명</p><div class=x>12\n 34</div>".encode()
    figures = {**figure("css", "#a"), "x": Figure("x", "css", ".x", "x", "text")}
    read = page.read(body, "text/html", figures, placed=True)
    assert read.text == "5\n합 5 5명\n12 34"
    assert [(one.begin, one.end) for one in read.figures.values()] == [(6, 7), (9, 14)]


def test_tags_in_tags_without_an_end_take_no_time_to_speak_of() -> None:
    read = page.read(b"<b>" * 600_000, "text/html", figure("css", "#a"))
    assert "nothing on the page fits" in read.why
