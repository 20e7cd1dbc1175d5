// What only the on-call engineer's seat says.

export const ONCALL = {
  ko: {
    spaces: "스페이스", newSpace: "스페이스", spaceTitle: "당직 {n}", withApp: "마루와 1:1", raise: "알람 울리기",
    raiseLead: "CloudWatch가 SNS로 알리는 그대로 보내요. 처음이면 구독 확인부터 해요.",
    alarmName: "알람 이름", alarmForm: "어디서 온 알람인가요", storm: "알람 40건을 4초에",
    metric: "지표 알람", math: "수식 알람", anomaly: "이상 탐지", composite: "복합 알람", eventbridge: "EventBridge 규칙",
    custom: "팀이 직접 보낸 JSON", text: "그냥 글",
    ALARM: "울림", OK: "정상", INSUFFICIENT_DATA: "데이터 부족",
    addApp: "앱 추가", removeApp: "앱 내보내기", appInside: "마루가 있어요", appOutside: "마루가 없어요", people_: "{n}명",
    mentionApp: "@알람을 부르며 말하기", sayInSpace: "메시지", replyIn: "스레드에 답장", newThread: "새 스레드로", replying: "스레드에 답장하는 중",
    spaceEmpty: "아직 아무 말도 없어요. 알람을 울려 보세요.", app: "앱",
    subscription: "SNS 구독", confirmed: "확인됐어요", unconfirmed: "아직 확인되지 않았어요", subscribe: "구독하기", unsubscribe: "구독 끊기",
    version: "서명", formOf: "이벤트 형식", classic: "기존 앱", addon: "Workspace 부가기능",
    broken: "사람들에게 '응답 없음'으로 보였을 답 {n}개",
  },
  en: {
    spaces: "Spaces", newSpace: "Space", spaceTitle: "On call {n}", withApp: "Maru, 1:1", raise: "Raise an alarm",
    raiseLead: "Sent as CloudWatch tells it by SNS. The first time the subscription is confirmed before.",
    alarmName: "Name of the alarm", alarmForm: "Where it comes from", storm: "40 alarms in 4 s",
    metric: "Metric alarm", math: "Metric math", anomaly: "Anomaly detection", composite: "Composite alarm", eventbridge: "EventBridge rule",
    custom: "A team's own JSON", text: "Plain text",
    ALARM: "Alarm", OK: "OK", INSUFFICIENT_DATA: "No data",
    addApp: "Add app", removeApp: "Remove app", appInside: "Maru is here", appOutside: "Maru is not here", people_: "{n} people",
    mentionApp: "Mention @알람", sayInSpace: "Message", replyIn: "Reply in thread", newThread: "new thread", replying: "Replying in a thread",
    spaceEmpty: "Nothing has been said yet. Raise an alarm.", app: "App",
    subscription: "SNS subscription", confirmed: "confirmed", unconfirmed: "not confirmed yet", subscribe: "Subscribe", unsubscribe: "Unsubscribe",
    version: "Signature", formOf: "Form of events", classic: "classic app", addon: "Workspace add-on",
    broken: "{n} answers that people would have seen as 'not responding'",
  },
};
