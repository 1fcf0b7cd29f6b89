"""What a checkout takes and gives, and what must be right before it is placed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from lex.carts.priced import PricedCart, PricedLine
from lex.carts.queries import CartFacts
from lex.core import clock, ids, money
from lex.core.errors import Conflict, Invalid
from lex.core.settings import settings
from lex.core.texts import fault_in_writing
from lex.coupons.holding import Use
from lex.identity.addresses import PostalAddress
from lex.stock.errors import OutOfStock

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Checkout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the buyer adds to the cart. `version` is that of the cart as shown: the price agreed to.

    `total_amount` is the total as shown: shipping and tax may change without the cart. Addresses are where the goods
    go and who is billed; digital goods need one of them, in the country they are taxed in.
    """

    version: Annotated[int, msgspec.Meta(ge=1)]
    total_amount: Annotated[int, msgspec.Meta(ge=0, description="The total shown, in minor units.")]
    email: Annotated[str, msgspec.Meta(min_length=3, max_length=254)]
    first_name: Name | None = None
    last_name: Name | None = None
    phone: Annotated[str, msgspec.Meta(min_length=4, max_length=40)] | None = None
    shipping_address: PostalAddress | None = None
    billing_address: PostalAddress | None = None
    note: Annotated[str, msgspec.Meta(max_length=2000)] | None = None

    def check(self) -> None:
        """Raises `Invalid` naming the texts that cannot be printed in a mail or on a label, or are blank."""
        for name, longest, shortest in (
            ("first_name", 100, 1),
            ("last_name", 100, 1),
            ("phone", 40, 4),
            ("note", 2000, 0),
        ):
            text, one_line = getattr(self, name), name != "note"
            if text is None:
                continue
            if fault := fault_in_writing(text, longest=longest, shortest=shortest, one_line=one_line):
                raise Invalid(name, fault, code="text")
        for name in ("shipping_address", "billing_address"):
            address: PostalAddress | None = getattr(self, name)
            if address is not None:
                address.check(name)


class Placed(msgspec.Struct, frozen=True):
    """An order just placed. `access_token` opens it without signing in and is told once. Amount in minor units."""

    id: UUID
    order_number: str
    status: str
    payment_status: str
    total_amount: int
    currency: str
    placed_at: datetime
    expires_at: datetime
    access_token: str


def require_placeable(priced: PricedCart, checkout: Checkout) -> None:
    """Raises `OutOfStock`, `Conflict` with all that stands in the way, or `Invalid` naming an address field."""
    lacking = {problem.item_id for problem in priced.problems if problem.code == "out_of_stock"}
    if lacking:
        raise out_of_stock(line for line in priced.lines if line.id in lacking)
    if priced.problems:
        first = priced.problems[0]
        raise Conflict(first.message, code=first.code, extra={"problems": msgspec.to_builtins(priced.problems)})
    ships = priced.shipping_method is not None and priced.shipping_method.kind != "pickup"
    if ships and checkout.shipping_address is None:
        raise Invalid("shipping_address", "Say where the goods go.", code="required")
    if ships:
        _require_country("shipping_address", checkout.shipping_address, priced.country)
    if any(not line.requires_shipping for line in priced.lines):
        _require_taxed_country(checkout, priced.billing_country or priced.country or settings().country)


def _require_taxed_country(checkout: Checkout, country: str) -> None:
    """What is not handed over is taxed where its buyer is: the address they are billed at says where that is."""
    if checkout.billing_address is None and checkout.shipping_address is None:
        raise Invalid("billing_address", "Say who is billed; digital goods are taxed in that country.", code="required")
    field = "billing_address" if checkout.billing_address else "shipping_address"
    _require_country(field, checkout.billing_address or checkout.shipping_address, country, "billing_country")


def _require_country(field: str, address: PostalAddress | None, country: str | None, set_by: str = "country") -> None:
    if address is not None and address.country != country:
        raise Invalid(
            f"{field}.country",
            f"The cart is priced for {country}; set the cart's {set_by} to the address's first.",
            code="country_mismatch",
        )


def cart_changed(priced: PricedCart) -> Conflict:
    """The refusal of a cart that is not the one shown; it tells the version and the total to agree to."""
    return Conflict(
        "The cart changed since it was shown; look at the new total and place it again.",
        code="cart_changed",
        extra={
            "version": priced.version,
            "total_amount": priced.total_amount,
            "currency": priced.currency,
            "changes": msgspec.to_builtins(priced.changes),
        },
    )


def new_order(priced: PricedCart) -> Placed:
    """The order a cart becomes, with a new id, number and link."""
    order_id, now = ids.new_id(), clock.now()
    return Placed(
        id=order_id,
        order_number=ids.order_number(order_id),
        status="pending",
        payment_status="unpaid",
        total_amount=priced.total_amount,
        currency=priced.currency,
        placed_at=now,
        expires_at=now + timedelta(minutes=settings().payment_minutes),
        access_token=ids.new_token(),
    )


def uses_of(facts: CartFacts, priced: PricedCart) -> list[Use]:
    """The coupons this order uses: those that take something off."""
    counted = {coupon.code: coupon.amount for coupon in priced.coupons if coupon.amount}
    return [
        Use(offer.coupon_id, offer.coupon_code_id, money.major(counted[offer.code], priced.currency))
        for offer in facts.coupons or ()
        if offer.coupon_id is not None and offer.code in counted
    ]


def demand_of(facts: CartFacts) -> dict[UUID, int]:
    """Units per tracked product, summed over lines."""
    demand: dict[UUID, int] = {}
    for line in facts.lines:
        if line.available is not None:
            demand[line.product_id] = demand.get(line.product_id, 0) + line.quantity
    return demand


def out_of_stock(lines: Iterable[PricedLine]) -> OutOfStock:
    """The refusal that names these lines."""
    return OutOfStock(
        [
            {
                "product_id": str(line.product_id),
                "sku": line.sku,
                "name": line.name,
                "wanted": line.quantity,
                "available": max(line.available or 0, 0),
            }
            for line in lines
        ]
    )
