"""Calculations that response modules may call by name.

Every public function here is part of the module language: its docstring is what staff read in the console's
help. Numbers in, numbers out; wording belongs to the modules, prices and rules to the tables.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from math import floor

# Mifflin and St Jeor (1990), the last term of their equation. Without a known sex the middle of both is the
# guess with the smallest largest error (83 kcal).
_SEX_TERM = {"male": 5, "female": -161}
_UNKNOWN_SEX_TERM = -78

# Below these a general guide should not send anybody without a doctor.
_LOWEST_KCAL = {"male": 1500, "female": 1200}
_UNKNOWN_SEX_LOWEST_KCAL = 1350
_LARGEST_CUT_KCAL = 700
_LARGEST_RISE_KCAL = 500

_UNDERWEIGHT_BMI = 18.5
_HEALTHY_BMI = 25
_ADULT_AGE = 19

_WEEKDAYS = "월화수목금토일"
_NO_OPTION = ("없음", "없어요", "선택안함", "해당없음")


def _nearest(number: float, step: int = 1) -> int:
    """Halves go up, as people round; Python's own round() sends 2.5 to 2."""
    # Nine decimals first: a half to everybody else may be 4662.499999999999 to a float.
    return floor(round(number / step, 9) + 0.5) * step


# ---- nutrition -------------------------------------------------------------------------


def mifflin(weight_kg: float, height_cm: float, age: float, sex: str | None = None) -> int:
    """Basal metabolic rate in kcal a day (Mifflin-St Jeor).

    10 × kg + 6.25 × cm − 5 × years, + 5 for `male`, − 161 for `female`, − 78 (the middle) when unknown.
    """
    term = _SEX_TERM.get(sex, _UNKNOWN_SEX_TERM) if sex else _UNKNOWN_SEX_TERM
    return _nearest(10 * weight_kg + 6.25 * height_cm - 5 * age + term)


def maintenance_calories(bmr_kcal: float, factor: float) -> int:
    """Calories a day that keep the weight: basal rate × activity (1.2 to 1.9), to the nearest 10."""
    return _nearest(bmr_kcal * factor, 10)


def body_mass_index(weight_kg: float, height_cm: float) -> float:
    """Weight in kg over the square of the height in metres, with one decimal."""
    return _nearest(weight_kg * 100_000 / (height_cm * height_cm)) / 10


def safe_course(wish: str, bmi: float, age: float) -> str:
    """The course to plan for: the wish, or `keep` where losing weight needs a doctor first.

    Nobody under 19 and nobody with a BMI below 18.5 is given a diet that cuts calories.
    """
    loses = wish in ("lose", "lose_more")
    return "keep" if loses and (age < _ADULT_AGE or bmi < _UNDERWEIGHT_BMI) else wish


def goal_calories(maintenance_kcal: float, change_percent: float, sex: str | None = None) -> int:
    """Calories a day for a goal, to the nearest 10: maintenance changed by so many percent.

    Never more than 700 kcal below or 500 above maintenance. A cut stops at 1,500 kcal for `male`, 1,200 for
    `female`, 1,350 when unknown; someone who needs less than that to begin with stays at maintenance.
    """
    change = maintenance_kcal * change_percent / 100
    wanted = maintenance_kcal + max(-_LARGEST_CUT_KCAL, min(_LARGEST_RISE_KCAL, change))
    if change_percent < 0:
        lowest = _LOWEST_KCAL.get(sex, _UNKNOWN_SEX_LOWEST_KCAL) if sex else _UNKNOWN_SEX_LOWEST_KCAL
        wanted = max(wanted, min(lowest, maintenance_kcal))
    return _nearest(wanted, 10)


def day_macros(kcal: float, weight_kg: float, height_cm: float, protein_per_kg: float) -> dict[str, int]:
    """Grams a day: `carbs`, `protein` and `fat`.

    Protein goes by body weight (at most the weight of BMI 25, so that it follows the body and not its fat)
    and stays within 15 and 30 percent of the calories; fat takes 25 percent; carbohydrates take the rest.
    """
    counted_kg = min(weight_kg, _HEALTHY_BMI * (height_cm / 100) ** 2)
    protein = _nearest(max(kcal * 0.15 / 4, min(kcal * 0.30 / 4, protein_per_kg * counted_kg)))
    fat = _nearest(kcal * 0.25 / 9)
    return {"carbs": _nearest((kcal - 4 * protein - 9 * fat) / 4), "protein": protein, "fat": fat}


def share(amount: float, parts: float) -> int:
    """One of so many equal parts, to the nearest whole: share(254, 3) is 85."""
    return _nearest(amount / parts)


def water_goal(weight_kg: float) -> int:
    """Water to drink a day in ml: 30 ml per kg, to the nearest 100, from 1,500 to 2,500."""
    return max(1500, min(2500, _nearest(weight_kg * 30, 100)))


def millilitres(words: str | None) -> int | None:
    """The amount that words such as `1000ml 이하`, `1~1.5L` or `하루 2리터` speak of, in ml.

    Of a range it is the middle. A bare number below 20 is taken for litres. Null when no number is there.
    """
    folded = unicodedata.normalize("NFKC", words or "").casefold().replace(",", "")
    numbers = [float(number) for number in re.findall(r"\d{1,6}(?:\.\d{1,3})?", folded)[:2]]
    if not numbers:
        return None
    in_ml = re.search(r"ml|cc|밀리", folded)
    in_litres = not in_ml and (re.search(r"\d ?l|리터", folded) or max(numbers) < 20)
    return _nearest(sum(numbers) / len(numbers) * (1000 if in_litres else 1))


# ---- refund ----------------------------------------------------------------------------


