"""What an alarm of CloudWatch watches, and from when on it rings, in words."""

from collections.abc import Mapping
from typing import Any

OPERATORS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
BANDS = {
    "LessThanLowerOrGreaterThanUpperThreshold": ("예상 범위를 벗어남", "outside the expected band"),
    "LessThanLowerThreshold": ("예상 범위보다 낮음", "below the expected band"),
    "GreaterThanUpperThreshold": ("예상 범위보다 높음", "above the expected band"),
}
MOST_METRICS = 4


def described(trigger: Mapping[str, Any], korean: bool) -> tuple[str, str]:
    """The metric, or the expression and its metrics; and the condition. Empty where nothing is told of it."""
    metrics = [one for one in _list(trigger.get("Metrics")) if isinstance(one, dict)]
    if not metrics:
        return _metric(trigger, _statistic(trigger)), _condition(trigger, _statistic(trigger), korean)
    rows = [_of_query(one) for one in metrics]
    expressions = [said for is_expression, said in rows if is_expression and said]
    plain = [said for is_expression, said in rows if not is_expression and said]
    shown = (expressions + plain)[:MOST_METRICS]
    return "; ".join(shown), _condition(trigger, "", korean)


def _of_query(one: Mapping[str, Any]) -> tuple[bool, str]:
    """One of several: an expression, or a metric. CloudWatch writes its names large, EventBridge small."""
    said, name = _text(_either(one, "Expression")), _text(_either(one, "Label"))
    if said:
        return True, f"{name} = {said}" if name else said
    stat = _dict(_either(one, "MetricStat"))
    metric = _dict(_either(stat, "Metric"))
    id = _text(_either(one, "Id"))
    described = _metric(metric, _text(_either(stat, "Stat")))
    return False, f"{id}: {described}" if id and described else described


def _metric(metric: Mapping[str, Any], statistic: str) -> str:
    name = _text(metric.get("MetricName")) or _text(metric.get("name"))
    if not name:
        return ""
    space = _text(_either(metric, "Namespace"))
    where = ", ".join(_dimensions(_either(metric, "Dimensions")))
    shown = f"{space} {name}".strip() + (f" ({where})" if where else "")
    return f"{statistic} {shown}".strip()


def _dimensions(told: object) -> list[str]:
    """A list of names and values; of EventBridge an object."""
    if isinstance(told, dict):
        return [f"{name}={value}" for name, value in told.items()]
    pairs = [one for one in _list(told) if isinstance(one, dict)]
    return [f"{_either(one, 'Name')}={_either(one, 'Value')}" for one in pairs]


def _statistic(trigger: Mapping[str, Any]) -> str:
    """SUM reads better as Sum; a percentile is p99."""
    return _text(trigger.get("ExtendedStatistic")) or _text(trigger.get("Statistic")).capitalize()


def _condition(trigger: Mapping[str, Any], statistic: str, korean: bool) -> str:
    operator, threshold = _text(trigger.get("ComparisonOperator")), trigger.get("Threshold")
    if operator in BANDS:
        said = BANDS[operator][not korean]
    elif isinstance(threshold, int | float) and not isinstance(threshold, bool):
        said = " ".join(filter(None, (statistic, OPERATORS.get(operator, operator), f"{threshold:g}")))
    else:
        return ""
    periods, needed, period = (_whole(trigger.get(one)) for one in ("EvaluationPeriods", "DatapointsToAlarm", "Period"))
    if not periods or not period:
        return said
    long = _long(period, korean)
    if korean:
        return f"{said}, {long} 간격 {periods}번 중 {needed or periods}번"
    return f"{said}, {needed or periods} of {periods} periods of {long}"


def _long(seconds: int, korean: bool) -> str:
    if seconds % 60:
        return f"{seconds}초" if korean else f"{seconds} s"
    return f"{seconds // 60}분" if korean else f"{seconds // 60} min"


def _either(of: Mapping[str, Any], name: str) -> object:
    return of[name] if name in of else of.get(name[0].lower() + name[1:])


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9 else 0
