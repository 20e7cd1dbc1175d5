"""From a notification of Amazon SNS to an alert: CloudWatch alarms in all their forms, the alarms that teams publish
themselves, and any other text. Nothing that somebody wrote there makes it fail: what cannot be read is shown as it is.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from alerts import alarm_triggers
from alerts.alert import CRITICAL, FIRING, RESOLVED, WARNING, Alert

TOPIC = "cloudwatch"
STATE_CHANGE = "CloudWatch Alarm State Change"
USUAL = ("StateChangeTime", "NewStateReason", "Trigger")  # of an alarm; what is not there is named
KNOWN = {
    *USUAL, "AlarmName", "AlarmDescription", "AWSAccountId", "AlarmConfigurationUpdatedTimestamp", "NewStateValue",
    "Region", "AlarmArn", "OldStateValue", "OKActions", "AlarmActions", "InsufficientDataActions", "AlarmRule",
    "TriggeringChildren", "ActionExecutedAfterMuteWindow",
}  # fmt: skip
LONGEST_TITLE, LONGEST_TEXT, LONGEST_FIELD = 300, 3000, 500
LONGEST_PLAIN = 12_000  # of a text that is no alarm; channels split it
MOST_EXTRA = 10
AHEAD = timedelta(minutes=10)  # a time that is further ahead of SNS's own is none
_PLACES = (  # how a region begins, and where its console is
    ("cn-", "{region}.console.amazonaws.cn"),
    ("us-gov-", "console.amazonaws-us-gov.com"),
    ("", "{region}.console.aws.amazon.com"),
)


@dataclass(frozen=True)
class Reader:
    """How the house speaks, and what time it has."""

    zone: ZoneInfo
    korean: bool

    def t(self, korean: str, english: str) -> str:
        return korean if self.korean else english


@dataclass(frozen=True)
class _Alarm:
    """A state of an alarm, whichever form it came in."""

    name: str
    state: str
    arn: str
    reason: str
    description: str
    before: str
    changed: object
    region: str
    account: str
    metric: str
    condition: str
    missing: Sequence[str] = ()
    extra: Sequence[tuple[str, str]] = ()
    custom: bool = False


def read(notification: Mapping[str, Any], reader: Reader) -> Alert | str:
    """The alert that a notification is, or why nobody is told of it. It was proven, so its envelope has its form."""
    written = _text(notification.get("Message"))
    told = _object(written)
    sent = _time(notification.get("Timestamp")) or datetime.now(UTC)
    topic = _text(notification.get("TopicArn"))
    if told is not None and _text(told.get("AlarmName")).strip():
        return _alert(_of_action(told, topic, reader), topic, sent, reader)
    if told is not None and isinstance(told.get("detail"), dict) and "detail-type" in told:
        detail = told["detail"]
        if _text(told["detail-type"]) == STATE_CHANGE and _text(detail.get("alarmName")).strip():
            return _alert(_of_event(told, detail, reader), topic, sent, reader)
        if told.get("source") == "aws.cloudwatch":
            return f"no change of an alarm's state: {_text(told['detail-type'])[:100]}"
    return _plain(notification, written, topic, sent)


def unsubscribed(notification: Mapping[str, Any], reader: Reader) -> Alert:
    """Somebody ended the subscription without being known to AWS: from now on no alarm reaches us."""
    topic = _text(notification.get("TopicArn"))
    name = topic.rpartition(":")[2]
    return Alert(
        topic=TOPIC,
        title=reader.t(f"SNS 구독이 끊겼습니다: {name}", f"The SNS subscription was ended: {name}")[:LONGEST_TITLE],
        text=reader.t(
            "누군가 수신 거부 주소를 열어 이 주제의 알람이 더 오지 않습니다. 원하지 않은 일이면 다시 구독해 주세요.",
            "Somebody opened its unsubscribe address. No more alarms of this topic come in: subscribe again if that "
            "was not meant.",
        ),
        severity=CRITICAL,
        fields=(("SNS", topic),),
        source=f"sns:{topic}",
    )


# --- the forms ---


def _of_action(told: Mapping[str, Any], topic: str, reader: Reader) -> _Alarm:
    """CloudWatch's own, of a metric, an expression or other alarms; without a state a team made it."""
    name, arn = _text(told["AlarmName"]).strip(), _text(told.get("AlarmArn"))
    state = _text(told.get("NewStateValue")).strip().upper()
    trigger, is_composite = told.get("Trigger"), "AlarmRule" in told
    usual = [one for one in USUAL if one != "Trigger" or not is_composite]
    extra = [
        (key, _shown(value)) for key, value in told.items() if key not in KNOWN and value not in (None, "", [], {})
    ]
    if trigger and not isinstance(trigger, dict):
        extra = [("Trigger", _shown(trigger)), *extra]
    metric, condition = alarm_triggers.described(trigger if isinstance(trigger, dict) else {}, reader.korean)
    return _Alarm(
        name=name,
        state=state or "ALARM",
        arn=arn or f"{topic}:{name}",
        reason=_text(told.get("NewStateReason")),
        description=_text(told.get("AlarmDescription")),
        before=_text(told.get("OldStateValue")),
        changed=told.get("StateChangeTime"),
        region=_region(arn) or _region(topic),
        account=_shown(told.get("AWSAccountId") or ""),
        metric=metric,
        condition=_text(told.get("AlarmRule")) or condition,
        missing=[one for one in usual if told.get(one) in (None, "", {})],
        extra=extra[:MOST_EXTRA] if not state else (),
        custom=not state,
    )


