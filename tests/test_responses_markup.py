"""Data stays data in a text, whatever a customer calls himself."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responses import language, markup
from responses.budget import Budget, spending


def finished(source: str, **scope: Any) -> tuple[str, str]:
    compiled = language.text(source)
    with spending(Budget()) as budget:
        budget.markup = True
        return markup.finish(compiled.render(scope))


@pytest.mark.parametrize(
    ("source", "name", "text", "plain"),
    [
        ("<b>{{ name }}</b>님", "김하늘", "<b>김하늘</b>님", "김하늘님"),
        ("{{ name }}", "<b>", "&lt;b&gt;", "<b>"),
        ("{{ name }}", 'A & "B"', "A &amp; &quot;B&quot;", 'A & "B"'),
        ("{{ name }}", "&lt;", "&amp;lt;", "&lt;"),
        ("{{ name }}", "{{7*7}}", "{{7*7}}", "{{7*7}}"),
        ("{{ name }}", "${user.name}", "$\u200b{user.name}", "${user.name}"),
        ("${{ name }}", "{user.name}", "$\u200b{user.name}", "${user.name}"),
        ("{{ name }}", ":smile:", ":\u200bsmile:", ":smile:"),
        ("{{ name }}smile:", "a:", "a:\u200bsmile:", "a:smile:"),
        ("{{ name }}", "14:05", "14:05", "14:05"),
        ("안녕 :wave: {{ name }}", "하늘", "안녕 :wave: 하늘", "안녕 👋 하늘"),
        ("A & B &amp; {{ name }}", "C", "A &amp; B &amp; C", "A & B & C"),
        ("<b>{{ name }}", "열림", "<b>열림</b>", "열림"),
        ("{{ name }}</b>", "닫힘", "닫힘", "닫힘"),
        (
            '<link type="url" value="{{ name }}">보기</link>',
            "https://a.kr/?a=1&b=:8:",
            '<link type="url" value="https://a.kr/?a=1&amp;b=:8:">보기</link>',
            "보기",
        ),
        ('<link type="url" value="{{ name }}">보기</link>', "javascript:alert(1)", "보기", "보기"),
        (
            '<link type="url" value="{{ name }}">보기</link>',
            'x"><b>',
            "보기",
            "보기",
        ),
    ],
)
def test_text_for_the_channel_and_plain_words(source: str, name: str, text: str, plain: str) -> None:
    assert finished(source, name=name) == (text, plain)


@given(st.text(max_size=60))
def test_no_data_becomes_markup(name: str) -> None:
    text, plain = finished("<b>{{ name }}</b>", name=name)
    inside = text.removeprefix("<b>").removesuffix("</b>")
    assert "<" not in inside and ">" not in inside and '"' not in inside and "${" not in inside
    assert not re.search(r"&(?!(?:amp|lt|gt|quot);)", inside)
    assert not re.search(r":[-+_0-9a-zA-Z]+:", inside)
    assert plain == re.sub("[\ufdd0-\ufdd2]", "", name)


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("https://shop.example.kr/a?b=1&c=2", True),
        ("http://127.0.0.1:8000/x.png", True),
        ("HTTPS://A.KR", True),
        ("", False),
        ("shop.example.kr", False),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("https:// a.kr", False),
        ("https://a.kr/\n", False),
        ('https://a.kr/"x', False),
        ("https://a.kr/" + "x" * 2000, False),
    ],
)
def test_only_web_addresses_are_addresses(address: str, fine: bool) -> None:
    assert markup.is_web_address(address) is fine
