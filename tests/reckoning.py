"""The shipped modules' numbers worked out a second way, for the golden tests.

Written from the modules' description with exact fractions and plain loops, reading the tables with csv alone.
It shares no code with curation/, so a mistake has to be made twice to pass unseen.
"""

import csv
from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent.parent / "responses" / "shipped" / "tables"


def rows_of(table: str) -> list[dict[str, str]]:
    with (TABLES / f"{table}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def halves_up(number: Fraction, step: int = 1) -> int:
    whole, rest = divmod(number, step)
    return int(whole + (1 if rest * 2 >= step else 0)) * step


def meaning(question: str, answer: str) -> str:
    return next(r["means"] for r in rows_of("diet_words") if (r["question"], r["answer"]) == (question, answer))


def within(row: Mapping[str, str], column: str, number: int) -> bool:
    low, high = row[f"{column}_min"], row[f"{column}_max"]
    return (low == "" or number >= Fraction(low)) and (high == "" or number < Fraction(high))


def diet(read: Mapping[str, Any]) -> dict[str, Any]:
    """`read`: the survey with its numbers as numbers and its choices as declared."""
    kg, cm, years = Fraction(str(read["weight"])), Fraction(str(read["height"])), Fraction(str(read["age"]))
    sex = meaning("sex", read["sex"]) if read.get("sex") else "unknown"
    level = meaning("activation", read["activation"])
    wish = meaning("goal", read["goal"])
    bmr = halves_up(10 * kg + Fraction(25, 4) * cm - 5 * years + {"male": 5, "female": -161}.get(sex, -78))
    times = {"still": "1.2", "light": "1.375", "moderate": "1.55", "active": "1.725"}[level]
    maintenance = halves_up(bmr * Fraction(times), 10)
    bmi = Fraction(halves_up(kg / (cm / 100) ** 2 * 10), 10)
    unsafe = wish in ("lose", "lose_more") and (years < 19 or bmi < Fraction("18.5"))
    course = "keep" if unsafe else wish
    plan = next(row for row in rows_of("diet_plans") if row["course"] == course)
    kcal = calories_for(maintenance, Fraction(plan["change_percent"]), sex)
    counted = min(kg, 25 * (cm / 100) ** 2) * Fraction(plan["protein_per_kg"])
    protein = halves_up(sorted([Fraction(kcal * 15, 400), counted, Fraction(kcal * 30, 400)])[1])
    fat = halves_up(Fraction(kcal, 36))
    carbs = halves_up(Fraction(kcal - 4 * protein - 9 * fat, 4))
    meals = int(read["number_dining"])
    per_meal = {
        "meal_carbs": halves_up(Fraction(carbs, meals)),
        "meal_protein": halves_up(Fraction(protein, meals)),
    }
    fitting = [
        row["name"]
        for row in rows_of("diet_products")
        if within(row, "carbs", per_meal["meal_carbs"]) and within(row, "protein", per_meal["meal_protein"])
    ]
    assert len(fitting) == 1, f"the sheet has {len(fitting)} products for {per_meal}"
    return {
        "bmi": float(bmi), "bmr": bmr, "maintenance": maintenance, "course": course, "kcal": kcal,
        "carbs": carbs, "protein": protein, "fat": fat, **per_meal,
        "water_ml": sorted([1500, halves_up(kg * 30, 100), 2500])[1],
        "product": fitting[0],
    }  # fmt: skip


def calories_for(maintenance: int, percent: Fraction, sex: str) -> int:
    wanted = maintenance + sorted([Fraction(-700), maintenance * percent / 100, Fraction(500)])[1]
    lowest = {"male": 1500, "female": 1200}.get(sex, 1350)
    if percent < 0 and wanted < lowest:
        wanted = Fraction(min(lowest, maintenance))
    return halves_up(wanted, 10)


def refund(read: Mapping[str, Any], bought: Mapping[str, int], now: datetime) -> dict[str, Any]:
    """`bought`: deliveries a week, meals and weeks as in the menu's name, and the price to reckon with."""
    rules = {row["rule"]: int(row["value"]) for row in rows_of("refund_rules")}
    options = {row["option"]: row for row in rows_of("refund_options")}
    price_of = {"delivery": 0, "once": 0, "gift": 0}
    for name in read.get("options", []):
        if name in options:
            price_of[options[name]["kind"]] += int(options[name]["price"])
    total = bought["per_week"] * bought["weeks"]
    received = min(total, int(read["received"]))
    locked = min(total - received, locked_days(read, rules, now))
    used = received + locked
    for_deliveries = bought["price"] + price_of["delivery"] * total
    gone = halves_up(Fraction(for_deliveries * used, total))
    kept = price_of["once"] if used else 0
    remains = for_deliveries + price_of["once"] - gone - kept
    fee = halves_up(Fraction(remains * rules["fee_percent"], 100)) if used else 0
    gift = price_of["gift"] if used else 0
    back = remains - fee - gift
    return {
        "total": total, "used": used, "locked": locked, "left": total - used,
        "paid": for_deliveries + price_of["once"], "used_won": gone, "once_won": kept,
        "fee_won": fee, "gift_won": gift, "refund_won": max(0, back - back % 10),
    }  # fmt: skip


def locked_days(read: Mapping[str, Any], rules: Mapping[str, int], now: datetime) -> int:
    """Walks hour by hour through a fortnight: arrivals still ahead whose cut-off is behind us."""
    letters = [letter for letter in read["delivery_days"] if letter in "월화수목금토일"]
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    count = 0
    for day in range(14):
        date = midnight + timedelta(days=day)
        arrival = date + timedelta(hours=rules["arrives_hour"])
        cutoff = date - timedelta(hours=24 - rules["cutoff_hour"])
        starts = read.get("first_delivery")
        if "월화수목금토일"[date.weekday()] in letters and cutoff <= now < arrival:
            count += starts is None or date.date().isoformat() >= str(starts)
    return count
