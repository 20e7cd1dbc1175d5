"""Hangul as it is typed: letters, initials, the two layouts of the keyboard; and what the words of a question are."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interaction import hangul, phrases

SYLLABLES = st.text(st.characters(min_codepoint=ord("가"), max_codepoint=ord("힣")), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ghldmltlf", "회의실"),
        ("GHLDMLTLF", "회의실"),
        ("dPdir", "예약"),
        ("duscktlscjd", "연차신청"),
        ("rkqtdl ekfrdms", "값이 닭은"),
        ("djEjgrp", "어떻게"),
        ("Qkffo", "빨래"),
        ("qhrwlvhdlsxm", "복지포인트"),
    ],
)
def test_latin_keys_are_the_hangul_that_was_meant(typed: str, meant: str) -> None:
    assert hangul.typed_for_hangul(typed) == meant


@pytest.mark.parametrize(("typed", "meant"), [("ㅗ디ㅔ", "help"), ("ㅍㅔㅜ", "vpn"), ("쟈럐", "wifO"), ("ㅎㅐ", "go")])
def test_hangul_keys_are_the_latin_that_was_meant(typed: str, meant: str) -> None:
    assert hangul.typed_for_latin(typed) == meant


@pytest.mark.parametrize(
    ("said", "meant"), [("브이피엔", "vpn"), ("피씨", "pc"), ("이알피", "erp"), ("아이", None), ("오피스", None)]
)
def test_spelled_letters_are_the_word_they_make(said: str, meant: str | None) -> None:
    assert hangul.spelled_out(said) == meant


@given(SYLLABLES)
def test_every_syllable_comes_back_from_its_keys(text: str) -> None:
    assert hangul.typed_for_hangul(hangul.typed_for_latin(text) + " ").strip() == text


@given(SYLLABLES)
def test_letters_and_initials_are_those_of_each_syllable(text: str) -> None:
    assert len(hangul.initials(text)) == len(text)
    assert hangul.letters(text).startswith(hangul.initials(text[0]))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (unicodedata.normalize("NFD", "회의실"), "회의실"),
        (unicodedata.normalize("NFD", "연차 신청!"), "연차 신청"),
        ("ＶＰＮ", "vpn"),
        ("VPN접속", "vpn 접속"),
        ("  경조사(결혼·장례)  ", "경조사 결혼 장례"),
        ("ㅎㅇㅅ", "ㅎㅇㅅ"),
        ("ﾡﾤ", "ㄱㄴ"),
        ("4대보험", "4대보험"),
        ("\u200b회의실😀", "회의실"),
        ("?!", ""),
    ],
)
def test_a_text_has_one_written_form(text: str, normal: str) -> None:
    assert hangul.normal(text) == normal


@pytest.mark.parametrize(
    ("said", "stem"),
    [
        ("휴가를", "휴가"),
        ("휴가", "휴가"),
        ("회의실에서는", "회의실"),
        ("법인카드로", "법인카드"),
        ("급여일에", "급여일"),
        ("인사평가", "인사평가"),  # 가 stands behind a vowel only
        ("보안교육은", "보안교육"),
        ("통근버스로", "통근버스"),
        ("사물함이", "사물함"),
        ("차도", "차도"),  # one syllable is left alone
    ],
)
def test_a_particle_goes_where_it_fits_the_sound_before_it(said: str, stem: str) -> None:
    assert phrases.without_particle(said) == stem


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("회의실 어떻게 예약해요?", ["회의실"]),
        ("회의실예약하고싶어요", ["회의실"]),
        ("연차 며칠 남았는지 알려줘", ["연차"]),
        ("재직증명서 발급받고 싶은데요", ["재직증명서"]),
        ("접근권한 신청하려면 어디로 가야 하나요", ["접근권한"]),
        ("출장비를 정산해 주시겠어요?", ["출장비", "정산"]),
        ("how do I book a meeting room", ["meeting", "room"]),
        ("도와주세요", []),
        ("문의드립니다", []),
    ],
)
def test_of_a_sentence_the_topics_are_left(text: str, topics: list[str]) -> None:
    assert [word.stem for word in phrases.words(text) if word.kind == phrases.TOPIC] == topics
