"""Why something was left out, stopped or failed, in the reader's words. Rows keep it in English; a platform's own
words stay as they are."""

import re

from store.stuck import SET_ASIDE
from web.console.frame import may
from web.words import t

_WORDS = {
    "a manager wrote": ("담당자가 직접 답했어요", "a manager wrote"),
    "the chat was closed": ("상담이 종료됐어요", "the chat was closed"),
    "the module started again": ("같은 응답이 새로 시작됐어요", "the same response started again"),
    "no answer": ("질문에 하루 동안 답이 없었어요", "nobody answered the question for a day"),
    "the question was not sent": ("질문을 보내지 못했어요", "the question could not be sent"),
    "cancelled by staff": ("직원이 취소했어요", "cancelled by staff"),
    "erased": ("개인정보를 지웠어요", "erased"),
    "no module starts on it": ("여기에 답할 응답이 없어요", "no response starts on it"),
    "the module had nothing to say": ("응답에 보낼 말이 없었어요", "the response had nothing to say"),
    "asked again": ("알아듣지 못해 다시 여쭤봤어요", "not understood, so asked again"),
    "no readable answer in three replies": ("세 번 모두 알아듣지 못했어요", "three replies could not be read"),
    "the profile was noted": ("고객 정보를 적어 두었어요", "the profile was noted"),
    "the mail server hung up": ("메일 서버가 연결을 끊었어요", "the mail server hung up"),
    "the mail server did not answer in time": (
        "메일 서버가 제때 대답하지 않았어요",
        "the mail server did not answer in time",
    ),
    "the mail server cannot be found by its name": (
        "메일 서버를 이름으로 찾지 못했어요",
        "the mail server cannot be found by its name",
    ),
    "the address to write to is no e-mail address": (
        "받는 주소가 이메일 주소가 아니에요",
        "the address is no e-mail address",
    ),
    "no keys": ("채널에 연결할 키가 없어요", "the channel has no keys"),
    "not every message of the series was sent": (
        "보내지 못한 메시지가 있어서 하지 않았어요",
        "not every message of the series was sent",
    ),
    "the chat could not be read": ("대화의 상태를 확인하지 못했어요", "the chat could not be read"),
    "the chat could not be read back": ("보낸 대화를 다시 읽지 못했어요", "the chat could not be read back"),
    "the customer would have more than 20 tags": ("고객의 태그가 20개를 넘게 돼요", "more than 20 tags for a customer"),
    "the platform could not be reached in time": ("채널에 연결하지 못했어요", "the platform could not be reached"),
    "the platform did not answer in time": ("채널이 제때 대답하지 않았어요", "the platform did not answer in time"),
    "the platform's answer did not end in time": ("채널의 대답이 너무 느려요", "the platform answered too slowly"),
    "was not told of it": ("울렸을 때 알리지 않았어요", "was not told of it"),
    "told when the quiet hours ended": ("조용한 시간이 끝나고 알렸어요", "told when the quiet hours ended"),
    "unsubscribed meanwhile": ("그 사이에 구독을 그만뒀어요", "unsubscribed meanwhile"),
    "as it was before the last change": ("바로 전 값으로 되돌아갔어요", "as it was before the last change"),
    "waits to be told with others": ("잠시 뒤 다른 알람과 묶어서 알려요", "waits to be told with others"),
    "what happened before is being told": ("앞의 소식을 먼저 알리고 있어요", "what happened before is being told"),
    "it fires no more": ("이미 끝난 알람이에요", "it fires no more"),
    "nothing is left to tell": ("알릴 것이 남지 않았어요", "nothing is left to tell"),
    "the chat removed or blocked us": ("대화에서 나가게 됐거나 차단됐어요", "the chat removed or blocked us"),
    "nothing fires under this key": ("이 이름으로 울리는 알람이 없었어요", "nothing fires under this key"),
    "out of order: a newer state of it is known": (
        "더 새로운 상태를 이미 알고 있었어요",
        "out of order: a newer state of it is known",
    ),
    "ChannelTalk asked to slow down": ("채널톡이 천천히 보내 달라고 했어요", "ChannelTalk asked to slow down"),
}
_MISSING = "missing: "
_BEGINNINGS = {  # what follows are others' own words
    "the mail server answered ": ("메일 서버의 대답: ", "the mail server answered "),
    "no connection to the mail server ": ("메일 서버에 연결하지 못했어요 ", "no connection to the mail server "),
    "the certificate of the mail server is not trusted: ": (
        "메일 서버의 인증서를 믿을 수 없어요: ",
        "the mail server's certificate is not trusted: ",
    ),
}
# Of alerts and watches: (what is kept, how it reads in Korean)
_PATTERNS = tuple(
    (re.compile(pattern, re.DOTALL), korean)
    for pattern, korean in (
        (r"another figure for (.*)", r"\1의 값이 바뀌었어요"),
        (r"(.*) was published before", r"\1은(는) 전에 발표된 것이에요"),
        (r"(\w+): fell from (\S+) to (\S+)", r"\1: \2에서 \3(으)로 줄었어요"),
        (r"(\w+): from (\S+) to (\S+) is more than (\S+) at once", r"\1: \2에서 \3, 한 번에 \4보다 많이 바뀌었어요"),
        (r"quiet hours until (.*)", r"\1까지 조용한 시간이에요"),
        (r"acknowledged by (.*)", r"\1님이 보고 있어요"),
        (r"acknowledged here by (.*)", r"여기에서 \1님이 확인했어요"),
        (r"silence (\d+) by (.*?): (.*)", r"\2님이 껐어요: \3"),
        (r"fired (\d+) times since (.*) UTC", r"같은 알람이 \1번째예요"),
        (r"bundled into message (\d+)", r"메시지 \1에 묶었어요"),
        (r"below (\w+)", r"\1보다 가벼워요"),
        (r"the page answered (\d+)", r"페이지가 \1(으)로 답했어요"),
    )
)
_ANSWERED = re.compile(r"(ChannelTalk|Webex) answered (\d{3})(.*)", re.DOTALL)
_PLATFORMS = {"ChannelTalk": "채널톡", "Webex": "웹엑스"}


