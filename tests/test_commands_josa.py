"""The right particle after every word, seen through `flask responses preview`.

The expected particle is worked out here by the rule as a school book has it, not by the product's code."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import headed, look, named, preview, stopped, written

PAIRS = ["은/는", "이/가", "을/를", "과/와", "아/야", "이에요/예요", "으로/로"]
OPEN, RIEUL, CLOSED = "no final consonant", "a final ㄹ", "another final consonant"

# The last sound of each word, said aloud.
WORDS: dict[str, str] = {
    "사과": OPEN,
    "귤": RIEUL,
    "감": CLOSED,
    "닭": CLOSED,
    "여덟": CLOSED,
    "값": CLOSED,
    "서울": RIEUL,
    "부산": CLOSED,
    "제주도": OPEN,
    # digits: 영 일 이 삼 사 오 육 칠 팔 구, then 십 백 천 만 억
    "0": CLOSED,
    "1": RIEUL,
    "2": OPEN,
    "3": CLOSED,
    "4": OPEN,
    "5": OPEN,
    "6": CLOSED,
    "7": RIEUL,
    "8": RIEUL,
    "9": OPEN,
    "10": CLOSED,
    "11": RIEUL,
    "20": CLOSED,
    "100": CLOSED,
    "300": CLOSED,
    "1000": CLOSED,
    "1,000": CLOSED,
    "10000": CLOSED,
    "1,520": CLOSED,
    "1,521": RIEUL,
    "100000000": CLOSED,
    "2.5": OPEN,
    "3.7": RIEUL,
    "1000000000000": OPEN,
    # a unit's Korean name: 킬로그램 그램 밀리그램 킬로칼로리 밀리리터 리터 센티미터 킬로미터 퍼센트 도
    "63kg": CLOSED,
    "63 kg": CLOSED,
    "30g": CLOSED,
    "30mg": CLOSED,
    "1520kcal": OPEN,
    "500ml": OPEN,
    "500mL": OPEN,
    "2L": OPEN,
    "168cm": OPEN,
    "5km": OPEN,
    "30%": OPEN,
    "36°C": OPEN,  # as normalising writes ℃
    # the name of the last letter: only 엘 엠 엔 아르(알) are closed, and L and R end in ㄹ
    "BMI": OPEN,
    "vitamin": CLOSED,
    "A": OPEN,
    "B": OPEN,
    "M": CLOSED,
    "N": CLOSED,
    "XL": RIEUL,
    "email": RIEUL,
    "R": RIEUL,
    "X": OPEN,
    "Z": OPEN,
    "HTML": RIEUL,
    "water": RIEUL,
    "apple": OPEN,
    # brackets and what they hold are not said
    "사과(빨강)": OPEN,
    "감(단감)": CLOSED,
    "닭가슴살(100g)": RIEUL,
    "귤 (제주)": RIEUL,
    "사과[1개]": OPEN,
    "감(큰 (아주))": CLOSED,
    "주 2회 2식 4주 (199,000원)": OPEN,
    "30g(1회)": CLOSED,
}


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[str], str],
) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("stopped"), new_database(request.param)) as built:
        yield built


def particle(pair: str, sound: str) -> str:
    after_closed, after_open = pair.split("/")
    if pair == "으로/로" and sound == RIEUL:
        return after_open
    return after_open if sound == OPEN else after_closed


@pytest.fixture(scope="module")
def seen(house: House) -> Mapping[str, Any]:
    """A line for each word, with all seven particles in it."""
    line = "|".join("{{ word | josa('" + pair + "') }}" for pair in PAIRS)
    body = (
        "survey:\n  words: {type: list, label: 낱말}\n"
        f'messages:\n  - text: "{{% for word in words %}}{line}\\n{{% endfor %}}"\n'
    )
    said = preview(house, body, {"words": list(WORDS)})["messages"][0]["plain"].splitlines()
    return dict(zip(WORDS, said, strict=True))


@pytest.mark.parametrize("word", WORDS)
def test_a_word_takes_its_particles(seen: Mapping[str, Any], word: str) -> None:
    assert seen[word] == "|".join(word + particle(pair, WORDS[word]) for pair in PAIRS)


def test_every_final_consonant_of_hangul_takes_its_particles(house: House) -> None:
    words = [chr(0xAC00 + 28 * 11 * 21 + final) for final in range(28)]
    body = (
        "survey:\n  words: {type: list, label: 낱말}\n"
        "messages:\n"
        "  - text: \"{% for word in words %}{{ word | josa('으로/로') }} {{ word | josa('은/는') }}\\n"
        '{% endfor %}"\n'
    )
    said = preview(house, body, {"words": words})["messages"][0]["plain"].splitlines()
    for final, (word, line) in enumerate(zip(words, said, strict=True)):
        sound = OPEN if final == 0 else RIEUL if final == 8 else CLOSED
        assert line == f"{word}{particle('으로/로', sound)} {word}{particle('은/는', sound)}", unicodedata.name(word)


def test_numbers_take_particles_as_they_are_printed(house: House) -> None:
    body = (
        "survey:\n  weight: {type: number, label: 몸무게}\n"
        "messages:\n  - text: \"{{ weight | josa('이/가') }} {{ (weight * 10) | comma | josa('을/를') }} "
        "{{ 199000 | won | josa('은/는') }} {{ 3 | josa('으로/로') }} {{ '36℃' | josa('은/는') }}\"\n"
    )
    said = preview(house, body, {"weight": "64.0"})["messages"][0]["plain"]
    assert said == "64가 640을 199,000원은 3으로 36℃는"


def test_a_particle_is_chosen_by_the_name_and_not_by_its_escape(house: House) -> None:
    body = (
        "survey:\n  names: {type: list, label: 이름}\n"
        "messages:\n  - text: \"{% for name in names %}{{ name | josa('은/는') }}\\n{% endfor %}\"\n"
    )
    names = ["김&", "<b>감</b>", "감>", "사과<", "${감}", "감:", "감 "]
    lines = preview(house, body, {"names": names})["messages"][0]["plain"].splitlines()
    assert [line[:-1] for line in lines] == [name.strip() for name in names]
    assert lines[-1] == "감은"
    assert {line[-1] for line in lines} <= {"은", "는"}


def test_a_word_without_a_sound_takes_one_of_the_two_and_is_no_error(house: House) -> None:
    body = (
        "survey:\n  names: {type: list, label: 이름}\n"
        "messages:\n  - text: \"{% for name in names %}{{ name | josa('을/를') }}\\n{% endfor %}\"\n"
    )
    lines = preview(house, body, {"names": ["😀", "!!", "…", "(감)", "ω", "字"]})["messages"][0]["plain"].splitlines()
    assert len(lines) == 6
    assert all(line.endswith(("을", "를")) for line in lines)


@pytest.mark.parametrize("pair", ["은는", "랑/이랑", "", "이/가/은"])
def test_a_pair_that_is_none_is_refused_by_the_check(house: House, pair: str) -> None:
    body = f"survey:\n  name: {{type: text, label: 이름}}\nmessages:\n  - text: \"{{{{ name | josa('{pair}') }}}}\"\n"
    found = house.flask("responses", "check", written(house, headed(body), "yaml"), code=1)["problems"]
    assert [problem["line"] for problem in found] == [9]


@pytest.mark.parametrize("pair", ["는/은", "가/이", "를/을", "와/과", "로/으로", "예요/이에요"])
def test_a_pair_the_other_way_round_is_either_refused_or_means_the_same(house: House, pair: str) -> None:
    text = headed(f"messages:\n  - text: \"{{{{ '감' | josa('{pair}') }}}}\"\n")
    first = house.flask("responses", "import", written(house, text, "yaml"), code=None)
    if not first["problems"]:
        after_open, after_closed = pair.split("/")
        assert look(house, named(text), {})["messages"][0]["plain"] == "감" + after_closed
