"""No expression or text runs away: 100 ms, 64 KiB, and nothing that grows beyond both."""

from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responses import language
from responses.budget import LONGEST_TEXT, Budget, spending
from responses.problems import ModuleError
from responses.syntax import Mistake

PATIENCE = 2.0  # seconds of CPU
LONG = "긴" * 60_000
SCOPE: dict[str, Any] = {
    **language.names_offered(language.FUNCTIONS),
    "long": LONG,
    "many": list(range(9_000)),
    "one": 1,
    "name": "<b>{{7*7}}",
}


def rendered(source: str) -> str:
    compiled = language.text(source)
    with spending(Budget()):
        return compiled.render(SCOPE)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
        "{% for i in many %}{% for j in many if j == i %}{% endfor %}{% endfor %}",
        "{% for i in range(9999) %}" + "가" * 100 + "{% endfor %}",
        "{% for i in many %}{% if many == many[:8999] + [1] %}{% endif %}{% endfor %}",
        "{{ 'x' * 10**9 }}",
        "{{ [0] * 10**9 }}",
        "{{ [many] * 9999 }}",
        "{{ [many, many, many] }}",
        "{{ 10**1000**1000 }}",
        "{{ 2**99999 }}",
        "{{ 9**99 * 9**99 * 9**99 * 9**99 * 9**99 * 9**99 * 9**99 * 9**99 * 9**99 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ long + long }}",
        "{{ long ~ long }}",
        "{{ [long, long] | join }}",
        "{{ many | join(long) }}",
        "{{ long | replace('긴', long) }}",
        "{{ long.replace('', long) }}",
        "{{ long }}{{ long }}",
        "{{ round(5, -10**9) }}",
        "{{ int('9' * 60000) }}",
        "{{ 1e308 * 10 }}",
        "{{ range(0, 10**12, 1) }}",
        "{{ sum(many * 1000) }}",
        "{{ 'a'.ljust(10**9) }}",
        "{{ '{:>999999999}'.format(1) }}",
    ],
)
def test_a_runaway_ends_as_the_module_s_error(source: str) -> None:
    began = process_time()
    with pytest.raises((ModuleError, Mistake)):
        rendered(source)
    assert process_time() - began < PATIENCE


@pytest.mark.parametrize(
    "source",
    [
        "(" * 5_000 + "1" + ")" * 5_000,
        "not " * 900 + "one",
        "-" * 3_000 + "1",
        "+".join(["1"] * 1_500),
        "one" + ".a" * 1_500,
        "one" + "[0]" * 900,
        "1 if " * 500 + "1",
        "[" * 2_000,
        "9" * 3_900,
        "x" * 1_000_000,
        "'" + "x" * 1_000_000 + "'",
        "one" + " | round" * 400,
    ],
    ids=lambda source: source[:20],
)
def test_an_expression_too_deep_or_too_long_is_refused(source: str) -> None:
    began = process_time()
    with pytest.raises(Mistake):
        language.expression(source)
    assert process_time() - began < PATIENCE


def test_a_text_of_a_megabyte_is_refused() -> None:
    with pytest.raises(Mistake, match="longer than"):
        language.text("{{ one }}" * 120_000)


def test_values_that_double_line_by_line_stop_early() -> None:
    scope, double = dict(SCOPE), language.expression("last + last")
    scope["last"] = "가나다라"
    with spending(Budget()) as budget, pytest.raises(ModuleError):
        for _ in range(64):
            scope["last"] = double.evaluate(scope)
            budget.keep(scope["last"])


def test_lists_that_share_their_insides_are_counted_as_printed() -> None:
    scope, nest = dict(SCOPE), language.expression("[last, last]")
    scope["last"] = [1]
    with spending(Budget()) as budget, pytest.raises(ModuleError):
        for _ in range(64):
            scope["last"] = nest.evaluate(scope)
            budget.keep(scope["last"])


def test_data_is_never_evaluated() -> None:
    assert "{{7*7}}" in rendered("{{ name }}")


@given(
    st.lists(
        st.sampled_from(
            "{{ }} {% %} for i in range(9999) many long endfor if endif else * ** + ~ 9 'x' ( ) [ ] , | join"
            " replace('x',long) one .x == % // loop.index length".split(" ")
        ),
        max_size=30,
    ).map(" ".join)
)
@settings(max_examples=150)
def test_no_template_breaks_the_limits(source: str) -> None:
    began = process_time()
    try:
        assert len(rendered(source)) <= LONGEST_TEXT
    except (ModuleError, Mistake):
        pass
    assert process_time() - began < PATIENCE
