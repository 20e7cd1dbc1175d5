"""What a viewer sees of a customer's data."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.masking import masked


@pytest.mark.parametrize(
    "value, shown",
    [
        ("김하늘", "김••"),
        ("김하늘 님", "김•• 님•"),
        ("sky@example.kr", "s•••@example.kr"),
        ("+82 10-1234-5678", "••••••78"),
        ("01012345678", "••••••78"),
        (63.5, "•••"),
        (True, True),
        (None, None),
        ("", ""),
        ({"name": "김하늘", "tags": ["여름이벤트"]}, {"name": "김••", "tags": ["여•••"]}),
    ],
)
def test_keeps_just_enough_to_tell_two_people_apart(value: Any, shown: Any) -> None:
    assert masked(value) == shown


@given(st.text(st.characters(exclude_characters="•"), min_size=3))
def test_no_text_comes_through_whole(text: str) -> None:
    assert masked(text) != text or not text.strip()


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda it: st.lists(it) | st.dictionaries(st.text(), it),
    )
)
def test_masks_anything_that_json_can_hold(value: Any) -> None:
    masked(value)