def menu_bought(words: str | None) -> dict[str, int | None] | None:
    """What `주 2회 2식 4주 (199,000원)` says: `per_week` 2, `meals` 2, `weeks` 4, `price` 199000.

    `price` is null when the words name none. Without deliveries a week, meals or weeks all of it is null.
    """
    folded = unicodedata.normalize("NFKC", words or "")
    per_week = re.search(r"주\s*(\d{1,2})\s*회", folded)
    meals = re.search(r"(\d{1,2})\s*식", folded)
    weeks = re.search(r"(\d{1,2})\s*주(?!\s*\d{1,2}\s*회)", folded)
    price = re.search(r"(\d{1,3}(?:,\d{3})+|\d{4,8})\s*원", folded)
    if not (per_week and meals and weeks):
        return None
    found = {"per_week": int(per_week[1]), "meals": int(meals[1]), "weeks": int(weeks[1])}
    if 0 in found.values():
        return None
    return {**found, "price": int(price[1].replace(",", "")) if price else None}


def option_names(chosen: Sequence[object] | None) -> list[str]:
    """The plain names in a list of options: prices in brackets and words for none are left out."""
    # Reading a text as a list also cuts "(16,000원)" at its comma, so join again before dropping the bracket.
    whole = unicodedata.normalize("NFKC", ", ".join(str(option) for option in chosen or ()))
    bare = re.sub(r"\([^()]*\)", "", whole)
    names = [" ".join(name.split()) for name in re.split(r"[,;\n]", bare)]
    return [name for name in names if name and name.replace(" ", "") not in _NO_OPTION]


def unlisted(names: Sequence[str], rows: Sequence[Mapping[str, object] | None]) -> list[str]:
    """The names without a row: rows[0] is what was found for names[0], and so on; names beyond have none."""
    return [name for place, name in enumerate(names) if place >= len(rows) or rows[place] is None]


def options_value(rows: Sequence[Mapping[str, object] | None], kind: str) -> int:
    """Won of all option rows of one kind (column `kind`): `delivery` (for each), `once`, or `gift`."""
    return sum(_whole(row["price"]) for row in rows if row is not None and row["kind"] == kind)


def delivery_schedule(
    now: datetime, days: str, cutoff_hour: float, arrives_hour: float, first_day: date | None = None
) -> dict[str, object]:
    """Where the deliveries stand at `now`, for delivery days such as `월/수`.

    `locked`: how many are still to come but can no longer be stopped, since it is past `cutoff_hour` on the
    day before (a delivery of today counts until `arrives_hour`); `next_stop`: the first delivery day that can
    still be stopped; `cutoff`: until when. Nothing is delivered before `first_day`, where it is known.
    """
    weekdays = [_WEEKDAYS.index(letter) for letter in days if letter in _WEEKDAYS]
    if not weekdays:
        raise ValueError(f"no day of the week in {days!r}")
    today = now.date()
    start = max(today, first_day) if first_day else today
    locked = 0
    for ahead in range(9):  # two days may be locked; the week after them holds every delivery day
        day = start + timedelta(days=ahead)
        if day.weekday() not in weekdays or (day == today and now.hour >= arrives_hour):
            continue
        cutoff = datetime.combine(day - timedelta(days=1), time(int(cutoff_hour)), now.tzinfo)
        if now < cutoff:
            return {"locked": locked, "next_stop": day, "cutoff": cutoff}
        locked += 1
    raise AssertionError("a week has every day")


def refund_estimate(
    price: float,
    deliveries: float,
    received: float,
    locked: float,
    fee_percent: float,
    option_per_delivery: float = 0,
    option_once: float = 0,
    gift: float = 0,
) -> dict[str, int]:
    """What would be paid back for a subscription, in won; every line of the explanation is in the answer.

    `used` = deliveries received and those too late to stop (`locked`), `left` = the others. `paid` = price
    and all options; `used_won` = the used deliveries' part of the price and of the options paid for each
    delivery; `once_won` = options that stay with the customer once a delivery is used; `fee_won` =
    fee_percent of what remains, none while nothing is used; `gift_won` = presents, deducted once a delivery
    is used; `refund_won` = the rest, down to 10 won, never below 0.
    """
    total = int(deliveries)
    used = min(total, int(received) + int(locked))
    paid_by_delivery = _whole(price) + _whole(option_per_delivery) * total
    used_won = _nearest(paid_by_delivery * used / total)
    once_won = _whole(option_once) if used else 0
    gift_won = _whole(gift) if used else 0
    remains = paid_by_delivery + _whole(option_once) - used_won - once_won
    fee_won = _nearest(remains * fee_percent / 100) if used else 0
    return {
        "total": total,
        "used": used,
        "locked": used - min(total, int(received)),
        "left": total - used,
        "paid": paid_by_delivery + _whole(option_once),
        "used_won": used_won,
        "once_won": once_won,
        "fee_won": fee_won,
        "gift_won": gift_won,
        "refund_won": max(0, (remains - fee_won - gift_won) // 10 * 10),
    }


def _whole(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise ValueError(f"{number!r} is no amount of won")
    return int(number)


# ---- Korean dates ----------------------------------------------------------------------


def korean_day(day: date) -> str:
    """A day as people say it: `11월 23일(월)`."""
    return f"{day.month}월 {day.day}일({_WEEKDAYS[day.weekday()]})"


def korean_hour(moment: datetime) -> str:
    """A time as people say it: `오후 3시`, `오전 9시 30분`, `낮 12시`, `0시`."""
    if moment.hour == 0:
        half, hour = "", 0
    else:
        half = "낮 " if moment.hour == 12 else "오전 " if moment.hour < 12 else "오후 "
        hour = (moment.hour - 1) % 12 + 1
    minutes = f" {moment.minute}분" if moment.minute else ""
    return f"{half}{hour}시{minutes}"
