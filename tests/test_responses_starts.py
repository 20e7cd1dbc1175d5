"""When a module starts."""

from time import process_time
from typing import Any

import pytest

from responses.module import parse
from responses.starts import Occasion, match

HEAD = "module: m\nmessages:\n  - text: x\nstarts:\n"
OPENED = '  - {on: chat_opened, bots: ["31877", 58120], tags: [설문완료, vip]}\n'
SAYS = "  - {on: message, says: [완료, Done]}\n"
MATCHES = "  - {on: message, matches: '^식단 (?P<goal>\\S+)(?P<more> 더)?$'}\n"


def starts(yaml: str, kind: str, **about: Any) -> bool:
    return match(parse(HEAD + yaml).starts, Occasion(kind, **about)) is not None


@pytest.mark.parametrize(
    ("yaml", "about", "does"),
    [
        (OPENED, {"bots": ("31877",), "tags": ("설문완료",)}, True),
        (OPENED, {"bots": ("58120",), "tags": ("기타", "vip")}, True),
        (OPENED, {"bots": ("31877",), "tags": ()}, False),
        (OPENED, {"bots": (), "tags": ("설문완료",)}, False),
        (OPENED, {"bots": ("31877",), "tags": ("설문완료",), "again": True}, False),
        ("  - {on: chat_opened, again: true}\n", {"again": True}, True),
        ("  - {on: chat_opened, again: true}\n", {}, True),
        ("  - on: chat_opened\n", {"channel": "telegram"}, False),
        ("  - {on: chat_opened, channels: [telegram]}\n", {"channel": "telegram"}, True),
        ("  - on: message\n", {}, False),
    ],
)
def test_a_chat_that_opens(yaml: str, about: dict[str, Any], does: bool) -> None:
    assert starts(yaml, "chat_opened", **about) is does


@pytest.mark.parametrize(
    ("yaml", "text", "does"),
    [
        (SAYS, "완료", True),
        (SAYS, "  완료\n", True),
        (SAYS, "ＤＯＮＥ", True),
        (SAYS, "dOnE", True),
        (SAYS, "완료했어요", False),
        (SAYS, "", False),
        ("  - on: message\n", "아무 말", True),
        ("  - on: message\n", "", True),
        (MATCHES, "식단 감량", True),
        (MATCHES, "식단감량", False),
        ("  - {on: message, says: [가], matches: 나}\n", "하나둘", True),
        ("  - {on: message, says: [가], matches: 나}\n", "가", True),
        ("  - on: chat_opened\n", "완료", False),
    ],
)
def test_somebody_writes(yaml: str, text: str, does: bool) -> None:
    assert starts(yaml, "message", text=text) is does


def test_groups_become_values_and_the_others_are_absent() -> None:
    found = match(parse(HEAD + MATCHES).starts, Occasion("message", text="식단 감량"))
    assert found is not None and found.groups == {"goal": "감량"}


def test_a_pattern_that_would_backtrack_for_ever_does_not() -> None:
    began = process_time()
    assert not starts("  - {on: message, matches: '^(a+)+$'}\n", "message", text="a" * 10_000 + "!")
    assert process_time() - began < 1