def in_words(reason: str) -> str:
    if reason in _WORDS:
        return t(*_WORDS[reason])
    if reason.startswith(_MISSING):
        labels = reason.removeprefix(_MISSING)
        return t(f"빠진 정보: {labels}", f"missing: {labels}")
    if reason.startswith(SET_ASIDE):
        why = in_words(reason.removeprefix(SET_ASIDE))
        return t(f"직원이 덮어 두었어요 ({why})", f"set aside by staff ({why})")
    begun = next((one for one in _BEGINNINGS if reason.startswith(one)), None)
    if begun is not None:
        return t(*_BEGINNINGS[begun]) + reason.removeprefix(begun)
    for pattern, korean in _PATTERNS:
        found = pattern.fullmatch(reason)
        if found:
            return t(found.expand(korean), reason)
    answered = _ANSWERED.fullmatch(reason)
    if answered:
        platform, status, more = answered[1], answered[2], answered[3]
        happened = "오류가 났어요" if status.startswith("5") else "받지 않았어요"
        return t(f"{_PLATFORMS[platform]}에서 {happened} ({status}){more}", reason)
    return reason


def of_message(reason: str) -> str:
    """What follows the colon are the platform's own words, which may quote the message."""
    if may("editor"):
        return in_words(reason)
    if reason.startswith(SET_ASIDE):
        return t("직원이 덮어 두었어요", "set aside by staff")
    return in_words(reason.partition(":")[0])


def of_event(reason: str) -> str:
    """A failed computation quotes what it stumbled over, which may be a customer's."""
    if reason.startswith(SET_ASIDE) and not may("editor"):
        return t("직원이 덮어 두었어요", "set aside by staff")
    known = reason in _WORDS or reason.startswith(_MISSING) or not reason
    return in_words(reason) if known or may("editor") else t("계산하지 못했어요", "could not be computed")
