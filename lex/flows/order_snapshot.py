"""What an order keeps of the cart it was placed from: amounts, names, addresses; nothing is looked up again later."""

from typing import Any
from uuid import UUID

from lex.carts.priced import PricedCart, PricedLine
from lex.core import ids, money
from lex.db import sql
from lex.flows.checkout import Checkout, Placed
from lex.identity.addresses import PostalAddress
from lex.identity.ciphers import seal_document
from lex.identity.commands import Person


def snapshot_order(
    priced: PricedCart, checkout: Checkout, email: str, person: Person, placed: Placed
) -> dict[str, Any]:
    """The columns of `orders`; personal ones sealed under the buyer's key."""
    seal, address = person.cipher.seal, checkout.shipping_address
    ships = any(line.requires_shipping for line in priced.lines)
    return {
        "id": placed.id,
        "created_at": ids.instant_of(placed.id),
        "user_id": person.id,
        "order_number": placed.order_number,
        "order_type": "product",
        "fulfilment_status": "unfulfilled" if ships else "not_needed",
        "currency": priced.currency,
        "prices_include_tax": priced.prices_include_tax,
        "taxes": sql.json(priced.taxes),
        "email": seal("orders.email", placed.id, email),
        "phone": person.cipher.seal_optional("orders.phone", placed.id, checkout.phone),
        "billing_address": _sealed_address("billing", checkout.billing_address or address, person, placed.id),
        "shipping_address": _sealed_address("shipping", address, person, placed.id),
        "shipping_country": address.country if address else priced.country,
        "shipping_region": address.region if address else None,
        "shipping_city": address.city if address else None,
        "shipping_postal_code": address.postal_code if address else None,
        "shipping_method": sql.json(priced.shipping_method or {}),
        "customer_note": person.cipher.seal_optional("orders.customer_note", placed.id, checkout.note),
        "cart_id": priced.id,
        "placed_at": placed.placed_at,
        "expires_at": placed.expires_at,
        **{
            name: money.major(getattr(priced, name), priced.currency)
            for name in ("subtotal_amount", "discount_amount", "shipping_amount", "tax_amount", "total_amount")
        },
    }


def _sealed_address(kind: str, address: PostalAddress | None, person: Person, order_id: UUID) -> bytes | None:
    if address is None:
        return None
    return seal_document(person.cipher, f"orders.{kind}_address", order_id, address)


def snapshot_lines(priced: PricedCart, user_id: UUID, order_id: UUID) -> list[dict[str, Any]]:
    """The rows of `order_items`, the shipping line last."""
    rows = [_line(line, priced.currency) for line in priced.lines]
    if priced.shipping_method is not None:
        rows.append(_shipping_line(priced))
    common = {"order_id": order_id, "user_id": user_id, "currency": priced.currency}
    return [{"id": ids.new_id(), "position": n, **common, **row} for n, row in enumerate(rows, 1)]


def _line(line: PricedLine, currency: str) -> dict[str, Any]:
    return {
        "item_type": "product",
        "product_id": line.product_id,
        "name": line.name,
        "sku": line.sku,
        "options": line.options,
        "image": line.image,
        "quantity": line.quantity,
        "unit_price": money.major(line.unit_price, currency),
        "discounted_unit_price": money.major(line.discounted_unit_price, currency),
        "discounts": line.discounts,
        "tax_class": line.tax_class,
        "tax_rate": line.tax_rate,
        "requires_shipping": line.requires_shipping,
        "is_digital": line.is_digital,
        "is_stock_tracked": line.available is not None,
        **_amounts(line.discount_amount, line.net_amount, line.tax_amount, line.total_amount, currency),
    }


def _shipping_line(priced: PricedCart) -> dict[str, Any]:
    method, shipping = priced.shipping_method, priced.shipping
    assert method is not None
    discount = sum(one.amount for one in priced.shipping_discounts)
    return {
        "item_type": "shipping",
        "product_id": None,
        "name": method.name,
        "sku": None,
        "options": {},
        "image": None,
        "quantity": 1,
        "unit_price": money.major(method.price, priced.currency),
        "discounted_unit_price": money.major(method.price - discount, priced.currency),
        "discounts": priced.shipping_discounts,
        "tax_class": priced.shipping_tax_class,
        "tax_rate": priced.shipping_rate,
        "requires_shipping": False,
        "is_digital": False,
        "is_stock_tracked": False,
        **_amounts(discount, shipping.net, shipping.tax, shipping.total, priced.currency),
    }


def _amounts(discount: int, net: int, tax: int, total: int, currency: str) -> dict[str, Any]:
    named = {"discount_amount": discount, "net_amount": net, "tax_amount": tax, "total_amount": total}
    return {name: money.major(amount, currency) for name, amount in named.items()}
