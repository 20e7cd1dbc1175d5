"""What CloudWatch, EventBridge and teams publish to a topic of SNS."""

import json
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

ACCOUNT, REGION, SHOWN = "111122223333", "ap-northeast-2", "Asia Pacific (Seoul)"
FORMS = ("metric", "math", "anomaly", "composite", "eventbridge", "custom", "text")
STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
REASONS = {
    "ALARM": "Threshold Crossed: 1 out of the last 1 datapoints [37.0] was greater than the threshold (20.0).",
    "OK": "Threshold Crossed: 1 out of the last 1 datapoints [3.0] was not greater than the threshold (20.0).",
    "INSUFFICIENT_DATA": "Insufficient Data: 1 datapoint was unknown.",
}


def arn(name: str) -> str:
    return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"


def published(form: str, name: str, state: str, at: datetime | None = None, **more: Any) -> tuple[str, str]:
    """Subject and message. `more` replaces parts of the alarm; None takes them away."""
    when = at or datetime.now(UTC)
    stamp = when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03}+0000"
    if form == "text":
        return "배포 알림", f"{name} 배포가 끝났습니다.\n걸린 시간 3분 12초"
    if form == "eventbridge":
        return "", _dumped(_event(name, state, stamp), more)
    if form == "custom":
        told: Json = {"AlarmName": name, "StateChangeTime": stamp, "NewStateReason": "결제 실패가 5분 동안 12건입니다."}
        return f"{name}", _dumped({**told, "Trigger": {"MetricName": "PaymentFailures"}}, more)
    subject = f'{state}: "{name}" in {SHOWN}'
    return subject, _dumped(_action(form, name, state, stamp), more)


def _dumped(told: Json, more: Json) -> str:
    return json.dumps({k: v for k, v in {**told, **more}.items() if v is not None}, ensure_ascii=False)


def _action(form: str, name: str, state: str, stamp: str) -> Json:
    told: Json = {
        "AlarmName": name, "AlarmDescription": "5분 동안 5xx가 20건을 넘으면", "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": "2026-02-11T08:00:00.000+0000", "NewStateValue": state,
        "NewStateReason": REASONS[state], "StateChangeTime": stamp, "Region": SHOWN, "AlarmArn": arn(name),
        "OldStateValue": "ALARM" if state == "OK" else "OK", "OKActions": [],
        "AlarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:ops-alarms"], "InsufficientDataActions": [],
    }  # fmt: skip
    if form == "composite":
        child = {"Arn": arn(f"{name}-child"), "State": {"Value": state, "Timestamp": stamp}}
        return {**told, "AlarmRule": f"ALARM({name}-child) OR ALARM(api-latency)", "TriggeringChildren": [child]}
    return {**told, "Trigger": _trigger(form)}


def _trigger(form: str) -> Json:
    rule: Json = {
        "Period": 300, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 20.0, "TreatMissingData": "notBreaching", "EvaluateLowSampleCountPercentile": "",
    }  # fmt: skip
    if form == "metric":
        dimensions = [{"value": "app/edge/0a1b2c3d4e5f6071", "name": "LoadBalancer"}]
        watched = {"MetricName": "HTTPCode_Target_5XX_Count", "Namespace": "AWS/ApplicationELB"}
        return {
            **watched,
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": None,
            **rule,
            "Dimensions": dimensions,
        }
    metric = {"Dimensions": [{"value": "edge", "name": "Service"}], "MetricName": "Errors", "Namespace": "Shop/API"}
    query = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": form == "anomaly"}
    if form == "math":
        expression = {"Expression": "100*m1/req", "Id": "rate", "Label": "error %", "ReturnData": True}
        return {**rule, "Metrics": [expression, query]}
    band = {"Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "Id": "ad1", "ReturnData": True}
    rule |= {"ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold", "ThresholdMetricId": "ad1"}
    rule.pop("Threshold")
    return {**rule, "Metrics": [query, band]}


def _event(name: str, state: str, stamp: str) -> Json:
    metric = {
        "namespace": "AWS/ApplicationELB", "name": "HTTPCode_Target_5XX_Count",
        "dimensions": {"LoadBalancer": "app/edge/0a1b2c3d4e5f6071"},
    }  # fmt: skip
    query = {"id": "m-1", "metricStat": {"metric": metric, "period": 300, "stat": "Sum"}, "returnData": True}
    return {
        "version": "0", "id": "9f0c1f2a-3333-4444-8555-666677778888", "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch", "account": ACCOUNT, "time": stamp.replace("+0000", "Z"), "region": REGION,
        "resources": [arn(name)],
        "detail": {
            "alarmName": name,
            "state": {"value": state, "reason": REASONS[state], "timestamp": stamp},
            "previousState": {"value": "ALARM" if state == "OK" else "OK", "reason": "", "timestamp": stamp},
            "configuration": {"description": "5분 동안 5xx가 20건을 넘으면", "metrics": [query]},
        },
    }  # fmt: skip
