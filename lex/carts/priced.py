"""A cart at its present prices: what the API returns and what an order is written from. Amounts in minor units."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from lex.carts.remarks import Remark
from lex.coupons.rules import Discount, Discounted, Offer
from lex.tax.rules import Taxed


class PricedLine(msgspec.Struct, frozen=True):
    """A line at its present price. Amounts in minor units; `total_amount` is what the customer pays for it.

    Where a discount does not divide by the units, the first ones cost a cent more than `discounted_unit_price`.
    """

    id: UUID
    product_id: UUID
    sku: str
    name: str
    slug: str
    options: dict[str, str]
    image: str | None
    quantity: int
    unit_price: int
    discounted_unit_price: int
    discount_amount: int
    discounts: list[Discount]
    tax_class: str
    tax_rate: Decimal
    net_amount: int
    tax_amount: int
    total_amount: int
    requires_shipping: bool
    is_digital: bool
    available: int | None


class PricedMethod(msgspec.Struct, frozen=True):
    """A way to ship this cart, and what it costs (tax as prices have it)."""

    code: str
    name: str
    description: str | None
    kind: str
    price: int


class TaxShare(msgspec.Struct, frozen=True):
    """The tax of one rate over the whole cart."""

    rate: Decimal
    net_amount: int
    tax_amount: int


class PricedCoupon(msgspec.Struct, frozen=True):
    """A coupon entered and all it takes off. `why` tells, with a stable `why_code`, why it takes nothing off yet."""

    code: str
    name: str | None
    amount: int
    why_code: str | None
    why: str | None


class PricedCart(msgspec.Struct, frozen=True):
    """A cart as it would be placed now. Placing sends `version`; a stale one is refused with the new total.

    Goods are taxed where they are handed over, all else in `billing_country`, or `country` while that is none.
    `shipping_countries` are those goods can be sent to, none meaning all. `discount_amount` is taken off the goods;
    `shipping_amount` is what is left of shipping after its own discounts.
    """

    id: UUID
    status: str
    version: int
    currency: str
    country: str | None
    billing_country: str | None
    prices_include_tax: bool
    lines: list[PricedLine]
    shipping_countries: list[str]
    shipping_methods: list[PricedMethod]
    shipping_method: PricedMethod | None
    shipping: Taxed
    shipping_discounts: list[Discount]
    shipping_rate: Decimal
    shipping_tax_class: str
    subtotal_amount: int
    discount_amount: int
    shipping_amount: int
    tax_amount: int
    total_amount: int
    taxes: list[TaxShare]
    coupons: list[PricedCoupon]
    changes: list[Remark]
    problems: list[Remark]
    expires_at: datetime
    order_id: UUID | None


def by_rate(parts: Sequence[tuple[Decimal, int, int]]) -> list[TaxShare]:
    """Sums of line taxes (rate, net, tax), grouped for display; never computed again from a sum."""
    rates = sorted({rate for rate, net, _ in parts if net})
    return [
        TaxShare(r, sum(n for rate, n, _ in parts if rate == r), sum(t for x, _, t in parts if x == r)) for r in rates
    ]


def priced_coupon(offer: Offer, given: Discounted) -> PricedCoupon:
    """What a coupon makes of the cart, or why it makes nothing of it."""
    fault = given.faults.get(offer.code)
    why = (fault.code, fault.message) if fault else (None, None)
    return PricedCoupon(offer.code, offer.name, given.amount_of(offer.code), *why)
