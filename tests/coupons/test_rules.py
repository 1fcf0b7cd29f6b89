"""What coupons take off, for any cart."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.core import clock, ids, money
from lex.core.clock import real_now
from lex.core.settings import settings
from lex.coupons.rules import Discounted, Offer, Priced, discounted
from lex.orders.units import of_units
from lex.tax.rules import taxed


def offer(code: str, kind: str = "fixed", **more: Any) -> Offer:
    """A coupon that goes together with others."""
    return Offer(code, coupon_id=ids.new_id(), type=kind, **{"is_stackable": True, **more})


def line(price: int, quantity: int = 1) -> Priced:
    """A line."""
    return Priced(ids.new_id(), quantity, price)


def applied(lines: list[Priced], *offers: Offer, shipping: int = 0) -> Discounted:
    """The coupons on these lines, each covering all of them unless it says otherwise."""
    every = frozenset(line.id for line in lines)
    whole = [offer if offer.lines else type(offer)(**{**_fields(offer), "lines": every}) for offer in offers]
    return discounted(whole, lines, shipping, now=clock.now(), currency="EUR")


def _fields(offer: Offer) -> dict[str, Any]:
    return {name: getattr(offer, name) for name in offer.__struct_fields__}


def shares(lines: list[Priced], result: Discounted) -> list[int]:
    """What each line is lowered by."""
    return [sum(discount.amount for discount in result.lines[line.id]) for line in lines]


def faults(result: Discounted) -> dict[str, str]:
    """Why coupons take nothing off."""
    return {code: fault.code for code, fault in result.faults.items()}


@pytest.mark.parametrize(
    ("prices", "amount", "expected"),
    [
        ([4000, 2000, 2000], 300, [150, 75, 75]),
        ([4300, 1400, 2300], 299, [161, 52, 86]),
        ([333] * 6 + [10], 100, [17, 17, 17, 17, 16, 16, 0]),
        ([500, 0, 700], 5000, [500, 0, 700]),
    ],
)
def test_a_fixed_amount_is_split_by_largest_remainder(prices: list[int], amount: int, expected: list[int]) -> None:
    lines = [line(price) for price in prices]
    result = applied(lines, offer("FIVE", amount=amount))
    assert shares(lines, result) == expected
    assert result.amount_of("FIVE") == min(amount, sum(prices))


def test_a_quarter_off_ten_units_including_tax() -> None:
    lines = [line(2390, 10)]
    off = shares(lines, applied(lines, offer("QUARTER", "percentage", percentage=Decimal(25))))[0]
    amounts = taxed(23900 - off, Decimal(20), inclusive=True)
    assert (amounts.total, amounts.net, amounts.tax) == (17925, 14938, 2987)
    refunds = [of_units(amounts.net, amounts.tax, 10, unit, 1) for unit in range(10)]
    assert sum(net for net, _ in refunds) == 14938
    assert sum(net + tax for net, tax in refunds) == 17925
    assert max(map(sum, refunds)) - min(map(sum, refunds)) <= 2


def test_percentages_come_before_fixed_amounts_whatever_was_entered_first() -> None:
    lines = [line(10000)]
    five, ten = offer("FIVE", amount=500, priority=9), offer("TEN", "percentage", percentage=Decimal(10))
    for order in ((five, ten), (ten, five)):
        result = applied(lines, *order)
        assert (result.amount_of("TEN"), result.amount_of("FIVE")) == (1000, 500)


def test_percentages_are_of_what_is_left() -> None:
    lines = [line(10000)]
    tens = [offer(f"TEN{n}", "percentage", percentage=Decimal(10)) for n in range(2)]
    assert shares(lines, applied(lines, *tens)) == [1900]


def test_one_that_is_not_stackable_stands_alone_by_priority_then_as_entered() -> None:
    lines = [line(10000)]
    alone, other = offer("ALONE", amount=100, is_stackable=False), offer("OTHER", amount=200)
    assert faults(applied(lines, alone, other)) == {"OTHER": "coupon_not_combinable"}
    assert faults(applied(lines, other, alone)) == {"ALONE": "coupon_not_combinable"}
    first = offer("FIRST", amount=300, is_stackable=False, priority=1)
    result = applied(lines, other, first)
    assert (faults(result), shares(lines, result)) == ({"OTHER": "coupon_not_combinable"}, [300])
    assert "does not go together with FIRST" in result.faults["OTHER"].message


def test_at_most_one_exclusive_counts_beside_others() -> None:
    lines = [line(10000)]
    one, two = (offer(code, amount=100, is_exclusive=True) for code in ("ONE", "TWO"))
    result = applied(lines, one, two, offer("PLAIN", amount=50))
    assert faults(result) == {"TWO": "coupon_not_combinable"}
    assert shares(lines, result) == [150]


def test_two_codes_of_one_coupon_count_once() -> None:
    lines = [line(10000)]
    one = offer("B-1", amount=100, is_bulk=True, coupon_code_id=ids.new_id())
    two = Offer(**{**_fields(one), "code": "B-2", "coupon_code_id": ids.new_id()})
    result = applied(lines, one, two)
    assert (faults(result), shares(lines, result)) == ({"B-2": "coupon_not_combinable"}, [100])


def test_one_that_takes_nothing_off_hinders_none() -> None:
    lines = [line(1000)]
    ten = offer("TEN", amount=100, is_stackable=False)
    ship = offer("SHIP", "free_shipping", is_stackable=False, priority=9)
    nothing = offer("NOTHING", "percentage", percentage=Decimal("0.001"), is_stackable=False, priority=8)
    result = applied(lines, ten, ship, nothing)
    assert shares(lines, result) == [100]
    assert faults(result) == {"SHIP": "coupon_no_shipping", "NOTHING": "coupon_no_effect"}
    assert not any(fault.is_lasting for fault in result.faults.values())
    charged = applied(lines, ten, ship, shipping=490)
    assert (charged.amount_of("SHIP"), faults(charged)) == (490, {"TEN": "coupon_not_combinable"})


@pytest.mark.parametrize(
    ("quantities", "free"),
    [([2], 0), ([3], 700), ([5], 700), ([6], 1400), ([9], 2100)],
)
def test_of_three_tubes_the_third_is_free(quantities: list[int], free: int) -> None:
    lines = [line(700, quantity) for quantity in quantities]
    tubes = offer("TUBES", "buy_x_get_y", buy_quantity=2, get_quantity=1)
    assert sum(shares(lines, applied(lines, tubes))) == free


def test_the_cheapest_units_over_all_lines_come_free() -> None:
    lines = [line(900, 2), line(500), line(700, 3)]
    tubes = offer("TUBES", "buy_x_get_y", buy_quantity=2, get_quantity=1)
    assert shares(lines, applied(lines, tubes)) == [0, 500, 700]
    half = offer("HALF", "percentage", percentage=Decimal(50))
    assert shares(lines, applied(lines, half, tubes)) == [900, 500, 1400]


def test_free_shipping_lowers_shipping_alone_and_once() -> None:
    lines = [line(1000)]
    result = applied(lines, offer("SHIP", "free_shipping"), offer("SHIP2", "free_shipping"), shipping=490)
    assert (shares(lines, result), [one.amount for one in result.shipping]) == ([0], [490])
    assert (result.amount_of("SHIP"), result.amount_of("SHIP2")) == (490, 0)


LASTING: list[tuple[dict[str, Any], str]] = [
    ({"coupon_id": None}, "unknown_coupon"),
    ({"is_bulk": True}, "unknown_coupon"),
    ({"is_active": False}, "coupon_inactive"),
    ({"ends_at": real_now() - timedelta(seconds=1)}, "coupon_expired"),
    ({"usage_limit": 3, "used_count": 3}, "coupon_used_up"),
    ({"is_bulk": True, "coupon_code_id": ids.new_id(), "is_spent": True}, "coupon_used_up"),
    ({"usage_limit_per_customer": 1, "customer_uses": 1}, "coupon_used_by_customer"),
]


@pytest.mark.parametrize(("state", "code"), LASTING, ids=[f"{code}-{n}" for n, (_, code) in enumerate(LASTING)])
def test_what_will_not_mend_is_told_as_lasting(state: dict[str, Any], code: str) -> None:
    lines = [line(1000)]
    result = applied(lines, Offer(**{**_fields(offer("CODE", amount=100)), **state}))
    assert (faults(result), shares(lines, result)) == ({"CODE": code}, [0])
    assert result.faults["CODE"].is_lasting
    assert "CODE" in result.faults["CODE"].message


def test_what_the_cart_lacks_is_told_and_can_mend() -> None:
    lines = [line(1000), line(3000)]
    short = offer("SHORT", amount=100, minimum_amount=2000, lines=frozenset({lines[0].id}))
    elsewhere = offer("ELSEWHERE", amount=100, lines=frozenset({ids.new_id()}))
    few = offer("FEW", "buy_x_get_y", buy_quantity=2, get_quantity=1)
    result = applied(lines, short, elsewhere, few)
    assert faults(result) == {
        "SHORT": "coupon_minimum",
        "ELSEWHERE": "coupon_out_of_scope",
        "FEW": "coupon_quantity",
    }
    assert not any(fault.is_lasting for fault in result.faults.values())
    assert "€10.00 is missing" in result.faults["SHORT"].message


def test_one_whose_time_has_not_come_waits_and_says_when_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEX_TIMEZONE", "Europe/Berlin")
    settings.cache_clear()
    now, lines = datetime(2026, 11, 4, tzinfo=UTC), [line(1000)]
    early = offer("EARLY", amount=100, lines=frozenset({lines[0].id}), starts_at=now + timedelta(days=1, hours=13))
    result = discounted([early], lines, 0, now=now, currency="EUR")
    assert (faults(result), shares(lines, result)) == ({"EARLY": "coupon_not_yet_valid"}, [0])
    assert not result.faults["EARLY"].is_lasting
    assert "14:00 CET" in result.faults["EARLY"].message
    settings.cache_clear()


def test_it_starts_at_its_first_instant_and_is_over_at_its_last() -> None:
    now, lines = clock.now(), [line(1000)]
    every = frozenset(one.id for one in lines)
    for limits, expected in (
        ({"starts_at": now}, {}),
        ({"ends_at": now}, {"CODE": "coupon_expired"}),
        ({"ends_at": now + timedelta(microseconds=1)}, {}),
    ):
        one = offer("CODE", amount=100, lines=every, **limits)
        assert faults(discounted([one], lines, 0, now=now, currency="EUR")) == expected


AMOUNTS = st.integers(0, 10**8)
LINES = st.lists(st.builds(line, AMOUNTS, st.integers(1, 9999)), min_size=1, max_size=8)


@st.composite
def carts(draw: st.DrawFn) -> tuple[list[Priced], list[Offer], int]:
    """Lines, coupons of every kind over some of them, and a shipping cost."""
    lines = draw(LINES)
    some = st.frozensets(st.sampled_from([one.id for one in lines]), min_size=1)
    flags = {"is_stackable": st.booleans(), "is_exclusive": st.booleans(), "priority": st.integers(-3, 3)}
    kinds = [
        st.fixed_dictionaries({"type": st.just("fixed"), "amount": AMOUNTS}),
        st.fixed_dictionaries({"type": st.just("percentage"), "percentage": st.decimals(0, 100, places=3)}),
        st.fixed_dictionaries({"type": st.just("free_shipping")}),
        st.fixed_dictionaries(
            {"type": st.just("buy_x_get_y"), "buy_quantity": st.integers(1, 5), "get_quantity": st.integers(1, 5)}
        ),
    ]
    made = draw(st.lists(st.tuples(st.one_of(kinds), st.fixed_dictionaries({**flags, "lines": some})), max_size=6))
    offers = [Offer(f"C{n}", coupon_id=ids.new_id(), **kind, **rest) for n, (kind, rest) in enumerate(made)]
    return lines, offers, draw(st.integers(0, 10**6))


@given(carts())
def test_no_line_falls_below_nothing_and_nothing_is_lost(cart: tuple[list[Priced], list[Offer], int]) -> None:
    lines, offers, shipping = cart
    result = applied(lines, *offers, shipping=shipping)
    off = shares(lines, result)
    assert all(0 <= share <= one.unit_price * one.quantity for one, share in zip(lines, off, strict=True))
    assert 0 <= sum(one.amount for one in result.shipping) <= shipping
    assert sum(result.amount_of(one.code) for one in offers) == sum(off) + sum(one.amount for one in result.shipping)
    for one in offers:
        covered = {line.id for line in lines} - one.lines
        assert not any(discount.code == one.code for line_id in covered for discount in result.lines[line_id])
        assert one.code not in result.faults or result.amount_of(one.code) == 0
    assert all(discount.amount > 0 for line_discounts in result.lines.values() for discount in line_discounts)


@given(carts())
def test_coupons_that_count_go_together(cart: tuple[list[Priced], list[Offer], int]) -> None:
    lines, offers, shipping = cart
    result = applied(lines, *offers, shipping=shipping)
    counted = [one for one in offers if one.code not in result.faults]
    assert len(counted) <= 1 or all(one.is_stackable for one in counted)
    assert sum(one.is_exclusive for one in counted) <= 1


@given(carts(), st.sampled_from(["0", "7", "8.1", "19", "20", "25"]), st.booleans())
def test_units_refunded_one_by_one_are_the_line(
    cart: tuple[list[Priced], list[Offer], int], rate: str, inclusive: bool
) -> None:
    lines, offers, shipping = cart
    off = shares(lines, applied(lines, *offers, shipping=shipping))
    for one, share in zip(lines, off, strict=True):
        amounts = taxed(one.unit_price * one.quantity - share, Decimal(rate), inclusive=inclusive)
        half = one.quantity // 2
        parts = [of_units(amounts.net, amounts.tax, one.quantity, start, 1) for start in range(min(half, 40))]
        parts.append(of_units(amounts.net, amounts.tax, one.quantity, len(parts), one.quantity - len(parts)))
        assert sum(net for net, _ in parts) == amounts.net
        assert sum(tax for _, tax in parts) == amounts.tax
        assert all(net >= 0 and tax >= 0 for net, tax in parts)


@given(st.integers(0, 10**9), st.integers(1, 300))
def test_units_are_split_as_money_splits(amount: int, units: int) -> None:
    each = [of_units(amount, 0, units, n, 1)[0] for n in range(units)]
    assert each == money.split_evenly(amount, units)
