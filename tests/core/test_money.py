"""Amounts: the vectors of the rules, and the rules for every input."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.core import money
from lex.core.errors import Invalid
from lex.tax.rules import taxed

AMOUNTS = st.integers(0, money.MAX_AMOUNT)
RATES = st.decimals(0, 100, places=2)
WEIGHTS = st.lists(st.integers(0, 10**7), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("weights", "amount", "shares"),
    [
        ([4000, 2000, 2000], 300, [150, 75, 75]),
        ([4300, 1400, 2300], 299, [161, 52, 86]),
        ([1, 1, 1], 2, [1, 1, 0]),
        ([0, 5], 5, [0, 5]),
        ([], 0, []),
    ],
)
def test_shares_go_to_the_largest_remainders_and_ties_to_the_first(
    weights: list[int], amount: int, shares: list[int]
) -> None:
    assert money.split(amount, weights) == shares


def test_a_small_line_bears_no_more_than_it_costs() -> None:
    weights = [333] * 6 + [10]
    shares = money.split(100, weights)
    assert sum(shares) == 100
    assert all(share <= weight for share, weight in zip(shares, weights, strict=True))


@given(WEIGHTS, st.data())
def test_shares_add_up_and_stay_within_their_weights(weights: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, sum(weights)))
    shares = money.split(amount, weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert 0 <= share <= weight
        if amount:
            assert abs(share - Fraction(amount * weight, sum(weights))) < 1


@given(AMOUNTS, st.integers(1, 500))
def test_every_unit_of_a_line_has_a_fixed_part(amount: int, units: int) -> None:
    parts = money.split_evenly(amount, units)
    assert (sum(parts), len(parts)) == (amount, units)
    assert max(parts) - min(parts) <= 1
    assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize(("amount", "weights"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [-1, 2])])
def test_what_cannot_be_split_is_refused(amount: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match=r"carry|negative"):
        money.split(amount, weights)


def test_ten_single_refunds_are_one_whole_refund() -> None:
    discount = money.split(money.round_half_up(Decimal(23900) * 25 / 100), [23900])[0]
    line = taxed(23900 - discount, Decimal(20), inclusive=True)
    assert (line.total, line.net, line.tax) == (17925, 14938, 2987)
    nets, taxes = money.split_evenly(line.net, 10), money.split_evenly(line.tax, 10)
    assert sum(n + t for n, t in zip(nets, taxes, strict=True)) == 17925


@given(AMOUNTS, RATES)
def test_an_inclusive_price_never_moves(gross: int, rate: Decimal) -> None:
    line = taxed(gross, rate, inclusive=True)
    assert (line.total, line.net + line.tax) == (gross, gross)
    assert line.tax >= 0
    exact = Fraction(gross) / (1 + Fraction(rate) / 100)
    assert Fraction(-1, 2) <= exact - line.net < Fraction(1, 2) or exact - line.net == Fraction(-1, 2)


@given(AMOUNTS, RATES)
def test_an_exclusive_price_gets_its_tax_rounded_once_half_up(net: int, rate: Decimal) -> None:
    line = taxed(net, rate, inclusive=False)
    assert (line.net, line.total) == (net, net + line.tax)
    exact = Fraction(net) * Fraction(rate) / 100
    assert line.tax == int(exact + Fraction(1, 2))


@pytest.mark.parametrize(("value", "whole"), [("0.5", 1), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("2.4999", 2)])
def test_halves_go_up(value: str, whole: int) -> None:
    assert money.round_half_up(Decimal(value)) == whole
    assert Decimal(value).quantize(Decimal(1), ROUND_HALF_UP) == whole


@given(st.integers(0, 10**8 - 1), st.sampled_from(["EUR", "USD", "JPY", "KRW"]))
def test_units_go_there_and_back(amount: int, currency: str) -> None:
    assert money.minor(money.major(amount, currency), currency) == amount
    assert money.minor(str(money.major(amount, currency)), currency) == amount


@pytest.mark.parametrize("currency", ["KWD", "BHD", "TND", "OMR", "JOD", "IQD", "LYD", "CLF", "UYW"])
def test_more_than_two_decimals_are_refused_by_name(currency: str) -> None:
    for use in (lambda: money.minor("1", currency), lambda: money.major(1, currency), lambda: money.largest(currency)):
        with pytest.raises(Invalid, match=currency):
            use()


@pytest.mark.parametrize("currency", ["", "eur", "EU", "EURO", "€UR", "E R", "ÄÖÜ"])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(Invalid, match="currency code"):
        money.exponent(currency)


def test_yen_carry_no_cents() -> None:
    assert money.minor("1999", "JPY") == 1999
    assert str(money.major(1999, "JPY")) == "1999"
    with pytest.raises(Invalid, match="more decimals"):
        money.minor("19.90", "JPY")


def test_the_largest_amount_is_that_of_the_column() -> None:
    assert money.minor("99999999.99", "EUR") == money.largest("EUR") == money.MAX_AMOUNT
    assert money.minor("99999999", "JPY") == money.largest("JPY") == 99999999
    assert money.minor("-99999999.99", "EUR") == -money.MAX_AMOUNT


@pytest.mark.parametrize(
    "amount", ["100000000", "1e8", "1e999999", "-1e999999", "NaN", "sNaN", "Infinity", "19,90", "", "abc", "1.001"]
)
def test_what_is_no_amount_names_its_field(amount: str) -> None:
    with pytest.raises(Invalid) as refused:
        money.minor(amount, "EUR", "price")
    assert refused.value.errors[0].field == "price"


def test_amounts_are_shown_with_their_currency() -> None:
    assert money.format_amount(123450, "EUR") == "1,234.50 EUR"
    assert money.format_amount(1234, "JPY") == "1,234 JPY"
