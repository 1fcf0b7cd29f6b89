"""Which word was meant: pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.flows.search.spelling import Candidate, meant, replaced, slips, variants, words_in


@pytest.mark.parametrize(
    ("one", "other", "number"),
    [
        ("bell", "bell", 0),
        ("bel", "bell", 1),
        ("bbell", "bell", 1),
        ("ball", "bell", 1),
        ("lmap", "lamp", 1),
        ("jresye", "jersey", 2),
        ("", "abc", 3),
        ("kitten", "sitting", 3),
    ],
)
def test_slips(one: str, other: str, number: int) -> None:
    assert slips(one, other) == number
    assert slips(other, one) == number


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_slips_are_a_distance(one: str, other: str) -> None:
    assert slips(one, other) == slips(other, one)
    assert (slips(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= slips(one, other) <= max(len(one), len(other))


def test_the_likeliest_comes_first() -> None:
    candidates = [Candidate("ball", 9), Candidate("bell", 3), Candidate("belt", 30), Candidate("cell", 99)]
    assert meant("bel", candidates) == ["belt", "bell"]
    assert meant("bll", candidates) == ["ball", "bell"]
    assert meant("xyzzy", candidates) == []


def test_only_words_that_have_to_be_found_are_looked_at() -> None:
    assert list(words_in('Brass "bell" -lamp or bell e-bike')) == ["brass", "bell", "e", "bike"]
    assert len(list(words_in(" ".join(f"w{n}" for n in range(50))))) == 8
    assert list(words_in('!!! "')) == []


def test_everything_else_stays_as_it_was_typed() -> None:
    assert replaced('Brass "bel" -bel', {"bel": "bell"}) == 'Brass "bell" -bel'
    assert variants("weel truing", {"weel": ["week", "wheel"]}) == ["week truing", "wheel truing"]
    assert variants("weel xyz", {"weel": ["wheel"], "xyz": []}) == []
    assert variants("weel", {}) == []
