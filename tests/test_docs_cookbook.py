"""The cookbook's page is the expectation: every recipe on it is checked, previewed and compared."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import settings
from curation.answer import answer
from responses import module as modules
from responses import starts
from tests.house import ROOT, House
from tests.previewing import NOW, look, stopped
from tests.rows import connected, table

PAGE = ROOT / "docs" / "cookbook.md"
FOLDER = ROOT / "docs" / "cookbook"
# ```kind about … ``` with what the block holds; prose between the blocks is for people.
_BLOCK = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Recipe:
    title: str
    blocks: tuple[tuple[str, str], ...]  # what it is about, what it holds

    def all(self, about: str) -> list[str]:
        return [held for name, held in self.blocks if name == about]

    @property
    def yaml(self) -> str:
        return self.all("yaml")[0]

    @property
    def name(self) -> str:
        return self.yaml.partition("\n")[0].removeprefix("module: ")


def recipes() -> list[Recipe]:
    parts = re.split(r"^## (?=\d)", PAGE.read_text(encoding="utf8"), flags=re.M)[1:]
    return [
        Recipe(part.partition("\n")[0], tuple((about or kind, held) for kind, about, held in _BLOCK.findall(part)))
        for part in parts
    ]


RECIPES = recipes()
every = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)


def heard(messages: list[dict[str, Any]]) -> str:
    """Messages as the page shows them: the seconds waited, the words, then picture and buttons."""
    lines = []
    for message in messages:
        wait = f"{message['wait']:g}s" if "wait" in message else f"{message['ask']}?"
        words = message.get("plain", message["text"]).split("\n")
        words += [f"({message['image']})"] if message.get("image") else []
        words += [f"[{button['title']}] {button['url']}" for button in message.get("buttons", [])]
        lines += [f"{wait if place == 0 else '':>7}  {said}".rstrip() for place, said in enumerate(words)]
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("kitchen"), "") as house:
        for sheet in sorted(FOLDER.glob("*.csv")):
            house.flask("tables", "import", sheet.stem, str(sheet), "--publish")
        yield house


def test_there_are_twelve_and_every_file_is_on_the_page() -> None:
    assert len(RECIPES) == 12
    assert {f"{recipe.name}.yaml" for recipe in RECIPES} == {path.name for path in FOLDER.glob("*.yaml")}
    page = PAGE.read_text(encoding="utf8")
    assert [path.name for path in FOLDER.iterdir() if f"(cookbook/{path.name})" not in page] == []


@every
def test_a_recipe_says_what_its_page_says(kitchen: House, recipe: Recipe) -> None:
    file = FOLDER / f"{recipe.name}.yaml"
    assert file.read_text(encoding="utf8") == recipe.yaml
    assert kitchen.flask("responses", "check", str(file))["problems"] == []
    kitchen.flask("responses", "import", str(file))
    surveys, wanted = recipe.all("survey"), recipe.all("heard")
    assert len(surveys) == len(wanted) > 0
    for survey, words in zip(surveys, wanted, strict=True):
        assert heard(look(kitchen, recipe.name, survey)["messages"]) == words


@pytest.mark.parametrize("recipe", [one for one in RECIPES if one.all("said")], ids=lambda recipe: recipe.name)
def test_what_starts_a_recipe_is_what_its_page_says(recipe: Recipe) -> None:
    module = modules.parse(recipe.yaml)
    for line in recipe.all("said")[0].splitlines():
        said, _, wanted = (part.strip() for part in line.partition("→"))
        found = starts.match(module.starts, starts.Occasion(starts.MESSAGE, text=said))
        words = "-" if found is None else " ".join(f"{name}={word}" for name, word in found.groups.items()) or "starts"
        assert words == wanted, said


@pytest.mark.parametrize("recipe", [one for one in RECIPES if one.all("effects")], ids=lambda recipe: recipe.name)
def test_what_follows_the_series_is_what_the_page_says(recipe: Recipe, tmp_path: Path) -> None:
    given = {"customer": {"id": ""}, "chat": {"id": "", "tags": [], "bots": []}, "channel": "channeltalk"}
    now = datetime.fromisoformat(NOW).astimezone(settings.load({}, tmp_path).timezone)
    survey = json.loads(recipe.all("survey")[0])
    effects = answer(modules.parse(recipe.yaml), survey, tables=lambda name: None, now=now, **given).effects or {}
    mail = effects["mail"]
    lines = [f"profile {key}: {value}" for key, value in effects["profile"].items()]
    lines += [f"tag {tag}" for tag in effects["tags"]]
    lines += [f"mail to {', '.join(mail['to'])}: {mail['subject']}", *mail["text"].strip().split("\n")]
    assert [line.strip() for line in recipe.all("effects")[0].splitlines()] == lines


def test_with_enough_other_customers_the_standing_is_told(kitchen: House) -> None:
    recipe = next(one for one in RECIPES if one.all("others"))
    with connected(kitchen) as connection:
        surveys = table(connection, "surveys")
        for place, steps in enumerate(json.loads(recipe.all("others")[0])):
            row = {"channel": "channeltalk", "person": f"u{place}", "profile": {"steps": steps}, "asked": {}}
            connection.execute(surveys.insert().values(**row, updated_at=datetime.fromisoformat(NOW)))
    kitchen.flask("responses", "import", str(FOLDER / f"{recipe.name}.yaml"))
    seen = look(kitchen, recipe.name, recipe.all("survey")[0])
    assert heard(seen["messages"]) == recipe.all("among")[0]
