// The page's words in Korean and English. What customers and bots write is never translated.

const WORDS = {
  ko: {
    title: "마루 연습장", step1: "설문을 채우고", step2: "제출하면", step3: "맞춤 답이 한 마디씩 도착해요",
    chats: "상담", newCustomer: "새 손님", chat: "대화", tools: "운영",
    noChats: "아직 상담이 없어요. 가운데 설문을 제출해 보세요.",
    seat: "상담원", dial: "고장 내기", log: "기록",
    send: "보내기", sayHere: "고객으로 말하기", closedHere: "종료된 상담이에요",
    samples: "견본 손님", mean: "짓궂은 견본", form: "설문", draft: "작성 중인 설문", empty: "답하지 않음",
    waiting: "답을 기다리고 있어요", late: "아직 답이 없어요. '기록'에서 웹훅이 어떻게 끝났는지 확인해 보세요.",
    facts: "첫 답까지 {first}초 · 받은 메시지 {count}개", factsNone: "고객 화면", lost: "연습장과 연결이 끊겼어요. 다시 잇는 중이에요.",
    failed: "하지 못했어요: {why}",
    initial: "시작 전", opened: "진행 중", closed: "종료", snoozed: "보류", queued: "대기", missed: "부재",
    you: "고객", manager: "박서준 상담원", note: "상담원 메모 (고객에게 보이지 않아요)",
    logClose: "상담이 종료되었어요", logOpen: "상담이 다시 열렸어요", logAssign: "담당자가 배정되었어요",
    logInvite: "담당자가 초대되었어요", logSnooze: "상담이 보류되었어요", logOther: "시스템 기록: {action}",
    seatLead: "사람이 말하면 봇은 조용해져야 해요. 답이 오는 중에 말을 걸어 보세요.",
    seatNone: "상담을 하나 고르면 상담원 자리에 앉을 수 있어요.",
    seatSay: "상담원으로 답하기", seatPlaceholder: "예) 안녕하세요, 제가 이어서 도와드릴게요.",
    sendReply: "답장 보내기", sendNote: "메모만 남기기", closeChat: "상담 종료", reopenChat: "다시 열기",
    about: "고객 정보", userTags: "고객 태그", chatTags: "상담 태그", none: "없음",
    dialLead: "켜 두면 바로 적용돼요. 무엇이 고장 나도 메시지는 한 번씩, 순서대로 와야 해요.",
    allOff: "모두 끄기", calls: "메시지를 받을 때", hooks: "웹훅을 보낼 때", often: "빈도", howLong: "길이", seconds: "초", people: "인원",
    otherRules: "스크립트가 정한 규칙 {n}개도 켜져 있어요.",
    repeated: "같은 requestId가 다시 오면", same: "처음 메시지를 돌려줌", again: "새 메시지를 만듦",
    limit: "초당 호출 제한", limitOff: "제한 없음", perSecond: "초당 {n}번",
    crowd: "한꺼번에 몰려오기", crowdLead: "견본 손님의 설문으로 여러 명이 동시에 상담을 열어요.", crowdGo: "{n}명 보내기",
    reset: "연습장 비우기", resetSure: "한 번 더 누르면 모두 지워져요",
    blocked: "웹훅 '{name}'이 막혔어요 (연속 실패 100번).", unblock: "막힘 풀기",
    onlyThis: "이 상담만", logEmpty: "아직 오간 것이 없어요.", webhook: "웹훅", dropped: "보내지 않음", tries: "{n}번째 시도",
    noAnswer: "응답 없음",
    "429": "요청 제한 (429)", "500": "서버 오류 (500)", slow: "느림", drop_before: "받기 전에 끊김",
    drop_after: "받고 나서 끊김", timeout_after: "받고 나서 묵묵부답", html: "HTML로 답함", half: "절반만 답함",
    empty_: "빈 답", trickle: "찔끔찔끔 답함", reset_: "연결 초기화",
    double: "두 번 보냄", concurrent: "동시에 두 번 보냄", reorder: "순서 바뀜", drop: "보내지 않음", delay: "늦게 보냄",
    bad_signature: "서명이 틀림",
    employeePage: "직원 자리 (Webex) →", subscriberPage: "구독자 자리 (텔레그램) →", watchedPage: "발표 페이지 →", oncallPage: "당직 자리 (구글 챗) →", customerPage: "← 손님 자리 (채널톡)",
    iAm: "나는", rooms: "대화방", newRoom: "단체방", roomTitle: "주간 회의", aloneWithBot: "마루 봇과 1:1",
    outsider: "외부인", mentionBot: "봇을 부르며 말하기", sayAsEmployee: "봇에게 말하기",
    roomEmpty: "말을 걸어 보세요. 떠오르는 말로 찾아도 돼요.",
    employeesAre: "직원으로 인정받기", employeesLead: "콘솔의 '사람'에 이 명단을 올리면 두 사람은 직원이 돼요. 박손님은 끝까지 외부인이에요.",
    webhooks: "웹훅", webhooksLead: "꺼도 1분 안에 되살아나고, 그동안 쓴 말에도 한 번씩 답해야 해요.",
    webhooksNone: "아직 없어요. 마루가 1분 안에 만들어요.", switchOff: "끄기", switchOn: "켜기",
    capitalise: "type을 대문자로", missing_refers: "refers 없음", strings: "숫자를 글자로", workflow: "서포트봇 대신 워크플로",
  },
  en: {
    title: "Maru practice room", step1: "Fill in the survey", step2: "send it", step3: "and the answer arrives, bubble by bubble",
    chats: "Chats", newCustomer: "New customer", chat: "Chat", tools: "Tools",
    noChats: "No chats yet. Send the survey in the middle.",
    seat: "Manager", dial: "Faults", log: "Log",
    send: "Send", sayHere: "Speak as the customer", closedHere: "This chat is closed",
    samples: "Sample customers", mean: "Mean samples", form: "Survey", draft: "Survey in progress", empty: "no answer",
    waiting: "Waiting for the answer", late: "No answer yet. See in the log how the webhook ended.",
    facts: "first answer after {first} s · {count} messages", factsNone: "What the customer sees", lost: "Lost the sandbox. Trying again.",
    failed: "That did not work: {why}",
    initial: "not started", opened: "open", closed: "closed", snoozed: "snoozed", queued: "queued", missed: "missed",
    you: "Customer", manager: "박서준 (manager)", note: "Private note (the customer does not see it)",
    logClose: "The chat was closed", logOpen: "The chat was opened again", logAssign: "A manager was assigned",
    logInvite: "A manager was invited", logSnooze: "The chat was snoozed", logOther: "System line: {action}",
    seatLead: "When a person speaks, the bot must fall silent. Say something while an answer is arriving.",
    seatNone: "Pick a chat to sit in the manager's seat.",
    seatSay: "Answer as manager", seatPlaceholder: "e.g. Hello, I will take it from here.",
    sendReply: "Send reply", sendNote: "Leave a note", closeChat: "Close chat", reopenChat: "Open again",
    about: "Customer", userTags: "Customer's tags", chatTags: "Chat's tags", none: "none",
    dialLead: "Takes effect at once. Whatever breaks, each message must arrive once and in order.",
    allOff: "All off", calls: "When a message comes in", hooks: "When a webhook goes out", often: "How often", howLong: "For", seconds: "s", people: "People",
    otherRules: "{n} rules set by scripts are on as well.",
    repeated: "A requestId comes again", same: "return the first message", again: "make another message",
    limit: "Calls a second", limitOff: "no limit", perSecond: "{n} a second",
    crowd: "A crowd", crowdLead: "Many customers open a chat at once, with the first sample's survey.", crowdGo: "Send {n}",
    reset: "Empty the practice room", resetSure: "Press again to delete everything",
    blocked: "Webhook '{name}' is blocked (100 failures in a row).", unblock: "Unblock",
    onlyThis: "This chat only", logEmpty: "Nothing yet.", webhook: "webhook", dropped: "not sent", tries: "try {n}",
    noAnswer: "no answer",
    "429": "Rate limit (429)", "500": "Server error (500)", slow: "Slow", drop_before: "Dropped before taking it",
    drop_after: "Taken, then dropped", timeout_after: "Taken, then silence", html: "Answers HTML", half: "Half an answer",
    empty_: "Empty answer", trickle: "Answer in drips", reset_: "Connection reset",
    double: "Sent twice", concurrent: "Sent twice at once", reorder: "Out of order", drop: "Never sent", delay: "Late",
    bad_signature: "Signed wrongly",
    employeePage: "Employee's seat (Webex) →", subscriberPage: "Subscriber's seat (Telegram) →", watchedPage: "The watched page →", oncallPage: "On-call seat (Google Chat) →", customerPage: "← Customer's seat (ChannelTalk)",
    iAm: "I am", rooms: "Rooms", newRoom: "Group", roomTitle: "Weekly meeting", aloneWithBot: "1:1 with the bot",
    outsider: "outsider", mentionBot: "Mention the bot", sayAsEmployee: "Write to the bot",
    roomEmpty: "Say something. Any words that come to mind will do.",
    employeesAre: "Being an employee", employeesLead: "Upload this list under People in the console and two of them are employees. 박손님 stays an outsider.",
    webhooks: "Webhooks", webhooksLead: "Switched off, they are revived within a minute, and what was written meanwhile is answered once.",
    webhooksNone: "None yet. Maru makes them within a minute.", switchOff: "Switch off", switchOn: "Switch on",
    capitalise: "type capitalised", missing_refers: "Without refers", strings: "Numbers as text", workflow: "Workflow, no support bot",
  },
};

let language = new URLSearchParams(location.search).get("lang") || remembered() || "ko";

function remembered() {
  try {
    return localStorage.getItem("language");
  } catch {
    return null; // storage may be forbidden; the page works without
  }
}

export function current() {
  return language in WORDS ? language : "ko";
}

export function choose(next) {
  language = next;
  try {
    localStorage.setItem("language", next);
  } catch {
    return; // see above: then the choice holds for this visit
  }
}

// Words that one page alone needs, from a file of its own.
export function learn(more) {
  for (const known of Object.keys(WORDS)) Object.assign(WORDS[known], more[known]);
}

export function t(name, values = {}) {
  return WORDS[current()][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export const both = (pair) => pair[current()] ?? pair.ko;