def _of_event(told: Mapping[str, Any], detail: Mapping[str, Any], reader: Reader) -> _Alarm:
    """As an EventBridge rule passes it on."""
    state, before, setting = (_row(detail, one) for one in ("state", "previousState", "configuration"))
    arns = told.get("resources")
    name = _text(detail["alarmName"]).strip()
    arn = _text(arns[0]) if isinstance(arns, list) and arns else ""
    metric, _ = alarm_triggers.described({"Metrics": setting.get("metrics")}, reader.korean)
    missing = {"state.value": state.get("value"), "state.timestamp": state.get("timestamp")}
    return _Alarm(
        name=name,
        state=_text(state.get("value")).strip().upper() or "ALARM",
        arn=arn or f"{_text(told.get('region'))}:{name}",
        reason=_text(state.get("reason")),
        description=_text(setting.get("description")),
        before=_text(before.get("value")),
        changed=state.get("timestamp") or told.get("time"),
        region=_text(told.get("region")) or _region(arn),
        account=_shown(told.get("account") or ""),
        metric=metric,
        condition=_text(setting.get("alarmRule")),
        missing=[key for key, value in missing.items() if not value],
    )


def _plain(notification: Mapping[str, Any], written: str, topic: str, sent: datetime) -> Alert:
    """Any other text: told once, as it is."""
    subject = _text(notification.get("Subject")).strip()
    first, _, rest = written.strip().partition("\n")
    title, text = (subject, written.strip()) if subject else (first, rest.strip())
    if len(title) > LONGEST_TITLE:
        title, text = title[: LONGEST_TITLE - 1] + "…", written.strip()
    return Alert(
        topic=TOPIC,
        title=title or topic.rpartition(":")[2] or "SNS",
        text=escape(_cut(text, LONGEST_PLAIN), quote=False),
        severity=WARNING,
        at=sent,
        source=f"sns:{topic}",
        news=True,
    )


# --- what is told ---


def _alert(alarm: _Alarm, topic: str, sent: datetime, reader: Reader) -> Alert:
    at = _time(alarm.changed)
    lines = [_cut(one, LONGEST_TEXT // 2) for one in (alarm.description, alarm.reason) if one]
    if alarm.missing:
        named = ", ".join(alarm.missing)
        lines.append(reader.t(f"알람에 빠진 항목: {named}", f"Missing in the alarm: {named}"))
    return Alert(
        topic=TOPIC,
        title=_title(alarm, reader)[:LONGEST_TITLE],
        text="\n".join(escape(one, quote=False) for one in lines),
        key="" if alarm.custom else alarm.arn,
        state=RESOLVED if alarm.state == "OK" else FIRING,
        severity=WARNING if alarm.state == "INSUFFICIENT_DATA" else CRITICAL,
        url=console(alarm.region, alarm.name) if not alarm.custom else "",
        fields=tuple((label, _cut(value, LONGEST_FIELD)) for label, value in _fields(alarm, at, reader) if value),
        at=at if at is not None and at <= sent + AHEAD else sent,
        source=f"sns:{topic}",
    )


def _title(alarm: _Alarm, reader: Reader) -> str:
    if alarm.state == "OK":
        return alarm.name  # 'resolved' is said before it
    if alarm.state == "INSUFFICIENT_DATA":
        return reader.t(f"{alarm.name} Alarm의 데이터가 부족합니다.", f"{alarm.name} has insufficient data.")
    return reader.t(f"{alarm.name} Alarm이 발생했습니다.", f"{alarm.name} is in alarm.")


def _fields(alarm: _Alarm, at: datetime | None, reader: Reader) -> list[tuple[str, str]]:
    t = reader.t
    when = f"{at.astimezone(reader.zone):%Y-%m-%d %H:%M:%S %Z}" if at else _shown(alarm.changed or "")
    change = f"{alarm.before} → {alarm.state}" if alarm.before else alarm.state
    return [
        (t("상태", "State"), "" if alarm.custom else change),
        (t("시각", "At"), when),
        (t("지표", "Metric"), alarm.metric),
        (t("조건", "Condition"), alarm.condition),
        (t("리전", "Region"), "" if alarm.custom else alarm.region),
        (t("계정", "Account"), alarm.account),
        *alarm.extra,
    ]


def console(region: str, name: str) -> str:
    """Where CloudWatch shows the alarm with its graph."""
    if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}", region):
        return ""
    host = next(host for begin, host in _PLACES if region.startswith(begin)).format(region=region)
    return f"https://{host}/cloudwatch/home?region={region}#alarmsV2:alarm/{quote(name, safe='')}"


# --- reading ---


def _object(written: str) -> dict[str, Any] | None:
    try:
        told = json.loads(written, parse_int=_number(int), parse_float=_number(float), parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _number(kind: type[int] | type[float]) -> Any:
    """Endless digits stay text, which they were."""
    return lambda digits: kind(digits) if len(digits) <= 40 and abs(float(digits)) != float("inf") else digits


def _row(of: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _region(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 else ""


def _time(written: object) -> datetime | None:
    """As CloudWatch and SNS write it; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(_text(written).strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
