"""What the words of a question are worth: what it is about, what is wanted of it, and what is mere grammar.

Rules of Korean, and closed classes of words; nothing here knows a service.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from interaction import hangul
from interaction.hangul import ends_in_rieul, is_open, is_syllable, normal

TOPIC, WISH, PREDICATE, GRAMMAR = "topic", "wish", "predicate", "grammar"
# What a word tells about which service is meant. Nearly every service has a 신청 or a 방법; verbs rarely name one.
WORTH = {TOPIC: 1.0, PREDICATE: 0.35, WISH: 0.2, GRAMMAR: 0.0}
MOST_WORDS = 16
LONGEST_WORD = 40


@dataclass(frozen=True)
class Word:
    """`stem` is the word without particle or ending; `said` is as it was written."""

    said: str
    stem: str
    kind: str

    @property
    def worth(self) -> float:
        return WORTH[self.kind]


# Nouns of doing, and of what one asks about anything.
WISHES = frozenset(
    (
        "신청 예약 발급 등록 변경 조회 문의 안내 요청 취소 확인 접수 관리 이용 사용 교체 구매 구입 주문 지급 "
        "반납 대여 제출 작성 처리 신고 수정 해지 설정 연장 갱신 추가 삭제 승인 상담 상신 지원 제공 발행 "
        "재발급 재신청 설치 도움 고장 오류 에러 문제 장애 질문 방법 절차 규정 기준 양식 서류 서비스 시스템 "
        "종류 내용 정보 관련 기간 시간 날짜 장소 위치 담당 담당자 담당부서 연락처 전화번호 회사 직원 사내 "
        "사원 개인 본인 우리 전체 일반 기타 가능 필요 궁금 부탁 이번 지난 다음 오늘 내일 어제 올해 내년 작년 "
        "지금 현재 며칠 얼마 하루 이번달 다음달 이번주 다음주 최대한 사람 경우 정도 request apply application "
        "help use new get service change cancel check register reserve book booking issue info information "
    ).split()
)
_GRAMMAR = frozenset(
    (
        "어떻게 어떡해 어떤 어디 어디서 어디로 어디에 어딨어 언제 누구 누가 누구한테 무엇 무슨 뭐 뭘 뭔가 왜 "
        "몇 얼마나 좀 제발 그냥 혹시 아직 벌써 이미 빨리 급해 급하게 꼭 너무 많이 잘 안 못 다시 또 더 제일 "
        "가장 그리고 그런데 근데 그럼 저 제 제가 저는 나 내 내가 나는 난 저희 이거 이건 그거 그건 것 거 게 건 "
        "걸 수 때 중 및 등 위해 위한 대해 대한 대해서 관해 통해 따라 있어 없어 안녕 안녕하세요 감사합니다 "
        "감사 고마워 죄송 여기 저기 거기 이제 네 예 응 아니 요 같은 같아요 이런 그런 저런 모두 다 님 한번 한 "
        "번 잠깐 요즘 방금 바로 a an the to of for in on at is are am be do does did i me my we our you your "
        "it this that how what where when who can could want need please would like with from and or hi hello "
        "thanks "
    ).split()
)
# What people write in chats for thanks, yes and goodbye; as initials they would find services.
CHATTER = frozenset("ㄱㅅ ㅇㅋ ㅊㅋ ㅅㄱ ㅈㅅ ㅎㅇ ㅎㄷㄷ ㄷㅊ ㄹㅇ ㅁㄹ ㄱㄷ ㅃㅇ ㄲㅂ ㅇㅈ ㅂㅇ ㅂㄷ ㅇㅎ".split())

# Particles that follow any sound, a consonant, a vowel (or ㄹ, for 로).
_ANY = (
    "에서는 에서도 에서의 에서 에게서 에게 에는 에도 에만 에요 에 한테서 한테 까지는 까지도 까지만 까지 부터는 부터 "
    "처럼 보다 마다 밖에 하고 조차 대로 만은 만요 만 도 의 께서 께 요 "
)
_CLOSED = (
    "이에요 이예요 이라는 이라도 이라고 이라면 이란 이랑 이나 이며 이요 인가요 인지 인데 입니다 은요 은 을 이 과 "
    "으로는 으로도 으로만 으로 "
)
_OPEN = "예요 라는 라도 라고 라면 란 랑 나 며 인가요 인지 인데 입니다 는요 는 를 가 와 "
_LIKE_RO = "로는 로도 로만 로"
_PARTICLES = {
    particle: fits
    for group, fits in ((_ANY, "any"), (_CLOSED, "closed"), (_OPEN, "open"), (_LIKE_RO, "ro"))
    for particle in group.split()
} | dict.fromkeys(("인가요", "인지", "인데", "입니다"), "any")
_LONGEST_PARTICLE = max(map(len, _PARTICLES))

# Syllables of which endings and auxiliary verbs are made: 하고 싶은데, 해 주시겠어요, 받을 수 있나요.
_E = (
    "["
    "가거건걸겁겠게고과군기까나냐네니다더던데든듣들려라래랬면며못므바받보봐볼봤서세셔셨소습시싫"
    "싶아았어었에여였야요으은을음의이인일있없입자잖좋주준줄줘줬죠지진질쯤텐하한할함합했해되된될"
    "됨됩돼됐렵렸냥랑로록는란련"
    "]"
)
_ENDINGS = re.compile(f"{_E}+")
_DOES = re.compile(f"(.{{2,}}?)(?:(?:하|해|했|되|돼|됐|된|될|할|받|시키|시켜|드리|드려|당하){_E}*|(?:한|합){_E}+)")
_SPOKEN_END = re.compile(
    ".+(?:요|니다|까|는지|은지|을지|는데|은데|던데|려고|려면|면서|으면|지만|줘|죠|어서|아서|해서|라고|다고"
    "|았어|었어|했어|있어|없어|겠어|할래)"
)
_AUXILIARY = re.compile("[주줘줄줬]|싶|드[려릴리]|[봐볼보]")
_JOINING = "야고서면지게"  # ends of 가야 하나요, 하고 싶어요
_INITIALS_FIRST = re.compile(r"\b([ㄱ-ㅎ]{2,})(?=[가-힣])")  # ㅎㅇㅅ예약
# Verbs of asking: 알려 주세요, 찾고 있어요.
_ASKS = re.compile(
    f"(?:알려|알리|알고|알아|보여|찾아|찾고|찾는|가르쳐|가르치|도와|바라|바랍|원하|원해|원합|모르|몰라|물어){_E}*"
)


def words(text: str) -> tuple[Word, ...]:
    """The words of a text in their order; those that hold a noun of doing at their end as two."""
    found: list[Word] = []
    for said in _INITIALS_FIRST.sub(r"\1 ", normal(text)).split():
        found += split(said[:LONGEST_WORD])
        if len(found) >= MOST_WORDS:
            break
    return tuple(_verbs_told(found[:MOST_WORDS]))


def _verbs_told(found: list[Word]) -> Iterator[Word]:
    """In 잡아 주세요 the first word is a verb: what stands before an auxiliary, and sounds like one."""
    for word, after in zip_longest(found, found[1:]):
        if after and after.kind == GRAMMAR and _AUXILIARY.match(after.said) and word.kind == TOPIC:
            if word.said == word.stem and hangul.letters(word.said)[-1] in "ㅏㅓㅕㅐㅔㅘㅝㅙ":
                word = Word(word.said, word.stem, PREDICATE)
        yield word


@lru_cache(maxsize=1 << 15)
def split(said: str) -> tuple[Word, ...]:
    word = _word(said)
    stem = word.stem
    if word.kind == TOPIC:
        for length in (3, 2):
            if len(stem) >= length + 2 and stem[-length:] in WISHES and is_syllable(stem[-1]):
                wish = Word(said[len(stem) - length :], stem[-length:], WISH)
                return Word(stem[:-length], stem[:-length], TOPIC), wish
    return (word,)


def _word(said: str) -> Word:
    if said in _GRAMMAR or said in _PARTICLES:
        return Word(said, said, GRAMMAR)
    if said in WISHES:
        return Word(said, said, WISH)
    if not is_syllable(said[-1]):
        return Word(said, said, TOPIC)
    bare = without_particle(said)
    for stem in dict.fromkeys((bare, _doing(said))):
        if stem != said and stem in WISHES:
            return Word(said, stem, WISH)
        if stem != said and stem in _GRAMMAR:
            return Word(said, stem, GRAMMAR)
    doing = _doing(said)
    if doing != said:
        return Word(said, doing, TOPIC)
    if _ASKS.fullmatch(said) or (_ENDINGS.fullmatch(said) and (_SPOKEN_END.fullmatch(said) or said[-1] in _JOINING)):
        return Word(said, said, GRAMMAR)
    if len(said) > 2 and _SPOKEN_END.fullmatch(said) and len(said) - len(bare) < 2:
        return Word(said, bare, PREDICATE)
    return Word(said, bare, TOPIC)


def without_particle(word: str) -> str:
    """휴가를 is 휴가. A particle is one only behind the sound that it fits, and behind two syllables."""
    for length in range(min(_LONGEST_PARTICLE, len(word) - 2), 0, -1):
        fits = _PARTICLES.get(word[-length:])
        if fits and _fits(word[-length - 1], fits):
            return word[:-length]
    return word


def _fits(before: str, fits: str) -> bool:
    if fits == "any" or not is_syllable(before):
        return True
    if fits == "closed":
        return not is_open(before)
    return is_open(before) or (fits == "ro" and ends_in_rieul(before))


def _doing(word: str) -> str:
    """신청하려고요 is 신청."""
    found = _DOES.fullmatch(word)
    return found[1] if found else word


def is_grammar(word: Word) -> bool:
    """Beyond doubt: by the list, not by how it ends."""
    return word.said in _GRAMMAR


def is_ending(rest: str) -> bool:
    """Can this stand behind a noun, as a particle or as the rest of a verb?"""
    return rest in _PARTICLES or bool(_ENDINGS.fullmatch(rest))
