"""The editor's form and the module's YAML, one made from the other: what nobody changed keeps its characters."""

import copy
import difflib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responses.document import read as is_yaml
from web.console import editing

SHIPPED = sorted((Path(__file__).parent.parent / "responses" / "shipped").glob("*.yaml"))
MODULES = [path.read_text(encoding="utf8") for path in SHIPPED if path.read_text(encoding="utf8").count("module:")]

# Every way in which people write a text, a list and a record.
ODDLY_WRITTEN = """\
# about all
module: odd   # the name
title: 'It''s "odd"'
order:   5
starts:
- on: message      # dashes in the first column
  says: [ 안녕 , "b c" ]
# for a bot
- {on: chat_opened, bots: ["31877"], again: true}

survey:
  # who
  name: { type: text , label: 이름, default: 고객 }
  goal:
    type: choice   # one of
    options:
      # the usual ones
      - 감량
      - "유지"
    default:

values:
  a: 1
  b: "a + 1"   # more
  # last
  c: |
    a +
    b

messages:
  # hello
  - text: plain words
      over two lines
    wait: 2

  # bye
  - text: >
      folded

    when: a == 1   # never mind
    buttons:
      - {title: 가, url: "https://a.kr"}
  - "text": |-
      no break at the end
    # nothing else
yields: false
effects:
  # for the books
  profile: {curated: "{{ now | date }}"}   # the day
  tags: [ 가, "나 다" ]

  # for the team
  mail:
    to: 'team@example.kr'
    # what it is about
    subject: "설문: 끝"
    text: >-
      folded
      words
    html: |
      <p>a</p>
# the end
"""
TEXTS = [*MODULES, ODDLY_WRITTEN]
words = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30).map(str.strip)
said = st.one_of(
    words,
    st.sampled_from(["null", "true", "- a", "a: b", "# a", "'", '"', "{a", "[", "a #b", "1.5", "~", "|", "a\n\n b"]),
)


