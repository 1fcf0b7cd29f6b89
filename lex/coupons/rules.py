"""What coupons take off: pure. Amounts in minor units, with or without tax as the shop's prices are.

Of the coupons entered, those that are good are taken by priority, the larger first, then as entered. One that is not
stackable stands alone, and of the exclusive ones at most one counts; one that would take nothing off hinders none.
Units that come free are taken off first, then percentages of what is left, then fixed amounts: so no line falls below
nothing. Every discount is split over its lines by largest remainder.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from lex.core import money, wording

#: The order in which kinds are taken off.
KINDS = ("buy_x_get_y", "percentage", "fixed", "free_shipping")


class Offer(msgspec.Struct, frozen=True):
    """A code as entered, and what stands behind it now. `coupon_id` is None for a code nobody knows.

    `lines` are the lines it covers; `customer_uses` counts uses by the cart's customer and the e-mail, once known;
    `is_spent` tells a unique code that was used.
    """

    code: str
    coupon_id: UUID | None = None
    coupon_code_id: UUID | None = None
    name: str | None = None
    type: str = "fixed"
    amount: int = 0
    percentage: Decimal = Decimal(0)
    buy_quantity: int = 0
    get_quantity: int = 0
    minimum_amount: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    usage_limit: int | None = None
    usage_limit_per_customer: int | None = None
    used_count: int = 0
    customer_uses: int = 0
    is_spent: bool = False
    is_stackable: bool = False
    is_exclusive: bool = False
    priority: int = 0
    is_bulk: bool = False
    is_active: bool = True
    lines: frozenset[UUID] = frozenset()


class Priced(msgspec.Struct, frozen=True):
    """A line before discounts."""

    id: UUID
    quantity: int
    unit_price: int


class Fault(msgspec.Struct, frozen=True):
    """Why a coupon takes nothing off. A lasting one will not mend; others wait for their time or the cart."""

    code: str
    message: str
    is_lasting: bool


class Discount(msgspec.Struct, frozen=True):
    """What a coupon takes off a line or off the shipping."""

    source: str
    code: str
    coupon_id: UUID
    name: str | None
    amount: int


class Discounted(msgspec.Struct, frozen=True):
    """What the coupons of a cart make of it. `faults`: code → why it takes nothing off."""

    lines: dict[UUID, list[Discount]]
    shipping: list[Discount]
    faults: dict[str, Fault]

    def amount_of(self, code: str) -> int:
        """All that a coupon takes off."""
        given = [*self.shipping, *(discount for line in self.lines.values() for discount in line)]
        return sum(discount.amount for discount in given if discount.code == code)


def discounted(
    offers: Sequence[Offer], lines: Sequence[Priced], shipping: int, *, now: datetime, currency: str
) -> Discounted:
    """Apply the coupons of a cart; `shipping` is its cost before discounts."""
    faults: dict[str, Fault] = {}
    good: list[Offer] = []
    for offer in offers:
        fault = lasting_fault(offer, now) or waiting_fault(offer, lines, now, currency)
        if fault:
            faults[offer.code] = fault
        else:
            good.append(offer)
    while True:
        hindered: dict[str, Fault] = {}
        result = _applied(_combined(good, hindered), lines, shipping, faults)
        idle = [offer for offer in good if offer.code not in hindered and not result.amount_of(offer.code)]
        if not idle:
            faults |= hindered
            return result
        faults |= {offer.code: _idle_fault(offer) for offer in idle}
        good = [offer for offer in good if offer not in idle]


def _applied(chosen: Sequence[Offer], lines: Sequence[Priced], shipping: int, faults: dict[str, Fault]) -> Discounted:
    result = Discounted({line.id: [] for line in lines}, [], faults)
    for offer in sorted(chosen, key=lambda offer: KINDS.index(offer.type)):
        if offer.type == "free_shipping":
            left = shipping - sum(discount.amount for discount in result.shipping)
            result.shipping.extend([_discount(offer, left)] if left else [])
        else:
            _take_off(offer, lines, result)
    return result


def lasting_fault(offer: Offer, now: datetime) -> Fault | None:
    """What neither time nor a change of the cart would mend."""
    code = offer.code
    if offer.coupon_id is None or (offer.is_bulk and offer.coupon_code_id is None):
        return Fault("unknown_coupon", f"There is no coupon {code}; check the spelling.", is_lasting=True)
    if not offer.is_active:
        return Fault("coupon_inactive", f"The coupon {code} is no longer accepted.", is_lasting=True)
    if offer.ends_at is not None and now >= offer.ends_at:
        return Fault("coupon_expired", f"The coupon {code} has expired.", is_lasting=True)
    if offer.is_spent or (offer.usage_limit is not None and offer.used_count >= offer.usage_limit):
        return Fault("coupon_used_up", f"The coupon {code} is used up.", is_lasting=True)
    if offer.usage_limit_per_customer is not None and offer.customer_uses >= offer.usage_limit_per_customer:
        often = "before" if offer.usage_limit_per_customer == 1 else "as often as it can be"
        return Fault("coupon_used_by_customer", f"You have used the coupon {code} {often}.", is_lasting=True)
    return None


def waiting_fault(offer: Offer, lines: Sequence[Priced], now: datetime, currency: str) -> Fault | None:
    """What a coupon waits for: its time, or what the cart lacks. The minimum is of the goods it covers, before
    discounts."""
    if offer.starts_at is not None and now < offer.starts_at:
        told = f"The coupon {offer.code} is valid from {wording.moment(offer.starts_at)} on."
        return Fault("coupon_not_yet_valid", told, is_lasting=False)
    covered = _covered(offer, lines)
    if not covered:
        told = f"The coupon {offer.code} is for other goods than those in the cart."
        return Fault("coupon_out_of_scope", told, is_lasting=False)
    goods = sum(line.unit_price * line.quantity for line in covered)
    if goods < offer.minimum_amount:
        least, missing = (
            wording.amount(minor, currency) for minor in (offer.minimum_amount, offer.minimum_amount - goods)
        )
        told = f"The coupon {offer.code} is for orders from {least} on; {missing} is missing."
        return Fault("coupon_minimum", told, is_lasting=False)
    units, needed = sum(line.quantity for line in covered), offer.buy_quantity + offer.get_quantity
    if units < needed:
        missing = "1 is" if needed - units == 1 else f"{needed - units} are"
        told = f"The coupon {offer.code} takes {needed} units of its goods; {missing} missing."
        return Fault("coupon_quantity", told, is_lasting=False)
    return None


def _idle_fault(offer: Offer) -> Fault:
    if offer.type == "free_shipping":
        told = f"The coupon {offer.code} takes off shipping, and none is charged as the cart stands."
        return Fault("coupon_no_shipping", told, is_lasting=False)
    return Fault("coupon_no_effect", f"The coupon {offer.code} takes nothing off as the cart stands.", is_lasting=False)


def _covered(offer: Offer, lines: Iterable[Priced]) -> list[Priced]:
    return [line for line in lines if line.id in offer.lines]


def _combined(good: Sequence[Offer], faults: dict[str, Fault]) -> list[Offer]:
    """Those that go together; the others get their fault."""
    taken: list[Offer] = []
    for offer in sorted(good, key=lambda offer: -offer.priority):
        hindrance = next((other for other in taken if not _go_together(offer, other)), None)
        if hindrance is None:
            taken.append(offer)
        else:
            told = f"The coupon {offer.code} does not go together with {hindrance.code}; keep one of them."
            faults[offer.code] = Fault("coupon_not_combinable", told, is_lasting=False)
    return taken


def _go_together(one: Offer, other: Offer) -> bool:
    is_same = one.coupon_id == other.coupon_id
    return not is_same and one.is_stackable and other.is_stackable and not (one.is_exclusive and other.is_exclusive)


def _take_off(offer: Offer, lines: Sequence[Priced], result: Discounted) -> None:
    covered = _covered(offer, lines)
    left = [
        line.unit_price * line.quantity - sum(discount.amount for discount in result.lines[line.id]) for line in covered
    ]
    if offer.type == "buy_x_get_y":
        shares = [min(free, rest) for free, rest in zip(_free_units(offer, covered), left, strict=True)]
    else:
        shares = money.split(_reduction(offer, sum(left)), left)
    for line, share in zip(covered, shares, strict=True):
        if share:
            result.lines[line.id].append(_discount(offer, share))


def _reduction(offer: Offer, left: int) -> int:
    if offer.type == "percentage":
        return money.round_half_up(left * offer.percentage / 100)
    return min(offer.amount, left)


def _free_units(offer: Offer, covered: Sequence[Priced]) -> list[int]:
    """What comes free of each line: of every `buy + get` units the `get` cheapest of all."""
    units = sum(line.quantity for line in covered)
    free = units // (offer.buy_quantity + offer.get_quantity) * offer.get_quantity
    amounts = dict.fromkeys((line.id for line in covered), 0)
    for line in sorted(covered, key=lambda line: line.unit_price):
        given = min(free, line.quantity)
        amounts[line.id], free = given * line.unit_price, free - given
    return list(amounts.values())


def _discount(offer: Offer, amount: int) -> Discount:
    assert offer.coupon_id is not None
    return Discount("coupon", offer.code, offer.coupon_id, offer.name, amount)
