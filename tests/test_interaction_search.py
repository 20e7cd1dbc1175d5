"""How well the service search finds, by class of query, on the shipped catalogue and on one that its rules were not
made with; `python -m tests.search_report` prints the same figures."""

import statistics
import time

import pytest

from interaction.services import Index, Service
from tests import search_report
from tests.search_report import Tally, crowd, false, judged, share

TYPOS = ("typo1", "typo2")


@pytest.fixture(scope="module", params=["shipped", "unseen"])
def tallies(request: pytest.FixtureRequest) -> dict[str, Tally]:
    return judged(*getattr(search_report, request.param)())


def small() -> Index:
    return Index(
        [
            Service("연차 신청", ("휴가", "반차"), "남은 일수를 확인합니다"),
            Service("회의실 예약", ("미팅룸",), "빔프로젝터와 화이트보드가 있습니다"),
            Service("법인카드 신청", ("법카",)),
            Service("법인카드 분실", ("카드 정지",)),
        ]
    )


def names(index: Index, text: str) -> list[str]:
    return [hit.service.name for hit in index.search(text)]


def wrong(tallies: dict[str, Tally]) -> str:
    return "\n".join(one for tally in tallies.values() for one in tally.wrong)


def test_the_right_service_comes_first(tallies: dict[str, Tally]) -> None:
    assert sum(tally.asked for tally in tallies.values()) >= 400
    assert share(tallies) >= 0.96, wrong(tallies)
    assert share(tallies, *TYPOS) >= 0.95, wrong(tallies)
    assert all(tally.share >= 0.92 for name, tally in tallies.items() if name != "nothing"), wrong(tallies)


def test_what_fits_nothing_finds_nothing(tallies: dict[str, Tally]) -> None:
    assert tallies["nothing"].asked >= 60
    assert false(tallies) <= 0.05, wrong(tallies)


def test_slips_are_found_whichever_they_are() -> None:
    index, _ = search_report.unseen()
    drawn = [search_report.drawn(index.services, seed, each=40) for seed in range(2, 6)]
    queries = {f"{kind} {at}": one[kind] for at, one in enumerate(drawn) for kind in (*TYPOS, "layout", "initials")}
    tallies = judged(index, queries)
    assert share(tallies, *(name for name in tallies if name.startswith("typo"))) >= 0.95, wrong(tallies)
    assert share(tallies) >= 0.95, wrong(tallies)


def test_a_clear_best_one_is_answered_and_of_several_one_may_choose() -> None:
    index = small()
    clear = index.answer("회의실 좀 잡아 주세요").clear
    assert clear is not None and clear.service.name == "회의실 예약"
    torn = index.answer("카드")
    assert torn.clear is None
    assert {hit.service.name for hit in torn.choices} == {"법인카드 신청", "법인카드 분실"}
    assert index.answer("피자 주문").choices == ()


def test_an_abbreviation_is_found_by_the_names_of_its_letters() -> None:
    index = Index([Service("VPN 접속"), Service("PC 교체")])
    assert (names(index, "브이피엔이 안 돼요"), names(index, "피씨 바꿔 주세요")) == (["VPN 접속"], ["PC 교체"])


def test_a_description_alone_is_never_clear() -> None:
    found = small().answer("빔프로젝터 화이트보드")
    assert found.clear is None and [hit.service.name for hit in found.choices] == ["회의실 예약"]
    assert small().answer("화이트보드").choices == ()


def test_short_words_have_to_be_exact_within_a_sentence() -> None:
    assert names(small(), "휴거") == ["연차 신청"]
    assert names(small(), "이번 휴거 소설을 읽었다") == []


@pytest.mark.parametrize(
    "text", ["", "  ", "?!", "ㅋㅋㅋ", "ㅇㅋ", "신청", "예약하고 싶어요", "a" * 5000, "\x00\ud800"]
)
def test_what_says_nothing_finds_nothing(text: str) -> None:
    assert names(small(), text) == []


def test_no_catalogue_and_a_catalogue_of_one_can_be_asked() -> None:
    assert names(Index([]), "연차") == []
    assert names(Index([Service("연차 신청")]), "연차") == ["연차 신청"]
    assert names(Index([Service("!?", (), "남은 일수 확인")]), "남은 일수") == ["!?"]


def test_a_changed_catalogue_is_asked_like_one_made_anew() -> None:
    before = small()
    services = [*before.services[1:], Service("주차 등록", ("주차권",))]
    changed, anew = Index(services, before), Index(services)
    for text in ("주차권", "연차", "회이실", "ㅂㅇㅋㄷ", "법인카드를 잃어버렸어요"):
        assert changed.search(text) == anew.search(text)
    assert names(changed, "연차") == []


@pytest.mark.slow
def test_a_search_among_ten_thousand_takes_less_than_ten_milliseconds() -> None:
    index = Index(crowd(10_000))
    _, queries = search_report.shipped()
    times = []
    for text in [text for asked in queries.values() for text, _ in asked]:
        began = time.process_time()
        index.search(text)
        times.append((time.process_time() - began) * 1000)
    assert statistics.quantiles(times, n=100)[98] < 10
