"""What the language's own functions and filters do, for the editor's help. Formulas explain themselves."""

FUNCTION_WORDS = {
    "lookup(table, …)": (
        "표에서 맞는 첫 줄을 찾아요. 없으면 null이에요. 예: lookup('diet_products', carbs=carbs_g)",
        "The first row of a table that fits, or null: lookup('diet_products', carbs=carbs_g)",
    ),
    "percentile(key)": (
        "이 값이 다른 고객들 가운데 아래에서 몇 %인지 알려요. 고객이 20명보다 적으면 null이에요.",
        "The share of other customers below this one, 0 to 100; null under 20 of them.",
    ),
    "trunc": ("소수점 아래를 버려요: trunc(2.7)은 2", "The whole part: trunc(2.7) is 2"),
    "round": ("반올림해요: round(2.345, 1)은 2.3", "Rounds: round(2.345, 1) is 2.3"),
    "floor": ("내림해요: floor(-2.5)는 -3", "Down to a whole number"),
    "ceil": ("올림해요: ceil(2.1)은 3", "Up to a whole number"),
    "min": ("가장 작은 값이에요.", "The smallest of its arguments, or of a list."),
    "max": ("가장 큰 값이에요.", "The largest of its arguments, or of a list."),
    "abs": ("부호를 떼요: abs(-3)은 3", "Without its sign"),
    "sum": ("목록의 숫자를 모두 더해요.", "All numbers of a list together."),
    "len": ("목록의 개수나 글자 수예요.", "How many entries a list has, or characters a text."),
    "int": ("정수로 바꿔요.", "A whole number from a number or a text."),
    "float": ("숫자로 바꿔요.", "A number from a text."),
    "range": ("정수의 목록이에요: range(3)은 0, 1, 2", "Whole numbers: range(3) is 0, 1, 2"),
    "days_between": ("두 날짜 사이의 날수예요.", "Days from the first date to the second."),
    "weekday": ("요일이에요: 월요일 0부터 일요일 6까지", "0 for Monday to 6 for Sunday."),
}
FILTER_WORDS = {
    "comma": ("천 단위에 쉼표: 1520 → 1,520", "1520 → 1,520"),
    "won": ("금액: 1520 → 1,520원", "1520 → 1,520원"),
    "round": ("반올림: {{ bmi | round(1) }}", "Rounds: {{ bmi | round(1) }}"),
    "josa": (
        "알맞은 조사를 붙여요: {{ name | josa('은/는') }}. 은/는 이/가 을/를 과/와 아/야 이에요/예요 으로/로",
        "The Korean particle that fits: {{ name | josa('은/는') }}",
    ),
    "date": ("날짜: 2026-12-24", "2026-12-24"),
    "time": ("시각: 14:05", "14:05"),
    "default": ("값이 없을 때 쓸 말: {{ food | default('식사') }}", "Instead of nothing: {{ food | default('meal') }}"),
    "join": ("목록을 이어 붙여요: {{ missing | join(', ') }}", "A list as one text: {{ missing | join(', ') }}"),
    "length": ("목록의 개수나 글자 수", "How many entries or characters"),
    "lower": ("영어를 소문자로", "Small letters"),
    "upper": ("영어를 대문자로", "Capital letters"),
    "replace": ("글자를 바꿔요: {{ name | replace('님', '') }}", "Replaces: {{ name | replace('a', 'b') }}"),
    "trim": ("앞뒤 빈칸을 떼요.", "Without spaces around it."),
    "first": ("목록의 첫 번째", "The first of a list"),
    "last": ("목록의 마지막", "The last of a list"),
    "sum": ("목록의 합", "The sum of a list"),
}
