"""A draft against the live version over real surveys, and where a customer stands among the others."""

from typing import Any

import pytest

from tests.house import House, eventually
from tests.previewing import draft, fresh, headed, look, written

CROWD = 40


class Shop:
    """A house with forty customers who started one module: 1 to 20 in group a, 101 to 120 in group b."""

    def __init__(self, house: House) -> None:
        self.house, self.name, self.key = house, fresh("b"), fresh("k")
        self.write("{{ v }}", "v: k * 2", publish=True)
        self.come("a", range(1, 21))
        self.come("b", range(101, 121))

    def come(self, group: str, numbers: range) -> None:
        """The customers of a group, all answered: hooks of one moment may overtake each other, groups may not."""
        answered = self.answered() + len(numbers)
        for number in numbers:
            profile = {self.key: number, "g": group}
            self.house.control("crowd", {"n": 1, "profile": profile, "tags": [self.name]})
        eventually(lambda: self.answered() == answered, f"all of group {group} are answered")

    def answered(self) -> int:
        shown = self.house.control("record")["chats"].values()
        texts = [chat["messages"] for chat in shown if self.name in chat["chatTags"]]
        return sum(any(message["personType"] == "bot" for message in messages) for messages in texts)

    def write(self, text: str, value: str, publish: bool = False) -> None:
        body = (
            f"survey:\n  k: {{type: number, label: 값, from: {self.key}}}\n  g: {{type: text, label: 무리}}\n"
            f'values:\n  {value}\nmessages:\n  - text: "{text}"\n  - {{text: 끝, wait: 3600}}\n'
        )
        path = written(self.house, headed(body, self.name, f"  - {{on: chat_opened, tags: [{self.name}]}}\n"), "yaml")
        self.house.flask("responses", "import", path, *(["--publish"] if publish else []))

    def backtest(self, *words: str) -> Any:
        found = self.house.flask("responses", "backtest", self.name, *words)
        assert set(found) == {"surveys", "same", "changed", "failed", "groups"}
        assert found["same"] + found["changed"] + found["failed"] == found["surveys"]
        for group in found["groups"]:
            assert set(group) == {"cause", "count", "examples"}
            assert group["cause"].strip() and 1 <= len(group["examples"]) <= group["count"]
            assert all(set(example) == {"survey", "before", "after"} for example in group["examples"])
        return found

    def place(self, k: float, within: str = "") -> Any:
        body = (
            f"survey:\n  k: {{type: number, label: 값, from: {self.key}}}\n"
            f"  g: {{type: text, label: 무리, default: null}}\n"
            f"values:\n  place: \"percentile('k'{within})\"\nmessages:\n"
            f"  - text: \"{{{{ place | default('모름') }}}}\"\n"
        )
        seen = look(self.house, draft(self.house, body), {self.key: k, "g": "a"})
        place = seen["values"]["place"]
        assert (seen["messages"][0]["plain"] == "모름") == (place is None)
        return place


@pytest.fixture(scope="module")
def shop(house: House) -> Shop:
    return Shop(house)


def counts(found: dict[str, Any]) -> tuple[int, int, int, int]:
    return found["surveys"], found["same"], found["changed"], found["failed"]


def test_without_a_draft_there_is_nothing_to_compare(house: House) -> None:
    name = fresh()
    house.flask("responses", "import", written(house, headed("messages:\n  - text: x\n", name), "yaml"), "--publish")
    done = house.flask("responses", "backtest", name, code=1)
    assert done.stdout == "" and "draft" in done.stderr


def test_without_a_live_version_there_is_nothing_to_compare_with(house: House) -> None:
    done = house.flask("responses", "backtest", draft(house, "messages:\n  - text: x\n"), code=1)
    assert done.stdout == "" and done.stderr.strip()


def test_a_draft_that_says_the_same_changes_nothing(shop: Shop) -> None:
    shop.write("{{ v }}", "v: k + k")
    found = shop.backtest()
    assert counts(found) == (CROWD, CROWD, 0, 0)
    assert found["groups"] == []


