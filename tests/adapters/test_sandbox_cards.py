"""The test cards: valid numbers, listed in the documentation, and no real card among them."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.adapters.payments.sandbox_cards import CARDS, MESSAGES, find_card, tokenise
from lex.core.errors import Invalid

DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"


def luhn(number: str) -> bool:
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def test_every_number_passes_the_check_of_a_form() -> None:
    assert all(luhn(card.number) for card in CARDS)
    assert len({card.number for card in CARDS}) == len({card.token for card in CARDS}) == len(CARDS)


def test_every_decline_has_a_sentence() -> None:
    assert {card.decline_code for card in CARDS if card.decline_code} <= set(MESSAGES)


def test_the_documentation_lists_exactly_these() -> None:
    rows = re.findall(r"^\| `([\d ]+)` \| `(\w+)` \| (.+?) \| (.*?) \|$", DOCS.read_text(), re.MULTILINE)
    told = {(number.replace(" ", ""), token, about, code.strip("` ")) for number, token, about, code in rows}
    assert told == {(card.number, card.token, card.about, card.decline_code or "") for card in CARDS}


def test_a_number_becomes_a_token_that_stands_for_it() -> None:
    for card in CARDS:
        spaced = " ".join(re.findall(".{1,4}", card.number))
        token, found = tokenise(spaced, 12, 2040, "1234" if card.brand == "amex" else "123")
        assert found is card
        assert find_card(token) is card
        assert card.number not in token
        assert find_card(card.token) is card


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_other_number_is_taken(number: str) -> None:
    if re.sub(r"[ -]", "", number) not in {card.number for card in CARDS}:
        with pytest.raises(Invalid):
            tokenise(number, 12, 2040, "123")


def test_a_card_that_looks_real_is_told_to_stay_away() -> None:
    with pytest.raises(Invalid, match="Real cards do not belong here"):
        tokenise("4111 1111 1111 1111", 12, 2040, "123")


def test_every_bad_field_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        tokenise("4242424242424242", 13, 2040, "12")
    assert [error.field for error in refused.value.errors] == ["cvc", "exp_month"]
    with pytest.raises(Invalid) as refused:
        tokenise("4242424242424242", 1, 2020, "123")
    assert [error.field for error in refused.value.errors] == ["exp_year"]


@given(st.text(max_size=30))
def test_an_unknown_token_stands_for_nothing(token: str) -> None:
    known = {card.token for card in CARDS}
    assert (find_card(token) is not None) == (token.partition(".")[0] in known)
