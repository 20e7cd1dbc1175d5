"""Particles follow the last sound of a word, as it is read in Korean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responses.korean import PAIRS, josa

# word, 을/를, 으로/로
READ = [
    ("사과", "사과를", "사과로"),
    ("닭가슴살", "닭가슴살을", "닭가슴살로"),  # ㄹ takes 로
    ("도시락", "도시락을", "도시락으로"),
    ("서울", "서울을", "서울로"),
    ("꽃", "꽃을", "꽃으로"),
    ("값", "값을", "값으로"),
    ("닭", "닭을", "닭으로"),
    ("여덟", "여덟을", "여덟으로"),
    ("0", "0을", "0으로"),
    ("1", "1을", "1로"),
    ("2", "2를", "2로"),
    ("3", "3을", "3으로"),
    ("4", "4를", "4로"),
    ("5", "5를", "5로"),
    ("6", "6을", "6으로"),
    ("7", "7을", "7로"),
    ("8", "8을", "8로"),
    ("9", "9를", "9로"),
    ("10", "10을", "10으로"),  # 십
    ("200", "200을", "200으로"),  # 백
    ("3,000", "3,000을", "3,000으로"),  # 천
    ("40000", "40000을", "40000으로"),  # 만
    ("100000000", "100000000을", "100000000으로"),  # 억
    ("1000000000000", "1000000000000를", "1000000000000로"),  # 조
    ("63.5", "63.5를", "63.5로"),
    ("1.50", "1.50을", "1.50으로"),
    ("제품(500g)", "제품(500g)을", "제품(500g)으로"),
    ("우유 (저지방 (국산))", "우유 (저지방 (국산))를", "우유 (저지방 (국산))로"),
    ("'밥'", "'밥'을", "'밥'으로"),
    ("치킨 🍗", "치킨 🍗을", "치킨 🍗으로"),
    ("63kg", "63kg을", "63kg으로"),
    ("100 g", "100 g을", "100 g으로"),
    ("30mg", "30mg을", "30mg으로"),
    ("1,520kcal", "1,520kcal를", "1,520kcal로"),
    ("500ml", "500ml를", "500ml로"),
    ("2L", "2L를", "2L로"),
    ("168cm", "168cm를", "168cm로"),
    ("5km", "5km를", "5km로"),
    ("20%", "20%를", "20%로"),
    ("36.5℃", "36.5℃를", "36.5℃로"),
    ("㎏", "㎏을", "㎏으로"),
    ("URL", "URL을", "URL로"),
    ("CAR", "CAR을", "CAR로"),
    ("ham", "ham을", "ham으로"),
    ("Jin", "Jin을", "Jin으로"),
    ("SNS", "SNS를", "SNS로"),
    ("café", "café를", "café로"),
]


@pytest.mark.parametrize(("word", "object_", "direction"), READ, ids=[row[0] for row in READ])
def test_reads_the_last_sound(word: str, object_: str, direction: str) -> None:
    assert josa(word, "을/를") == object_
    assert josa(word, "으로/로") == direction


@pytest.mark.parametrize(
    ("pair", "closed", "vowel"),
    [
        ("은/는", "밥은", "차는"),
        ("이/가", "밥이", "차가"),
        ("을/를", "밥을", "차를"),
        ("과/와", "밥과", "차와"),
        ("아/야", "밥아", "차야"),
        ("이에요/예요", "밥이에요", "차예요"),
        ("으로/로", "밥으로", "차로"),
    ],
)
def test_every_pair_in_either_order(pair: str, closed: str, vowel: str) -> None:
    turned = "/".join(reversed(pair.split("/")))
    for written in (pair, turned):
        assert (josa("밥", written), josa("차", written)) == (closed, vowel)


@pytest.mark.parametrize("final", range(28))
def test_every_final_consonant_of_hangul(final: int) -> None:
    syllable = chr(ord("가") + final)
    assert josa(syllable, "은/는") == syllable + ("는" if final == 0 else "은")
    assert josa(syllable, "으로/로") == syllable + ("로" if final in (0, 8) else "으로")


@given(st.text(), st.sampled_from(sorted(PAIRS)))
def test_never_fails_and_keeps_the_word(word: str, pair: str) -> None:
    said = josa(word, pair)
    assert said.startswith(word)
    assert said[len(word) :] in pair.split("/")