def even(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def plain(form: Any) -> Any:
    """A form without its ids: entries in their order."""
    if not isinstance(form, dict):
        return form
    if form and all(isinstance(entry, dict) for entry in form.values()) and "starts" not in form:
        return [plain(entry) for entry in form.values()]
    return {name: plain(entry) for name, entry in form.items() if entry not in ("", {})}


def comments(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip().startswith("#")]


@pytest.mark.parametrize("text", TEXTS)
def test_a_form_that_nobody_changed_writes_the_very_same_text(text: str) -> None:
    assert editing.write(text, editing.read(text)) == text


@given(data=st.data(), new=said)
@settings(max_examples=40)
def test_a_changed_text_changes_its_own_lines_and_says_what_was_typed(data: st.DataObject, new: str) -> None:
    text, form = ODDLY_WRITTEN, editing.read(ODDLY_WRITTEN)
    place = data.draw(st.sampled_from(sorted(form["messages"])))
    old, form["messages"][place]["text"] = form["messages"][place]["text"], even(new)
    written = editing.write(text, form)
    assert plain(editing.read(written)) == plain(form)
    assert comments(written) == comments(text) or "#" in new or "#" in old
    own = {line for line, name in editing.fields_by_line(text, form).items() if name == f"messages.{place}.text"}
    others = [line for number, line in enumerate(text.split("\n"), 1) if number not in own]
    kept = iter(written.split("\n"))
    assert all(line in kept for line in others)


@given(data=st.data(), new=said)
@settings(max_examples=40)
def test_entries_are_added_moved_and_taken_out(data: st.DataObject, new: str) -> None:
    text, form = ODDLY_WRITTEN, editing.read(ODDLY_WRITTEN)
    for name in ("starts", "survey", "values", "messages"):
        order = data.draw(st.permutations(sorted(form[name])))
        kept = order[data.draw(st.integers(0, 1)) :] or order
        form[name] = {id: form[name][id] for id in kept}
    form["messages"]["n1"] = {
        "text": even(new),
        "wait": "3",
        "buttons": {"n": {"title": even(new), "url": "https://a"}},
    }
    form["values"]["n2"] = {"name": "added", "expression": even(new)}
    form["survey"]["n3"] = {"name": "more", "type": "choice", "label": even(new), "options": "가\n나", "optional": "on"}
    form["starts"]["n4"] = {
        "on": "message",
        "says": "하나\n둘: 셋",
        "channels": {},
        "tags": "",
        "bots": "",
        "matches": "",
    }
    written = editing.write(text, form)
    is_yaml(written, "")
    back = plain(editing.read(written))
    wanted = plain(copy.deepcopy(form))
    assert back["messages"] == wanted["messages"] and back["values"] == wanted["values"]
    assert back["starts"] == wanted["starts"]
    assert [key["name"] for key in back["survey"]] == [key["name"] for key in wanted["survey"]]
    assert back["survey"][-1]["options"] == "가\n나"


@pytest.mark.parametrize("text", TEXTS)
def test_moving_a_message_takes_its_comment_along_and_loses_none(text: str) -> None:
    form = editing.read(text)
    form["messages"] = dict(reversed(form["messages"].items()))
    written = editing.write(text, form)
    assert sorted(comments(written)) == sorted(comments(text))
    assert plain(editing.read(written)) == plain(form)


def test_a_renamed_value_keeps_its_expression_and_its_comment() -> None:
    form = editing.read(ODDLY_WRITTEN)
    form["values"]["1"]["name"] = "better"
    assert '  better: "a + 1"   # more\n' in editing.write(ODDLY_WRITTEN, form)


def test_a_field_that_is_new_and_one_that_goes_touch_nothing_else() -> None:
    form = editing.read(ODDLY_WRITTEN)
    form["messages"]["0"] |= {"wait": "", "when": "a == 1"}
    form["yields"] = "on"
    written = editing.write(ODDLY_WRITTEN, form)
    gone = [line for line in difflib.ndiff(ODDLY_WRITTEN.split("\n"), written.split("\n")) if line[0] in "+-"]
    assert sorted(gone) == ["+     when: a == 1", "+ yields: true", "-     wait: 2", "- yields: false"]


def test_every_line_knows_its_field() -> None:
    form = editing.read(ODDLY_WRITTEN)
    places = editing.fields_by_line(ODDLY_WRITTEN, form)
    lines = dict(enumerate(ODDLY_WRITTEN.split("\n"), 1))
    found = {lines[number].strip(): name for number, name in places.items()}
    assert found["when: a == 1   # never mind"] == "messages.1.when"
    assert found["no break at the end"] == "messages.2.text"
    assert found['b: "a + 1"   # more'] == "values.1.expression"
    assert found["type: choice   # one of"] == "survey.1.type"
    assert found["order:   5"] == "order"


def test_a_mail_is_changed_in_its_lines_taken_out_and_written_anew() -> None:
    form = editing.read(ODDLY_WRITTEN)
    form["effects"]["mail"]["0"] |= {"to": "a@b.kr, c@d.kr", "profile": "인사팀", "html": ""}
    written = editing.write(ODDLY_WRITTEN, form)
    changed = [line for line in difflib.ndiff(ODDLY_WRITTEN.split("\n"), written.split("\n")) if line[0] in "+-"]
    assert sorted(changed) == [
        "+     profile: 인사팀", "+     to: 'a@b.kr, c@d.kr'", "-       <p>a</p>", "-     html: |",
        "-     to: 'team@example.kr'",
    ]  # fmt: skip
    form["effects"]["mail"] = {}
    without = editing.write(ODDLY_WRITTEN, form)
    assert "team@example.kr" not in without and plain(editing.read(without)) == plain(form)
    fresh = editing.read(without)
    fresh["effects"]["mail"] = {
        "n1": {"to": "{{ email }}", "profile": "", "subject": "a: b", "text": "가\n\n나", "html": ""}
    }
    again = editing.write(without, fresh)
    assert plain(editing.read(again))["effects"] == plain(fresh)["effects"]


def test_the_lines_of_the_effects_know_their_fields() -> None:
    form = editing.read(ODDLY_WRITTEN)
    form["effects"]["mail"] = {"n4": form["effects"]["mail"]["0"]}
    lines = dict(enumerate(ODDLY_WRITTEN.split("\n"), 1))
    found = {lines[number].strip(): name for number, name in editing.fields_by_line(ODDLY_WRITTEN, form).items()}
    assert found["words"] == "effects.mail.n4.text" and found["<p>a</p>"] == "effects.mail.n4.html"
    assert found["mail:"] == "effects.mail.n4" and found['tags: [ 가, "나 다" ]'] == "effects.tags"
    assert found['profile: {curated: "{{ now | date }}"}   # the day'] == "effects.profile.0.value"