def test_a_value_that_changes_for_some_is_the_cause(shop: Shop) -> None:
    shop.write("{{ v }}", "v: k * 2 if k < 100 else k * 3")
    found = shop.backtest()
    assert counts(found) == (CROWD, 20, 20, 0)
    (group,) = found["groups"]
    assert group["count"] == 20
    assert "v" in group["cause"]
    for example in group["examples"]:
        k = example["survey"][shop.key] if shop.key in example["survey"] else example["survey"]["k"]
        assert k > 100
        assert str(k * 2) in str(example["before"]) and str(k * 3) in str(example["after"])


def test_a_text_that_changes_is_another_cause_than_a_value(shop: Shop) -> None:
    shop.write("{{ v }}!", "v: k * 2")
    found = shop.backtest()
    assert counts(found) == (CROWD, 0, CROWD, 0)
    assert [group["count"] for group in found["groups"]] == [CROWD]
    shop.write("{{ v }}{{ '!' if k < 100 else '' }}", "v: k * 2 if k < 100 else k * 3")
    both = shop.backtest()
    assert counts(both) == (CROWD, 0, CROWD, 0)
    assert sorted(group["count"] for group in both["groups"]) == [20, 20]
    assert len({group["cause"] for group in both["groups"]}) == 2


def test_a_draft_that_fails_for_some_is_counted_apart(shop: Shop) -> None:
    shop.write("{{ v }}", "v: k * 2 + 0 / (k - 1)")
    found = shop.backtest()
    assert counts(found) == (CROWD, CROWD - 1, 0, 1)


def test_only_the_last_customers_when_so_told(shop: Shop) -> None:
    shop.write("{{ v }}!", "v: k * 2")
    found = shop.backtest("--last", "20")
    assert counts(found) == (20, 0, 20, 0)
    surveys = [example["survey"] for group in found["groups"] for example in group["examples"]]
    assert {survey["g"] for survey in surveys} == {"b"}  # they came last


def test_a_backtest_sends_nothing_and_changes_nothing(shop: Shop) -> None:
    shop.write("{{ v }}!", "v: k * 2")
    before = (len(shop.house.deliveries()), shop.house.flask("responses", "list"))
    shop.backtest()
    assert (len(shop.house.deliveries()), shop.house.flask("responses", "list")) == before


PLACES: list[tuple[float, str, float | None]] = [
    (11, "", 25),
    (1, "", 0),
    (0, "", 0),
    (21, "", 50),
    (1000, "", 100),
    (11, ", within={'g': 'a'}", 50),
    (11, ", within={'g': g}", 50),
    (1000, ", within={'g': 'a'}", 100),
    (111, ", within={'g': 'b'}", 50),
    (11, ", within={'g': 'c'}", None),
]


@pytest.mark.parametrize(("k", "within", "wanted"), PLACES)
def test_the_percentile_is_the_share_of_the_others_below(
    shop: Shop, k: float, within: str, wanted: float | None
) -> None:
    assert shop.place(k, within) == wanted


def test_the_percentile_is_nothing_while_fewer_than_twenty_are_known(house: House) -> None:
    body = (
        "survey:\n  never_given: {type: number, label: 값}\n"
        "values:\n  place: \"percentile('never_given')\"\nmessages:\n"
        "  - text: \"{{ place | default('모름') }}\"\n"
    )
    seen = look(house, draft(house, body), {"never_given": 5})
    assert seen["values"]["place"] is None
    assert seen["messages"][0]["plain"] == "모름"


@pytest.mark.parametrize("wrong", ["percentile('nobody')", "percentile()", "percentile(k)"])
def test_a_percentile_of_what_is_no_key_is_refused(house: House, wrong: str) -> None:
    body = f'survey:\n  k: {{type: number, label: 값}}\nvalues:\n  p: "{wrong}"\nmessages:\n  - text: x\n'
    assert house.flask("responses", "check", written(house, headed(body), "yaml"), code=1)["problems"][0]["line"] == 9
