"""Merge a guest's cart into the customer's at sign-in."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from lex.carts.commands import MAX_LINES
from lex.carts.couponing import MAX_COUPONS
from lex.carts.queries import lock_cart, require_open
from lex.core.actor import Actor
from lex.db import sql
from lex.db.session import Session

_OWN_CART: LiteralString = """
SELECT id FROM carts WHERE user_id = %(user_id)s AND status = 'open' AND deleted_at IS NULL FOR NO KEY UPDATE
"""

_OWN_UNITS: LiteralString = """
SELECT c.id, (SELECT coalesce(sum(i.quantity), 0)::int FROM cart_items i
    WHERE i.cart_id = c.id AND i.user_id = c.user_id) AS units
FROM carts c WHERE c.user_id = %(user_id)s AND c.status = 'open' AND c.deleted_at IS NULL
"""

_ADOPT: LiteralString = """
WITH lines AS (UPDATE cart_items SET user_id = %(user_id)s WHERE cart_id = %(guest_id)s)
UPDATE carts SET user_id = %(user_id)s, token_hash = NULL, version = version + 1 WHERE id = %(guest_id)s
"""

_MERGE: LiteralString = """
WITH guest AS (
    SELECT i.product_id, i.quantity, i.seen_price, p.sku,
           CASE WHEN p.track_inventory THEN p.stock_quantity - p.reserved_quantity END AS available
    FROM cart_items i JOIN products p ON p.id = i.product_id WHERE i.cart_id = %(guest_id)s
), merged AS (
    SELECT g.product_id, g.sku, g.seen_price, o.quantity AS own, g.quantity AS guest,
           CASE WHEN o.id IS NULL AND count(*) FILTER (WHERE o.id IS NULL) OVER (ORDER BY g.sku) > %(most_lines)s - (
               SELECT count(*) FROM cart_items WHERE cart_id = %(own_id)s) THEN 0
           ELSE greatest(1, least(greatest(g.quantity, coalesce(o.quantity, 0)), coalesce(g.available, 9999)))
           END AS quantity
    FROM guest g LEFT JOIN cart_items o ON o.cart_id = %(own_id)s AND o.product_id = g.product_id
), line AS (
    INSERT INTO cart_items (id, cart_id, user_id, item_type, product_id, quantity, seen_price)
    SELECT uuid_v7(), %(own_id)s, %(user_id)s, 'product', product_id, quantity, seen_price FROM merged
    WHERE quantity > 0
    ON CONFLICT (cart_id, product_id) WHERE product_id IS NOT NULL DO UPDATE SET quantity = excluded.quantity
), closed AS (
    UPDATE carts SET status = 'merged' WHERE id = %(guest_id)s
), bumped AS (
    UPDATE carts o SET version = o.version + 1, country = coalesce(o.country, g.country),
        billing_country = coalesce(o.billing_country, g.billing_country),
        (shipping_method_id, seen_shipping) = (SELECT k.shipping_method_id, k.seen_shipping FROM carts k WHERE k.id =
            CASE WHEN o.shipping_method_id IS NULL AND coalesce(o.country, g.country) = g.country THEN g.id
            ELSE o.id END),
        coupon_codes = (o.coupon_codes || ARRAY(
            SELECT code FROM unnest(g.coupon_codes) AS code WHERE code <> ALL(o.coupon_codes)))[:%(most_coupons)s]
    FROM carts g WHERE o.id = %(own_id)s AND g.id = %(guest_id)s
)
SELECT product_id, sku, own, guest, quantity FROM merged WHERE own IS DISTINCT FROM quantity ORDER BY sku
"""


@dataclass(frozen=True, slots=True)
class MergedLine:
    """A line the merge added or changed: units in the customer's cart before (None: not there), the guest's, now.

    `quantity` is 0 for one that the cart had no room for.
    """

    product_id: UUID
    sku: str
    own: int | None
    guest: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Merged:
    """The customer's cart after the merge and what changed in it."""

    cart_id: UUID
    changes: list[MergedLine]


@dataclass(frozen=True, slots=True)
class OwnCart:
    """A customer's open cart, and how many units lie in it."""

    id: UUID
    units: int


async def find_own_cart(session: Session, user_id: UUID) -> OwnCart | None:
    """The open cart of a customer, if there is one."""
    return await sql.fetch_one(session, _OWN_UNITS, OwnCart, user_id=user_id)


async def merge_carts(session: Session, customer: Actor, guest_cart_id: UUID) -> Merged:
    """The larger quantity of each item wins, clipped to what is in stock; twice changes nothing. Coupons of both are
    kept: what is no longer valid is told and dropped when the cart is priced. Of delivery and billing the guest chose
    what the customer had not.

    A customer without a cart takes the guest's over; its token opens it no longer.

    `customer` carries the guest cart's token beside the user. Raises `NotFound`, `Gone` or `Conflict` (placed).
    """
    own_id = await sql.fetch_value(session, _OWN_CART, user_id=customer.user_id)
    guest = await lock_cart(session, customer, guest_cart_id)
    if guest.id == own_id or (guest.status == "open" and guest.user_id == customer.user_id):
        return Merged(guest.id, [])  # taken over a moment ago
    if guest.status == "merged" and own_id is not None:
        return Merged(own_id, [])
    require_open(guest)
    if own_id is None:
        await sql.execute(session, _ADOPT, user_id=customer.user_id, guest_id=guest.id)
        return Merged(guest.id, [])
    lines = await sql.fetch_all(
        session,
        _MERGE,
        MergedLine,
        guest_id=guest.id,
        own_id=own_id,
        user_id=customer.user_id,
        most_lines=MAX_LINES,
        most_coupons=MAX_COUPONS,
    )
    return Merged(own_id, lines)
