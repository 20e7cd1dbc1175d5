"""What SNS tells, as an alert: a readable row for each form."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.alarms import Reader, console, read, unsubscribed
from alerts.alert import Alert
from sandbox.sns_alarms import FORMS, STATES, published

KOREAN = Reader(ZoneInfo("Asia/Seoul"), True)
ENGLISH = Reader(ZoneInfo("America/New_York"), False)
TOPIC = "arn:aws:sns:ap-northeast-2:111122223333:ops-alarms"
SENT = "2026-03-02T01:05:11.000Z"
AT = datetime(2026, 3, 2, 1, 5, 10, 712000, UTC)
ARN = "arn:aws:cloudwatch:ap-northeast-2:111122223333:alarm:api-5xx-high"


def told(message: Any, reader: Reader = KOREAN, **more: Any) -> Alert:
    words = message if isinstance(message, str) else json.dumps(message)
    found = read({"Type": "Notification", "TopicArn": TOPIC, "Message": words, "Timestamp": SENT, **more}, reader)
    assert isinstance(found, Alert), found
    return found


def alarm(form: str = "metric", state: str = "ALARM", reader: Reader = KOREAN, **more: Any) -> Alert:
    return told(published(form, "api-5xx-high", state, AT, **more)[1], reader)


METRIC = "Sum AWS/ApplicationELB HTTPCode_Target_5XX_Count (LoadBalancer=app/edge/0a1b2c3d4e5f6071)"
GOLDEN = {
    ("metric", "ALARM"): {
        "상태": "OK → ALARM", "시각": "2026-03-02 10:05:10 KST", "지표": METRIC,
        "조건": "Sum > 20, 5분 간격 1번 중 1번", "리전": "ap-northeast-2", "계정": "111122223333",
    },
    ("metric", "OK"): {"상태": "ALARM → OK", "지표": METRIC},
    ("metric", "INSUFFICIENT_DATA"): {"상태": "OK → INSUFFICIENT_DATA"},
    ("math", "ALARM"): {
        "지표": "error % = 100*m1/req; m1: Sum Shop/API Errors (Service=edge)", "조건": "> 20, 5분 간격 1번 중 1번",
    },
    ("anomaly", "ALARM"): {
        "지표": "ANOMALY_DETECTION_BAND(m1, 2); m1: Sum Shop/API Errors (Service=edge)",
        "조건": "예상 범위를 벗어남, 5분 간격 1번 중 1번",
    },
    ("composite", "ALARM"): {"조건": "ALARM(api-5xx-high-child) OR ALARM(api-latency)"},
    ("eventbridge", "ALARM"): {"상태": "OK → ALARM", "시각": "2026-03-02 10:05:10 KST", "리전": "ap-northeast-2"},
}  # fmt: skip


@pytest.mark.parametrize(("form", "state"), GOLDEN)
def test_each_form_of_alarm_is_read(form: str, state: str) -> None:
    found = alarm(form, state)
    assert dict(found.fields).items() >= GOLDEN[form, state].items()
    assert (found.topic, found.key, found.at, found.news) == ("cloudwatch", ARN, AT, False)
    assert found.url == (
        "https://ap-northeast-2.console.aws.amazon.com/cloudwatch/home?region=ap-northeast-2#alarmsV2:alarm/api-5xx-high"
    )
    assert "빠진" not in found.text


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("ALARM", ("firing", "critical", "api-5xx-high Alarm이 발생했습니다.")),
        ("OK", ("resolved", "critical", "api-5xx-high")),
        ("INSUFFICIENT_DATA", ("firing", "warning", "api-5xx-high Alarm의 데이터가 부족합니다.")),
    ],
)
@pytest.mark.parametrize("form", ["metric", "math", "anomaly", "composite", "eventbridge"])
def test_the_state_says_whether_it_fires_and_how_grave_it_is(form: str, state: str, expected: tuple[str, ...]) -> None:
    found = alarm(form, state)
    assert (found.state, found.severity, found.title) == expected


def test_english_and_another_zone() -> None:
    found = alarm(reader=ENGLISH)
    assert found.title == "api-5xx-high is in alarm."
    assert dict(found.fields)["At"] == "2026-03-01 20:05:10 EST"
    assert dict(found.fields)["Condition"] == "Sum > 20, 1 of 1 periods of 5 min"


def test_the_unsigned_attributes_count_for_nothing() -> None:
    words = published("metric", "a", "INSUFFICIENT_DATA", AT)[1]
    assert told(words, MessageAttributes={"severity": {"Type": "String", "Value": "critical"}}).severity == "warning"


# --- the alarms that teams publish themselves ---


def test_an_alarm_without_a_state_fires_and_says_what_it_lacks() -> None:
    found = told({"AlarmName": "결제 실패", "NewStateReason": "12건 <b>", "담당": "결제팀"})
    assert (found.title, found.state, found.severity) == ("결제 실패 Alarm이 발생했습니다.", "firing", "critical")
    assert found.text == "12건 &lt;b&gt;\n알람에 빠진 항목: StateChangeTime, Trigger"
    assert dict(found.fields) == {"담당": "결제팀"}
    assert found.key == ""  # nothing will ever say that it is over


def test_a_whole_one_lacks_nothing() -> None:
    found = alarm("custom", Trigger={"MetricName": "PaymentFailures", "Threshold": 10})
    assert "빠진" not in found.text
    assert dict(found.fields) == {"시각": "2026-03-02 10:05:10 KST", "지표": "PaymentFailures", "조건": "10"}


def test_a_trigger_in_words_and_an_unreadable_time_are_shown_as_they_are() -> None:
    found = told({"AlarmName": "a", "StateChangeTime": "어제", "NewStateReason": "r", "Trigger": "큐 > 100"})
    assert dict(found.fields) == {"시각": "어제", "Trigger": "큐 > 100"}
    assert found.at == datetime(2026, 3, 2, 1, 5, 11, tzinfo=UTC)


# --- other texts ---


def test_any_other_text_is_told_once_as_it_is() -> None:
    found = told("첫 줄 <script>\n둘째 줄", Subject="배포 알림")
    assert (found.title, found.text, found.news) == ("배포 알림", "첫 줄 &lt;script&gt;\n둘째 줄", True)
    bare = told("첫 줄\n둘째 줄")
    assert (bare.title, bare.text) == ("첫 줄", "둘째 줄")
    assert told('{"service": "api"}', Subject="상태").text == '{"service": "api"}'


def test_a_change_of_an_alarms_settings_is_told_to_nobody() -> None:
    event = json.loads(published("eventbridge", "a", "ALARM", AT)[1])
    event["detail-type"] = "CloudWatch Alarm Configuration Change"
    found = read({"TopicArn": TOPIC, "Message": json.dumps(event), "Timestamp": SENT}, KOREAN)
    assert found == "no change of an alarm's state: CloudWatch Alarm Configuration Change"


def test_the_end_of_the_subscription_is_grave() -> None:
    found = unsubscribed({"TopicArn": TOPIC}, KOREAN)
    assert "ops-alarms" in found.title and found.severity == "critical"


# --- times, names, addresses ---


def test_a_time_of_the_future_is_not_believed() -> None:
    found = told(published("metric", "a", "ALARM", datetime(9999, 12, 31, tzinfo=UTC))[1])
    assert found.at == datetime(2026, 3, 2, 1, 5, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_console_of_each_part_of_aws(region: str, host: str) -> None:
    address = console(region, "주문/결제: a b")
    assert address.startswith(f"https://{host}/cloudwatch/home?region={region}#alarmsV2:alarm/")
    assert address.endswith("%EC%A3%BC%EB%AC%B8%2F%EA%B2%B0%EC%A0%9C%3A%20a%20b")


@pytest.mark.parametrize("region", ["", "evil.example/", "ap-northeast-2.evil", "a b"])
def test_no_address_is_made_of_what_is_no_region(region: str) -> None:
    assert console(region, "a") == ""


# --- whatever comes ---

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "AlarmName", "NewStateValue", "NewStateReason", "StateChangeTime", "Trigger", "Region", "AlarmArn", "AlarmRule",
        "OldStateValue", "AlarmDescription", "AWSAccountId", "detail", "detail-type", "source", "resources", "region",
        "time", "account", "x",
    ]
)  # fmt: skip


@given(body=st.dictionaries(KEYS, VALUES, max_size=8), form=st.sampled_from(FORMS), state=st.sampled_from(STATES))
@example(body={"AlarmName": "a", "Trigger": {"Metrics": [{"MetricStat": 3}, 1, None]}}, form="metric", state="OK")
@example(body={"AlarmName": "a", "StateChangeTime": "0001-01-01T00:00:00+23:59"}, form="metric", state="OK")
def test_no_shape_of_json_fails_or_is_lost(body: dict[str, Any], form: str, state: str) -> None:
    whole = published(form, "api", state, AT)[1]
    mixed = {**json.loads(whole), **body} if whole.startswith("{") else body
    for message in (body, mixed):
        found = read({"TopicArn": TOPIC, "Message": json.dumps(message), "Timestamp": SENT}, KOREAN)
        assert isinstance(found, str) or (found.title and len(found.title) <= 300)


@given(st.text(), st.none() | st.text())
def test_no_text_fails_or_is_lost(words: str, subject: str | None) -> None:
    found = read({"TopicArn": TOPIC, "Message": words, "Subject": subject, "Timestamp": SENT}, KOREAN)
    assert isinstance(found, str) or found.title


@pytest.mark.parametrize("words", ["[" * 50_000, "9" * 5000, '{"x": ' + "9" * 5000 + "}", '{"a":' * 2000])
def test_endless_nesting_and_digits_are_text(words: str) -> None:
    assert told(words).news
