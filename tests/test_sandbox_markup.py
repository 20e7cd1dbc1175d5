"""What the stand-in takes as markup: whatever is escaped, and nothing that ChannelTalk would refuse."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import channeltalk_markup as markup
from tests.sandbox_bench import Bench, start_sandbox

WORDS = st.text(max_size=40)
TAGS = st.sampled_from(
    [
        "<b>",
        "</b>",
        "<i>",
        "</i>",
        '<link type="url" value="https://a.kr">',
        "</link>",
        "<",
        "</",
        "<u>",
        "<b",
        ">",
        "&lt;",
    ]
)


@given(WORDS)
def test_escaped_text_is_taken_and_reads_as_it_was(text: str) -> None:
    value = markup.escaped(text)
    markup.check_markup(value, "text")
    assert markup.plain_text([{"type": "text", "value": value}]) == text


@given(WORDS, WORDS)
def test_nested_tags_are_taken_and_leave_only_their_words(outer: str, inner: str) -> None:
    first, second = markup.escaped(outer), markup.escaped(inner)
    value = f'<b>{first}<i>{second}</i></b><link type="url" value="https://a.kr/?a=1&amp;b=2">{second}</link>'
    markup.check_markup(value, "text")
    assert markup.plain_text([{"type": "text", "value": value}]) == outer + inner + inner


@given(st.lists(st.one_of(TAGS, WORDS.map(markup.escaped)), max_size=8).map("".join))
def test_tag_soup_is_either_refused_or_balanced(value: str) -> None:
    with contextlib.suppress(markup.Rejected):
        markup.check_markup(value, "text")
        for name in ("b", "i"):
            assert value.count(f"<{name}>") == value.count(f"</{name}>")
        assert value.count("<") == sum(value.count(tag) for tag in ("<b>", "</b>", "<i>", "</i>", "<link ", "</link>"))


KEYS = st.sampled_from(["type", "value", "blocks", "title", "colorVariant", "action", "attributes", "url"])
KNOWN = st.sampled_from(["text", "bullets", "code", "web", "cobalt", "private", "http://["])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | WORDS | KNOWN,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@pytest.mark.slow
@given(ANYTHING)
def test_any_value_in_place_of_a_message_is_refused_without_a_crash(body: object) -> None:
    for message in (
        body,
        {"blocks": body},
        {"blocks": [body]},
        {"plainText": "a", "buttons": body, "options": body},
        {"plainText": "a", "options": [body]},
        {"plainText": "a", "buttons": [body]},
        {"plainText": "a", "buttons": [{"title": "a", "colorVariant": "red", "action": body}]},
    ):
        with contextlib.suppress(markup.Rejected):
            markup.check_message(message)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = start_sandbox("http://127.0.0.1:9", Path(tmp_path_factory.mktemp("sandbox")))
    yield bench
    bench.stop()


REQUEST = (
    b"POST /sandbox/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
    b"POST /sandbox/nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n"
    b"GET /sandbox/settings HTTP/1.0\r\nHost: localhost\r\n\r\n"
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, len(REQUEST) - 1), max_size=6).map(sorted))
def test_requests_may_arrive_in_any_pieces(bench: Bench, cuts: list[int]) -> None:
    port = int(bench.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in zip([0, *cuts], [*cuts, len(REQUEST)], strict=True):
            connection.sendall(REQUEST[start:end])
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [answers.count(b"HTTP/1.1 %d " % status) for status in (404, 200)] == [2, 1]
