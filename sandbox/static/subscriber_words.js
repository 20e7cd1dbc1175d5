// What only the subscriber's seat says.

export const SUBSCRIBER = {
  ko: {
    tgChats: "대화", botAbout: "봇", tgWrite: "메시지", startButton: "시작", unblock: "차단 해제", block: "차단", leaveGroup: "봇 내보내기",
    addBot: "봇 다시 넣기", welcome: "이 봇은 무엇을 할 수 있나요?", welcomeText: "시작을 누르면 봇이 말을 걸 수 있어요. 누르기 전에는 한 마디도 보내지 못해요.",
    blockedNow: "차단했어요. 봇은 이제 말을 걸 수 없어요.", groupTitle: "당직 알림", outOfGroup: "봇이 이 방에 없어요.", groupOf: "{n}명",
    moved: "슈퍼그룹으로 바뀌었어요", migrate: "슈퍼그룹으로 바꾸기", migrateLead: "방의 번호가 바뀌어요. 구독은 따라와야 해요.",
    connection: "연결", polled: "마루가 물어보며 받아 가요 (getUpdates)", pushed: "웹훅으로 알려 줘요", pending: "전하지 못한 소식 {n}개", lastError: "마지막 실패: {why}",
    privacy: "단체방에서 명령만 보이기 (봇 비공개 모드)", limits: "발송 제한 (초당 30개, 한 대화에 1개)", joinedGroup: "봇이 들어왔어요",
    reply: "답장", noReply: "취소", replyTo: "답장: {text}",
    privacyLead: "켜 두면 단체방에서 봇은 /subscribe처럼 영문 명령과 자기 말에 달린 답장만 봐요. 한글 명령은 답장으로 써 주세요.",
    picture: "사진", sticker: "스티커",
  },
  en: {
    tgChats: "Chats", botAbout: "bot", tgWrite: "Message", startButton: "Start", unblock: "Unblock", block: "Block", leaveGroup: "Remove bot",
    addBot: "Add bot again", welcome: "What can this bot do?", welcomeText: "Press Start and the bot may write to you. Before that it cannot say a word.",
    blockedNow: "Blocked. The bot cannot write to you now.", groupTitle: "On call", outOfGroup: "The bot is not in this group.", groupOf: "{n} members",
    moved: "became a supergroup", migrate: "Make it a supergroup", migrateLead: "The group gets another id. Subscriptions must follow.",
    connection: "Connection", polled: "Maru asks for news (getUpdates)", pushed: "told by webhook", pending: "{n} updates not taken yet", lastError: "Last failure: {why}",
    privacy: "In groups only commands are seen (privacy mode)", limits: "Limits (30 a second, 1 in a chat)", joinedGroup: "the bot joined",
    reply: "Reply", noReply: "Cancel", replyTo: "Reply: {text}",
    privacyLead: "While on, the bot sees in groups only commands in Latin letters, such as /subscribe, and replies to itself.",
    picture: "photo", sticker: "sticker",
  },
};
