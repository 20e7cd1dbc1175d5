"""Drafts, live and past versions of modules through `flask responses …`."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import fresh, headed, look, named, stopped, written


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[str], str],
) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("stopped"), new_database(request.param)) as built:
        yield built


def stored(house: House, name: str, words: str, publish: bool = True) -> Any:
    path = written(house, headed(f"messages:\n  - text: {words}\n", name), "yaml")
    return house.flask("responses", "import", path, *(["--publish"] if publish else []))


def said(house: House, name: str, *words: str) -> tuple[str, Any]:
    seen = look(house, name, {}, *words)
    return seen["messages"][0]["plain"], seen["version"]


def row(house: House, name: str) -> dict[str, Any]:
    (found,) = [row for row in house.flask("responses", "list") if row["module"] == name]
    return dict(found)


def test_the_shipped_modules_are_there_and_live(house: House) -> None:
    found = {row["module"]: row for row in house.flask("responses", "list")}
    assert {"diet", "refund", "again"} <= set(found)
    assert {found[name]["order"] for name in ("diet", "refund", "again")} == {900}
    assert found["diet"]["live"] >= 1
    assert found["diet"]["title"] == "1:1 식단 큐레이션"


def test_the_shipped_modules_are_in_order(house: House) -> None:
    assert house.flask("responses", "check") == {"problems": []}


def test_a_preview_has_the_shape_of_the_contract(house: House) -> None:
    survey = {
        "name": "김하늘",
        "height": 168,
        "weight": 63.5,
        "age": 34,
        "goal": "체중 감량",
        "number_dining": "2회",
    }
    seen = look(house, "diet", {**survey, "activation": "보통 (주 3-4회 운동)", "hydrate": "1000ml 이하"})
    assert set(seen) == {"module", "version", "missing", "values", "messages", "trace"}
    assert (seen["module"], seen["version"], seen["missing"]) == ("diet", 1, [])
    assert 8 <= len(seen["messages"]) <= 13
    assert all(set(message) == {"text", "plain", "wait", "buttons", "image"} for message in seen["messages"])
    assert {"inputs", "values", "messages"} <= set(seen["trace"])


def test_an_import_is_a_draft_that_nobody_hears(house: House) -> None:
    name = fresh()
    stored(house, name, "하나", publish=False)
    assert (row(house, name)["live"], row(house, name)["draft"]) == (None, True)
    assert said(house, name) == ("하나", None)


def test_publishing_numbers_from_one_and_uses_the_draft_up(house: House) -> None:
    name = fresh()
    stored(house, name, "하나", publish=False)
    assert house.flask("responses", "publish", name)["version"] == 1
    assert (row(house, name)["live"], row(house, name)["draft"]) == (1, False)
    assert "no draft" in house.flask("responses", "publish", name, code=1).stderr
    assert stored(house, name, "둘")["version"] == 2
    assert said(house, name) == ("둘", 2)


def test_a_second_import_replaces_the_draft(house: House) -> None:
    name = fresh()
    stored(house, name, "하나", publish=False)
    stored(house, name, "둘", publish=False)
    assert said(house, name) == ("둘", None)
    assert house.flask("responses", "publish", name)["version"] == 1
    assert house.flask("responses", "publish", name, code=1).stdout == ""


def test_a_preview_shows_the_draft_then_live_and_any_version_asked_for(house: House) -> None:
    name = fresh()
    stored(house, name, "하나")
    stored(house, name, "둘")
    assert said(house, name) == ("둘", 2)
    stored(house, name, "셋", publish=False)
    assert said(house, name) == ("셋", None)
    assert said(house, name, "--version", "1") == ("하나", 1)
    assert said(house, name, "--version", "2") == ("둘", 2)
    assert look(house, name, {}, "--version", "3", code=1).stdout == ""


def test_rolling_back_goes_to_the_one_live_before(house: House) -> None:
    name = fresh()
    for words in ("하나", "둘", "셋"):
        stored(house, name, words)
    assert house.flask("responses", "rollback", name)["version"] == 2
    assert said(house, name) == ("둘", 2)
    assert row(house, name)["live"] == 2


def test_rolling_back_again_goes_back_further_until_there_is_no_more(house: House) -> None:
    name = fresh()
    for words in ("하나", "둘", "셋"):
        stored(house, name, words)
    assert [house.flask("responses", "rollback", name)["version"] for _ in range(2)] == [2, 1]
    assert said(house, name) == ("하나", 1)
    assert house.flask("responses", "rollback", name, code=1).stdout == ""


def test_rolling_back_to_a_number(house: House) -> None:
    name = fresh()
    for words in ("하나", "둘", "셋"):
        stored(house, name, words)
    assert house.flask("responses", "rollback", name, "--to", "1")["version"] == 1
    assert said(house, name) == ("하나", 1)
    assert house.flask("responses", "rollback", name, "--to", "3")["version"] == 3
    assert said(house, name) == ("셋", 3)


def test_after_a_rollback_the_next_version_gets_a_new_number(house: House) -> None:
    name = fresh()
    for words in ("하나", "둘"):
        stored(house, name, words)
    house.flask("responses", "rollback", name)
    assert stored(house, name, "셋")["version"] == 3
    assert house.flask("responses", "rollback", name)["version"] == 1
    assert said(house, name) == ("하나", 1)


def test_a_rollback_keeps_the_draft(house: House) -> None:
    name = fresh()
    for words in ("하나", "둘"):
        stored(house, name, words)
    stored(house, name, "셋", publish=False)
    house.flask("responses", "rollback", name)
    assert (row(house, name)["live"], row(house, name)["draft"]) == (1, True)
    assert said(house, name) == ("셋", None)


@pytest.mark.parametrize("words", [(), ("--to", "9"), ("--to", "0"), ("--to", "-1")])
def test_where_there_is_nothing_to_go_back_to_the_answer_is_no(house: House, words: tuple[str, ...]) -> None:
    name = fresh()
    stored(house, name, "하나")
    done = house.flask("responses", "rollback", name, *words, code=None)
    assert done.returncode in ((1,) if not words or words[1] == "9" else (1, 2))
    assert done.stdout == "" and done.stderr.strip()
    assert said(house, name) == ("하나", 1)


def test_a_module_with_an_error_is_not_stored(house: House) -> None:
    name = fresh()
    stored(house, name, "하나")
    path = written(house, headed("messages:\n  - text: '{{ nobody }}'\n", name), "yaml")
    done = house.flask("responses", "import", path, "--publish", code=1)
    assert done["problems"][0]["line"] == 7
    assert (row(house, name)["live"], row(house, name)["draft"]) == (1, False)


def test_an_export_is_what_was_imported_comments_and_all(house: House) -> None:
    text = headed("# 설명\nmessages:\n  - text: '하나'   # 인사\n  - text: |\n      둘\n      셋\n")
    house.flask("responses", "import", written(house, text, "yaml"))
    assert house.flask("responses", "export", named(text), parse=False).stdout.rstrip("\n") == text.rstrip("\n")


def test_an_export_can_be_imported_again(house: House) -> None:
    exported = house.flask("responses", "export", "diet", parse=False).stdout
    again = exported.replace("module: diet\n", f"module: {fresh()}\n")
    house.flask("responses", "import", written(house, again, "yaml"))


def test_a_module_nobody_has_is_the_answer_no(house: House) -> None:
    for command in ("export", "publish", "rollback", "backtest"):
        done = house.flask("responses", command, fresh(), code=1)
        assert done.stdout == "" and done.stderr.strip()
    assert look(house, fresh(), {}, code=1).stdout == ""


WRONG_USE = [
    ("responses", "nothing"),
    ("responses", "preview"),
    ("responses", "preview", "diet"),
    ("responses", "preview", "diet", "--survey"),
    ("responses", "import"),
    ("responses", "export"),
    ("responses", "rollback", "diet", "--to", "one"),
    ("responses", "backtest", "diet", "--last", "many"),
    ("responses", "list", "--no-such-option"),
    ("tables", "import", "name"),
    ("tables", "export"),
    ("events", "show"),
    ("events", "show", "abc"),
    ("events", "replay"),
    ("deliveries", "list", "--state"),
    ("deliveries", "list", "--state", "lost"),
    ("deliveries", "retry"),
    ("deliveries", "cancel"),
    ("trace",),
    ("staff", "add", "someone@shop.example.kr"),
    ("staff", "add", "someone@shop.example.kr", "--role", "king"),
]


@pytest.mark.parametrize("words", WRONG_USE, ids=" ".join)
def test_wrong_usage_is_exit_2_and_told_on_stderr(house: House, words: tuple[str, ...]) -> None:
    done = house.flask(*words, code=None)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() and "Traceback" not in done.stderr


@pytest.mark.parametrize("content", ["", "not json", "[1]", '"text"', '{"a": 1', "\x00"])
def test_a_survey_file_that_is_none_is_told(house: House, content: str) -> None:
    done = look(house, "diet", content, code=None)
    assert done.returncode in (1, 2)
    assert done.stdout == "" and done.stderr.strip() and "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("events", "list"), ("responses", "check")])
def test_as_a_person_runs_it_stdout_is_one_json_document(house: House, words: tuple[str, ...]) -> None:
    done = house.shell(*words, "--json")
    assert done.returncode == 0
    assert isinstance(json.loads(done.stdout), list if words[1] == "list" else (dict, list))


def test_as_a_person_runs_it_an_error_is_on_stderr_alone(house: House) -> None:
    done = house.shell("responses", "export", "nobody", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.strip().splitlines()) == 1
