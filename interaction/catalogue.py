"""A catalogue of services as staff write it: a YAML list, or the rows of a sheet with the same columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from interaction import hangul
from interaction.services import Service
from responses.document import Fields, Items, read_list
from responses.keys import clean
from responses.problems import Invalid, Problem, did_you_mean
from responses.reading import Reading

KEYS = tuple(one.name for one in fields(Service))
_KOREAN = {
    **{"이름": "name", "서비스": "name", "서비스명": "name", "동의어": "synonyms", "유의어": "synonyms"},
    **{"설명": "description", "팀": "team", "담당": "team", "담당팀": "team", "답변": "answer", "답": "answer"},
    **{"링크": "link", "주소": "link", "명령": "run", "명령어": "run"},
}
LARGEST = 4 << 20
MOST = 20_000
_MOST_SYNONYMS = 50
_LONGEST = {"name": 100, "synonyms": 100, "description": 1000, "team": 100, "answer": 4000, "link": 2000, "run": 200}


@dataclass
class Catalogue:
    """What a file holds; with an error among the problems none of it is meant to be stored."""

    services: list[Service] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(problem.level == "error" for problem in self.problems)


@dataclass
class _Place:
    """Where an entry stands, to tell its problems."""

    file: str
    line: int | None = None
    sheet: str | None = None
    cells: Mapping[str, str] = field(default_factory=dict)  # by column

    def problem(self, key: str, message: str, mend: str, level: str = "error") -> Problem:
        cell = self.cells.get(key) or self.cells.get("name")
        return Problem(self.file, self.line, message, mend, level, self.sheet, cell)


def read_yaml(text: str, file: str) -> Catalogue:
    catalogue = Catalogue()
    try:
        entries = read_list(text, file, LARGEST).entries
    except Invalid as invalid:
        return Catalogue([], invalid.problems)
    reading = Reading(file)
    _collect(catalogue, (_entry(reading, part) for part in entries))
    catalogue.problems = sorted([*reading.problems, *catalogue.problems], key=lambda one: one.line or 0)
    return catalogue


def _entry(reading: Reading, part: Any) -> tuple[_Place, dict[str, Any]] | None:
    if not isinstance(part, Fields):
        reading.wrong(part.line, "A service begins with 'name'", "Write '- name: …', and its other lines below.")
        return None
    before = len(reading.errors)
    reading.only(part, KEYS, "A service")
    values: dict[str, Any] = {key: reading.word(part, key, "") for key in KEYS if key != "synonyms"}
    told = reading.words(part, "synonyms")
    values["synonyms"] = told if isinstance(part.entries.get("synonyms"), Items) else _divided(", ".join(told))
    return None if len(reading.errors) > before else (_Place(reading.file, part.line), values)


def read_rows(file: str, sheet: str | None, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Catalogue:
    """Rows of a sheet below its column names: each with its number, and its cells by column ('A') and name. Of the
    columns the first row tells the names."""
    if not rows:
        problem = Problem(file, 1, "The sheet is empty", f"Its columns are: {', '.join(KEYS)}.", sheet=sheet)
        return Catalogue([], [problem])
    catalogue = Catalogue()
    (number, header), body = rows[0], rows[1:]
    columns = {letters: _column(str(cell)) for letters, cell in header.items() if cell is not None}
    for letters, key in columns.items():
        if key not in KEYS:
            mend = did_you_mean(key, KEYS) or f"There are: {', '.join(KEYS)}."
            message = f"A service has no column '{header[letters]}'"
            catalogue.problems.append(Problem(file, None, message, mend, sheet=sheet, cell=f"{letters}{number}"))
    if "name" not in columns.values():
        message, mend = "There is no column 'name'", "The first row has the names of the columns."
        catalogue.problems.append(Problem(file, None, message, mend, sheet=sheet, cell=f"A{number}"))
    if not catalogue.failed:
        _collect(catalogue, (_row(file, sheet, columns, *row) for row in body))
    return catalogue


def _column(said: str) -> str:
    name = clean(said).casefold()
    return _KOREAN.get(name.replace(" ", ""), name)


def _row(
    file: str, sheet: str | None, columns: Mapping[str, str], number: int, cells: Mapping[str, Any]
) -> tuple[_Place, dict[str, Any]]:
    values: dict[str, Any] = dict.fromkeys(KEYS, "")
    for letters, key in columns.items():
        cell = cells.get(letters)
        values[key] = "" if cell is None else str(cell)
    values["synonyms"] = _divided(values["synonyms"])
    return _Place(file, None, sheet, {key: f"{letters}{number}" for letters, key in columns.items()}), values


def _divided(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.replace("、", ",").replace("\n", ",").split(","))


def _collect(catalogue: Catalogue, entries: Iterator[tuple[_Place, dict[str, Any]] | None]) -> None:
    names: dict[str, _Place] = {}
    for entry in entries:
        if entry is None:
            continue
        place, values = entry
        service = _service(values)
        catalogue.problems += _wrong(place, service)
        folded = service.name.casefold().replace(" ", "")
        if folded and folded in names:
            first = names[folded].cells.get("name") or f"line {names[folded].line}"
            mend = f"It is in {first} already; keep one of them."
            catalogue.problems.append(place.problem("name", f"'{service.name}' is there twice", mend))
        names.setdefault(folded, place)
        catalogue.services.append(service)
        if len(catalogue.services) == MOST + 1:
            message = f"There are more than {MOST:,} services"
            catalogue.problems.append(place.problem("name", message, "Keep those that people look for."))


def _service(values: Mapping[str, Any]) -> Service:
    texts = {key: clean(values[key]) for key in ("name", "description", "team", "link", "run")}
    told = dict.fromkeys(clean(synonym) for synonym in values["synonyms"])
    synonyms = tuple(synonym for synonym in told if synonym and synonym != texts["name"])
    return Service(**texts, synonyms=synonyms, answer=values["answer"].strip())


def _wrong(place: _Place, service: Service) -> Iterator[Problem]:
    if not hangul.normal(service.name):
        yield place.problem("name", "A service has no name", "Give it the name by which people look for it.")
    for key, most in _LONGEST.items():
        told = service.synonyms if key == "synonyms" else (getattr(service, key),)
        if any(len(text) > most for text in told):
            yield place.problem(key, f"'{key}' is longer than {most:,} characters", "Shorten it.")
    if len(service.synonyms) > _MOST_SYNONYMS:
        yield place.problem("synonyms", f"There are more than {_MOST_SYNONYMS} synonyms", "Keep those that people say.")
    if service.link and not service.link.startswith(("https://", "http://")):
        yield place.problem("link", f"'{service.link}' is no address", "Write it whole: https://…")
    if service.run and not service.run.startswith("/"):
        yield place.problem("run", f"'{service.run}' is no command", "A command begins with /, as in /예약.")
    if service.name and not (service.answer or service.link or service.run):
        mend = "Give it an 'answer', a 'link' or a command to 'run'."
        yield place.problem("answer", f"'{service.name}' has nothing to say", mend, "warning")
