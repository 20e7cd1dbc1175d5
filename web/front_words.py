"""The front page's words in both languages. What it promises is what this release does."""

from typing import Any

WORDS: dict[str, dict[str, Any]] = {
    "ko": {
        "name": "마루",
        "title": "마루 · 설문을 마친 고객에게 건네는 맞춤 답변",
        "description": "채널톡 설문을 읽고 계산해서, 한 사람을 위한 답변을 대화방에 차례대로 보내 드려요.",
        "headline": ("설문을 마친 고객에게,", "몇 초 만에 꼭 맞는 답을"),
        "lead": (
            "사람이 몇 분씩 들여 계산하고 쓰던 답변을 마루가 대신 준비해요. "
            "채널톡에서 설문이 끝나면 필요한 수치를 계산하고, 다듬어 둔 문구로 한 마디씩 전합니다."
        ),
        "doors": {"/console/login": "콘솔 로그인", "/bots": "봇 만들기"},
        "example": {
            "caption": "고객이 보는 대화 예시",
            "customer": "설문을 모두 마쳤어요",
            "answer": [
                ("김하늘님, 설문 잘 읽었어요. ", "", ""),
                ("하루 권장량은 ", "1,520kcal", "예요."),
                ("운동을 꾸준히 하시니 단백질은 끼니마다 ", "32g", "씩 챙겨 보세요."),
            ],
        },
        "status": {
            "title": "지금 상태",
            "ok": "받고 있어요",
            "warn": "받고 있어요. 다만 일부가 평소와 달라요",
            "bad": "지금은 새 연락을 받지 못하고 있어요",
            "part": {"ok": "정상", "warn": "점검 필요"},
            "at": "{} 기준",
            "details": "자세한 상태 (JSON)",
        },
        "for": {
            "title": "이런 분께 어울려요",
            "cards": [
                (
                    "상담하는 분",
                    "같은 계산을 되풀이하지 않아도 돼요. "
                    "답이 먼저 도착해 있고, 직접 말을 걸면 남은 메시지는 멈춰요.",
                ),
                (
                    "문구를 만드는 분",
                    "답변은 코드가 아니라 문서와 표예요. "
                    "지난 설문으로 미리 견주어 보고, 발행하고, 언제든 되돌릴 수 있어요.",
                ),
                (
                    "운영하는 분",
                    "한 번 받은 연락은 잃지 않아요. "
                    "모든 메시지가 보냄, 취소, 실패 가운데 하나로, 이유와 함께 남아요.",
                ),
            ],
        },
        "how": {
            "title": "이렇게 움직여요",
            "steps": [
                ("받기", "고객이 대화를 열면 채널톡이 알려 줘요. 진짜인지 확인하고, 먼저 기록해요."),
                ("계산하기", "설문에 맞는 답변을 찾아 수치를 계산하고, 표에서 알맞은 상품을 골라요."),
                ("건네기", "읽기 좋은 간격으로 한 마디씩 보내요. 보낸 까닭은 나중에도 찾아볼 수 있어요."),
            ],
        },
        "skip": "본문으로 바로 가기",
        "language": "언어",
        "footer": "마루는 사람이 먼저예요. 매니저가 말하면 마루는 듣습니다.",
    },
    "en": {
        "name": "Maru",
        "title": "Maru · A personal answer for every finished survey",
        "description": "Maru reads ChannelTalk surveys, does the sums and answers each customer in the chat.",
        "headline": ("A finished survey becomes", "a personal answer, in seconds"),
        "lead": (
            "Maru prepares the answers that used to take a person minutes. When a survey in ChannelTalk is "
            "complete, it works out the figures and tells them in your own wording, one message at a time."
        ),
        "doors": {"/console/login": "Log in to the console", "/bots": "Build a bot"},
        "example": {
            "caption": "An example of what a customer sees",
            "customer": "I have finished the survey",
            "answer": [
                ("Thank you, Haneul. I have read your answers. ", "", ""),
                ("You need about ", "1,520 kcal", " a day."),
                ("As you exercise regularly, aim for ", "32 g", " of protein with each meal."),
            ],
        },
        "status": {
            "title": "Right now",
            "ok": "Listening",
            "warn": "Listening, though a part needs attention",
            "bad": "Cannot take in anything new at the moment",
            "part": {"ok": "fine", "warn": "needs attention"},
            "at": "as of {}",
            "details": "Details (JSON)",
        },
        "for": {
            "title": "Who it is for",
            "cards": [
                (
                    "You talk to customers",
                    "No more repeating the same sums. "
                    "The answer is already there, and it stops when you step in.",
                ),
                (
                    "You write the words",
                    "Answers are documents and tables, not code. "
                    "Compare with past surveys, publish, roll back.",
                ),
                (
                    "You keep it running",
                    "What was acknowledged is kept. "
                    "Every message ends as sent, cancelled or failed, with a reason.",
                ),
            ],
        },
        "how": {
            "title": "How it works",
            "steps": [
                (
                    "Receive",
                    "A customer opens a chat and ChannelTalk tells us. "
                    "We check it is genuine and record it first.",
                ),
                (
                    "Work it out",
                    "The answer that fits the survey is found, figures computed, products looked up.",
                ),
                (
                    "Tell",
                    "Messages arrive one by one at a readable pace. "
                    "Why each was sent can be looked up later.",
                ),
            ],
        },
        "skip": "Skip to content",
        "language": "Language",
        "footer": "People come first: when a manager speaks, Maru listens.",
    },
}  # fmt: skip

# Names that /readyz gives its parts, for people.
PARTS = {
    "ko": {
        "database": "기록 보관",
        "spool": "비상 보관함",
        "redis": "빠른 호출",
        "worker": "답변 담당",
        "clock": "시계",
        "queue": "대기줄",
        "deliveries": "메시지 발송",
        "relay": "봇 연결",
        "channeltalk": "채널톡",
    },
    "en": {
        "database": "Records",
        "spool": "Emergency store",
        "redis": "Quick ring",
        "worker": "Answering",
        "clock": "Clock",
        "queue": "Queue",
        "deliveries": "Messages",
        "relay": "Bot relay",
        "channeltalk": "ChannelTalk",
    },
}
