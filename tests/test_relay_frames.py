"""The frames of bots: the samples that both sides hold to, and whatever else may come."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay import frames
from store.bot_calls import Answer, Call

SAMPLES = Path(__file__).parent / "wire" / "relay" / "v1"
ASKED = datetime(2026, 12, 24, 1, 0, tzinfo=UTC)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(["ask", "seq", "text", "buttons", "files", "seconds", "commands", "concurrency", "open", "sdk"])


def sample(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf8"))
    return found


@pytest.mark.parametrize("name", ["hello", "reply", "wait", "done", "failed", "typing"])
def test_what_bots_of_old_say_is_taken(name: str) -> None:
    frame = frames.read((SAMPLES / f"{name}.json").read_text(encoding="utf8"))
    if name == "hello":
        told = frames.hello(frame)
        assert (told.protocol, told.concurrency, told.messages, told.open) == (1, 8, True, (41,))
        assert told.commands[0].usage == "/예약 room span"
    elif name in frames.SPOKEN:
        said = frames.spoken(frame)
        assert (said.ask, said.seq) == (42, frame["seq"])
        assert (said.body is None) == (name == "done")
    else:
        assert frames.ask_number(frame["ask"]) == 42


def test_what_bots_of_old_are_told_is_what_we_say() -> None:
    call = Call(
        id=42, command="/예약", text="회의실 10:00~11:00", person="U1", name="민지", guest=False, channel="webex",
        chat="R1", room=True, language="ko", asked_at=ASKED, expires_at=ASKED + timedelta(minutes=10),
    )  # fmt: skip
    told = json.loads(frames.ask(call, ZoneInfo("Asia/Seoul")))
    wanted = sample("ask")
    for name in ("asked_at", "expires_at"):
        assert datetime.fromisoformat(told.pop(name)) == datetime.fromisoformat(str(wanted.pop(name)))
    assert told == wanted
    assert json.loads(frames.answer(Answer(call_id=42, seq=2, text="3시"))) == sample("answer")
    assert json.loads(frames.welcome("home", "rooms", 1, [("/팀", "a built-in command")])) == sample("welcome")
    assert json.loads(frames.made("ok", ask="c42", seq=1)) == sample("ok")
    assert json.loads(frames.made("drain")) == sample("drain")
    with pytest.raises(frames.Wrong) as wrong:
        frames.spoken({**frames.read(json.dumps(sample("reply"))), "text": "x" * 20_001})
    assert {"type": "no", "ask": "c42", "seq": 1, "why": str(wrong.value)} == sample("no")


@given(st.sampled_from(["hello", *frames.SPOKEN]), st.dictionaries(names, values, max_size=8))
def test_whatever_comes_is_taken_or_refused_in_words(kind: str, told: dict[str, object]) -> None:
    frame = {"ask": "c1", "seq": 1, **told, "type": kind}
    try:
        said = frames.hello(frame) if kind == "hello" else frames.spoken(frame)
    except frames.Wrong as wrong:
        assert str(wrong)
    else:
        assert isinstance(said, frames.Hello) == (kind == "hello")


@given(st.text(max_size=200) | st.builds(json.dumps, values))
def test_any_text_is_a_frame_or_is_refused(text: str) -> None:
    try:
        assert isinstance(frames.read(text)["type"], str)
    except frames.Wrong as wrong:
        assert str(wrong)


@given(st.text(min_size=1, max_size=300).filter(str.strip))
def test_the_words_of_a_bot_are_words_and_never_markup(words: str) -> None:
    frame = frames.read(json.dumps({"type": "reply", "ask": "c1", "seq": 1, "text": words}))
    if not str(frame["text"]).strip():
        return
    body = frames.spoken(frame).body or {}
    assert body["plain"] == str(frame["text"]).strip()
    assert "<" not in body["text"] and ">" not in body["text"]
