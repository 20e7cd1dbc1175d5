"""What is wrong with a module beside tables and functions, in plain words."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curation  # its formulas may be called
from curation.lookup import Table
from responses.check import check, columns_read
from responses.module import parse

SHIPPED = Path(__file__).parent.parent / "responses" / "shipped"
GOODS = Table(
    "goods",
    ("carbs_min", "carbs_max", "goal", "name", "price"),
    ((0, 50, "감량", "두부", 100), (50, None, "유지", "현미", 200)),
    (2, 3),
)
HEAD = "module: m\nstarts:\n  - on: message\nsurvey:\n"
SURVEY = """\
  name: {type: text}
  goal: {type: choice, options: [감량, 유지]}
  weight: {type: number, min: 20, max: 300}
  age: {type: integer, min: 1}
  ok: {type: boolean}
  since: {type: date}
  worries: {type: list}
"""


def told(values: str = "", messages: str = "", more: str = "") -> list[str]:
    values = f"values:\n{values}" if values else ""
    text = f"{HEAD}{SURVEY}{more}{values}messages:\n  - text: x\n{messages}"
    return [f"{problem.line}: {problem.message}. {problem.mend}" for problem in check(text, "m.yaml", {"goods": GOODS})]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("weigth * 2", "Nothing is named 'weigth'. Did you mean 'weight'?"),
        ("later + 1", "'later' is computed further down."),
        ("value + 1", "'value' is computed further down."),
        ("nofun(3)", "There is no function 'nofun'."),
        ("trunk(weight)", "There is no function 'trunk'. Did you mean 'trunc'?"),
        ("goal(3)", "'goal' is no function."),
        ("max + 1", "'max' is a function. Call it: max(…)"),
        ("name * 2", "'name' is a text, and '*' needs numbers."),
        ("goal + 1", "'goal' is a text, and '+' needs numbers. Join texts with ~."),
        ("-name", "'name' is a text, not a number."),
        ("weight == '63'", "'weight' is a number and '63' is a text: they are never equal."),
        ("name > 3", "'name' is a text and 3 is a number: '>' cannot compare them."),
        ("goal == '없는옵션'", "'goal' has no option '없는옵션'. There are: 감량, 유지."),
        ("goal in ['감량', '증량']", "'goal' has no option '증량'."),
        ("{'감량': 1, '갈량': 2}.get(goal)", "'goal' has no option '갈량'."),
        ("'a' if weight < 20 else 'b'", "A condition never holds."),
        ("'a' if weight >= 20 else 'b'", "An 'else' is never reached."),
        ("'a' if goal == '감량' and goal == '유지' else 'b'", "A condition never holds."),
        ("lookup('good', goal=goal)", "There is no table 'good'. Did you mean 'goods'?"),
        (
            "lookup('goods', carb=weight)",
            "The table 'goods' has no column 'carb' and no 'carb_min' with 'carb_max'.",
        ),
        ("lookup('goods', goal='없음')", "No row of 'goods' has '없음' in 'goal'."),
        ("lookup('goods')", "lookup needs the table's name, then each key by name."),
        (
            "lookup('goods', carbs=weight).prise",
            "The table 'goods' has no column 'prise'. Did you mean 'price'?",
        ),
        ("lookup('goods', carbs=weight).name - 1", "is a text, and '-' needs numbers."),
        ("percentile('name')", "'name' is no number."),
        ("percentile('wight')", "'wight' is no survey key. Did you mean 'weight'?"),
        ("percentile('weight', within={'gaol': goal})", "'gaol' is no survey key. Did you mean 'goal'?"),
        ("mifflin(weight)", "mifflin: missing a required argument: 'height_cm'."),
        ("mifflin(weight, goal, age)", "mifflin needs a number for 'height_cm', and this is a text."),
        ("trunc(goal)", "trunc needs a number for 'number', and this is a text."),
        ("goal | comma", "comma needs a number, and 'goal' is a text."),
        ("weight | join(', ')", "join needs a list, and 'weight' is a number."),
        ("name | josa('을/을')", "josa does not know '을/을'. Did you mean '을/를'?"),
        ("name | josa", "The filter josa: missing a required argument: 'pair'."),
        ("since.yaer", "'since' is a date and has no 'yaer'. Did you mean 'year'?"),
        ("weight.kg", "'weight' is a number and has no 'kg'."),
    ],
)
def test_an_expression(expression: str, said: str) -> None:
    found = told(f'  value: "{expression}"\n  later: 1\n')
    assert len(found) == 1 and found[0].startswith("13: ") and said in found[0], found


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("  - {when: weight > 300, text: a}\n", "14: This message can never be said: 'when: weight > 300'"),
        ("  - {when: age < 1, text: a}\n", "This message can never be said"),
        ("  - {when: 'false', text: a}\n", "This message can never be said"),
        ("  - {when: 1 > 2, text: a}\n", "This message can never be said"),
        ("  - {when: ok and not ok, text: a}\n", "This message can never be said"),
        ("  - {when: \"goal not in ['감량', '유지']\", text: a}\n", "This message can never be said"),
        ("  - text: 'BMI < 20'\n", "14: '< 20' is no tag of ChannelTalk."),
        ("  - text: '<u>x</u>'\n", "'<u>x</u>' is no tag of ChannelTalk."),
        ("  - text: |\n      하나\n      <b>둘\n", "16: '<b>' has no partner."),
        ("  - text: '{% if ok %}<b>{% endif %}x{% if ok %}</b>{% endif %}'\n", "'<b>' has no partner."),
        ('  - text: \'<link type="url" value="a.kr">x</link>\'\n', "'a.kr' is no address for a link."),
        ("  - text: '{% for w in worries %}{{ w.x }}{% endfor %}'\n", "'w' is a text and has no 'x'."),
        ("  - text: '{% for w in worries %}{% endfor %}{{ w }}'\n", "Nothing is named 'w'."),
        ("  - text: '{% for w in weight %}{% endfor %}'\n", "A loop needs a list, and this is a number."),
        ("  - text: '{{ missing }}'\n", "Nothing is named 'missing'."),
        ("  - {text: x, image: 'https://a.kr/{{ nope }}'}\n", "Nothing is named 'nope'."),
        ("incomplete:\n  - text: '{{ nope }}'\n", "Nothing is named 'nope'."),
        ("effects:\n  profile: {a: '{{ nope }}'}\n", "Nothing is named 'nope'."),
    ],
)
def test_a_message(message: str, said: str) -> None:
    found = told(messages=message)
    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(
    "message",
    [
        "  - {when: goal == '감량' or weight > 100, text: a}\n",
        '  - {when: "weight > 20 and age >= 1 and ok", text: a}\n',
        "  - text: \"<b>{{ name | josa('이/가') }}</b> <link type='url'>https://a.kr</link>\"\n".replace(
            "'url'", '\\"url\\"'
        ),
        "  - text: '{% if ok %}<b>x</b>{% else %}{{ worries | join }}{% endif %} :wave: A & B'\n",
        "  - text: '{% for w in worries %}{{ loop.index }}. {{ w }}{% endfor %}'\n",
        "incomplete:\n  - text: \"{{ missing | join(', ') }} {{ name }}\"\n",
        "effects:\n  profile: {a: '{{ weight }}', b: \"{{ now | date }}\"}\n  tags: ['{{ goal }}']\n",
    ],
)
def test_finds_nothing_where_nothing_is_wrong(message: str) -> None:
    assert told("  row: lookup('goods', carbs=weight, goal=goal)\n  price: row.price * 2\n", message) == []


def test_a_condition_may_be_written_as_a_value() -> None:
    found = told("  never: goal == '감량' and weight < 10\n", "  - {when: never, text: a}\n")
    assert len(found) == 1 and "can never be said" in found[0]


def test_names_mean_one_thing() -> None:
    found = told("  name: 1\n  round: 2\n", more="  max: {type: text}\n")
    assert [problem.partition(": ")[2].partition(".")[0] for problem in found] == [
        "'max' is a function already",
        "'name' is a survey key already",
        "'round' is a function already",
    ]


def test_a_broken_value_is_told_once_and_not_again_where_it_is_used() -> None:
    assert len(told("  a: 1 +\n  b: a * 2\n", "  - text: '{{ a }}'\n")) == 1


def test_a_question_asked_too_late_is_a_warning() -> None:
    text = f"{HEAD}{SURVEY}messages:\n  - text: '{{{{ ok }}}}'\n  - {{ask: ok, text: 네?}}\n"
    (problem,) = check(text, "m.yaml", {})
    assert (problem.level, problem.line) == ("warning", 14)
    assert "It is asked before that message" in problem.mend


def test_tells_which_columns_a_module_reads() -> None:
    module = parse(
        "module: m\nsurvey: {weight: {type: number}}\nvalues:\n  row: lookup('goods', carbs=weight)\n"
        "messages:\n  - text: \"{{ row.name }} {{ row['price'] }}\"\n"
    )
    assert columns_read(module, "goods") == ["carbs", "name", "price"]
    assert columns_read(module, "others") == []


def test_formulas_are_offered_to_modules() -> None:
    assert "mifflin" in curation.functions.FORMULAS


@given(st.data())
@settings(max_examples=40)
def test_never_breaks_over_what_it_checks(data: st.DataObject) -> None:
    whole = (SHIPPED / data.draw(st.sampled_from(["diet.yaml", "refund.yaml"]))).read_text(encoding="utf8")
    lines = whole.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    words = data.draw(st.text(alphabet="()[]{}|'\"% .,:=<>+-*ab1가", max_size=8))
    column = data.draw(st.integers(0, len(lines[at])))
    lines[at] = lines[at][:column] + words + lines[at][column + data.draw(st.integers(0, 5)) :]
    for problem in check("\n".join(lines), "m.yaml", {"goods": GOODS}):
        assert problem.message and problem.line
