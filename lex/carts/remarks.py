"""What a customer is told about a cart: what changed since it was seen, and what stands in the way of placing it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from lex.carts.queries import CartFacts, Line, Method
from lex.core import countries, money
from lex.core.wording import amount
from lex.coupons.rules import Fault


class Remark(msgspec.Struct, frozen=True):
    """Something the customer is told: a change since last time, or what stands in the way of placing the order."""

    code: str
    message: str
    item_id: UUID | None = None
    old_price: int | None = None
    new_price: int | None = None
    available: int | None = None
    coupon: str | None = None


def coupon_changes(faults: Mapping[str, Fault]) -> list[Remark]:
    """Each coupon that will take nothing off whatever becomes of the cart: it is told once and taken out."""
    return [
        Remark("coupon_dropped", f"{fault.message} It is not in the cart any more.", coupon=code)
        for code, fault in faults.items()
        if fault.is_lasting
    ]


def price_changes(facts: CartFacts) -> list[Remark]:
    """Each line whose price is not the one the customer was last shown."""
    return [_price_change(line, facts.currency) for line in facts.lines if line.price != line.seen_price]


def _price_change(line: Line, currency: str) -> Remark:
    told = f"{amount(line.seen_price, currency)} to {amount(line.price, currency)}"
    return Remark(
        "price_changed",
        f"The price of {line.name} changed from {told}.",
        item_id=line.id,
        old_price=line.seen_price,
        new_price=line.price,
    )


def problems(
    facts: CartFacts, amounts: Sequence[int], methods: Sequence[Method], chosen: Method | None
) -> list[Remark]:
    """What must be mended first; empty when the cart can be placed. `amounts` are the line totals and shipping."""
    found = [remark for line in facts.lines for remark in _line_problems(line)]
    if not facts.lines:
        found.append(Remark("cart_empty", "The cart is empty; put something into it."))
    if chosen is None and any(line.requires_shipping for line in facts.lines):
        found.append(_shipping_problem(facts, methods))
    return [*found, *_total_problems(facts, amounts)]


def _total_problems(facts: CartFacts, amounts: Sequence[int]) -> list[Remark]:
    """The total, and each of the largest lines without which it would do. `amounts` begin with those of the lines."""
    largest, rest = money.largest(facts.currency), sum(amounts)
    if rest <= largest:
        return []
    told = f"An order comes to {amount(largest, facts.currency)} at most"
    found = [Remark("total_too_large", f"{told}; lower the quantities that are marked, or order in parts.")]
    for total, line in sorted(zip(amounts, facts.lines, strict=False), key=lambda pair: -pair[0]):
        if rest > largest:
            rest -= total
            come = "comes" if line.quantity == 1 else "come"
            units = f"{line.quantity} × {line.name} {come} to {amount(total, facts.currency)}"
            found.append(Remark("total_too_large", f"{units}; lower the quantity, or remove it.", item_id=line.id))
    return found


def _line_problems(line: Line) -> list[Remark]:
    if not line.is_sellable:
        return [Remark("unavailable", f"{line.name} is no longer sold; remove it.", item_id=line.id, available=0)]
    if line.available is None or line.available >= line.quantity:
        return []
    left = f"only {line.available} of it are left" if line.available else "it is sold out"
    message = f"{line.name} ({line.sku}): {left}; you wanted {line.quantity}."
    return [Remark("out_of_stock", message, item_id=line.id, available=line.available)]


def _shipping_problem(facts: CartFacts, methods: Sequence[Method]) -> Remark:
    if not facts.methods:
        return Remark("no_shipping", "We send nothing at the moment; take out what has to be sent, or write to us.")
    if facts.country is None and all(m.kind == "pickup" for m in methods):
        return Remark("country_required", "Say which country the goods go to, or choose collection.")
    if not methods:
        country = countries.in_sentence(facts.country or "")
        return Remark("no_shipping", f"We do not ship to {country}; choose another country.")
    return Remark("shipping_method_required", "Choose how the goods reach you: one of the shipping methods.")
