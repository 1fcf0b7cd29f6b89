"""Change a cart. Every change makes a new version and gives a guest cart its full lifetime again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import LiteralString
from uuid import UUID

import msgspec

from lex.carts.priced import PricedCart
from lex.carts.queries import CartHead
from lex.core import clock, countries, ids, money
from lex.core.actor import Actor, Role
from lex.core.errors import Conflict, FieldError, Invalid, NotFound
from lex.core.settings import settings
from lex.db import sql
from lex.db.session import Session
from lex.identity.commands import hash_token

MAX_LINES = 500
MAX_UNITS = 9999

# Whoever opens it holds its key from here on: the setting is there before the first row is checked against it.
_OPEN_GUEST: LiteralString = """
INSERT INTO carts (id, token_hash, currency, country, expires_at)
SELECT %(cart_id)s, %(hash)s, %(currency)s, %(country)s, %(expires_at)s FROM set_config('lex.carts', (coalesce(
    nullif(current_setting('lex.carts', true), '')::uuid[], '{}') || %(cart_id)s::uuid)::text, true)
"""

_OPEN_CUSTOMER: LiteralString = """
INSERT INTO carts (id, user_id, currency, country, expires_at)
VALUES (%(cart_id)s, %(user_id)s, %(currency)s, %(country)s, %(expires_at)s)
ON CONFLICT (user_id) WHERE status = 'open' AND deleted_at IS NULL
DO UPDATE SET country = coalesce(excluded.country, carts.country), currency = excluded.currency,
    version = carts.version + (coalesce(excluded.country, carts.country) IS DISTINCT FROM carts.country
        OR carts.currency <> excluded.currency)::int
RETURNING id
"""


def _lines(is_full: LiteralString) -> LiteralString:
    """Lines join the cart: a new one is opened, and its key held, before the first line is checked against it. One that
    would grow past its most is not written: what is for sale and has no line then is refused."""
    return f"""
RETURNING id
), item AS (
    SELECT w.id, w.position, w.quantity, p.id AS product_id, p.price, p.variant_count,
           p.is_active AND p.variant_count = 0 AND (f.id IS NULL OR f.is_active AND f.deleted_at IS NULL) AS is_sellable
    FROM unnest(%(ids)s::uuid[], %(products)s::uuid[], %(skus)s::text[], %(quantities)s::int[])
        WITH ORDINALITY AS w (id, product_id, sku, quantity, position)
    LEFT JOIN products p ON p.deleted_at IS NULL
        AND p.id = coalesce(w.product_id, (SELECT s.id FROM products s WHERE s.sku = w.sku AND s.deleted_at IS NULL))
    LEFT JOIN products f ON f.id = p.variant_of
), line AS (
    INSERT INTO cart_items AS known (id, cart_id, user_id, item_type, product_id, quantity, seen_price)
    SELECT (array_agg(id ORDER BY position))[1], %(cart_id)s, %(user_id)s, 'product', product_id, sum(quantity), price
    FROM item WHERE is_sellable AND EXISTS (SELECT FROM cart)
    GROUP BY product_id, price HAVING sum(quantity) <= %(most_units)s
    ON CONFLICT (cart_id, product_id) WHERE product_id IS NOT NULL
    DO UPDATE SET quantity = known.quantity + excluded.quantity
        WHERE known.quantity + excluded.quantity <= %(most_units)s
    RETURNING product_id, xmax = 0 AS is_new
)
SELECT position::int - 1 AS position, product_id, variant_count, is_sellable, {is_full} AS is_full FROM item
WHERE is_sellable IS NOT TRUE OR product_id <> ALL (ARRAY(SELECT product_id FROM line)) OR {is_full}
"""


_ADD: LiteralString = (
    "WITH cart AS (UPDATE carts SET version = version + 1, expires_at = %(expires_at)s WHERE id = %(cart_id)s"
    + _lines(
        "cardinality(ARRAY(SELECT id FROM cart_items WHERE cart_id = %(cart_id)s))"
        " + cardinality(ARRAY(SELECT product_id FROM line WHERE is_new)) > %(most)s"
    )
)

# A new cart takes what one request can name.
_OPEN_GUEST_WITH: LiteralString = "WITH cart AS (" + _OPEN_GUEST + _lines("false")

_BUMP: LiteralString = """
), bumped AS (
    UPDATE carts SET version = version + 1, expires_at = %(expires_at)s
    WHERE id = %(cart_id)s AND EXISTS (SELECT FROM changed)
) SELECT count(*) FROM changed
"""

_SET_QUANTITY: LiteralString = (
    """
WITH changed AS (
    UPDATE cart_items SET quantity = %(quantity)s WHERE id = %(item_id)s AND cart_id = %(cart_id)s RETURNING id
"""
    + _BUMP
)

_REMOVE: LiteralString = (
    "WITH changed AS (DELETE FROM cart_items WHERE id = %(item_id)s AND cart_id = %(cart_id)s RETURNING id" + _BUMP
)


def _offered(method: LiteralString, country: LiteralString) -> LiteralString:
    """A method as it is offered now, while it reaches the country."""
    return f"""(
    SELECT jsonb_build_object('name', m.name, 'price', m.price, 'free_from', m.free_from) FROM shipping_methods m
    WHERE m.id = {method} AND m.is_active AND m.deleted_at IS NULL
      AND (m.kind = 'pickup' OR m.countries = '{{}}' OR {country} = ANY(m.countries)))"""


# A method that does not fit changes nothing: what is answered tells why.
_CHOOSE: LiteralString = f"""
WITH method AS (
    SELECT id, CASE WHEN kind <> 'pickup' THEN countries ELSE '{{}}' END AS countries FROM shipping_methods
    WHERE code = %(code)s AND is_active AND deleted_at IS NULL
), fitting AS (
    SELECT id FROM method WHERE countries = '{{}}' OR %(target)s = ANY(countries)
), chosen AS (
    UPDATE carts SET
        country = coalesce(%(country)s, country), billing_country = coalesce(%(billing_country)s, billing_country),
        shipping_method_id = coalesce((SELECT id FROM fitting), shipping_method_id),
        seen_shipping = {_offered("coalesce((SELECT id FROM fitting), carts.shipping_method_id)", "%(target)s")},
        version = version + 1, expires_at = %(expires_at)s
    WHERE id = %(cart_id)s AND (%(code)s::text IS NULL OR EXISTS (SELECT FROM fitting))
)
SELECT countries FROM method
"""

_ACCEPT: LiteralString = f"""
WITH seen AS (
    UPDATE cart_items i SET seen_price = t.price FROM unnest(%(items)s::uuid[], %(prices)s::numeric[]) AS t (id, price)
    WHERE i.cart_id = %(cart_id)s AND i.id = t.id
)
UPDATE carts SET version = version + 1, seen_shipping = {_offered("carts.shipping_method_id", "carts.country")},
    shipping_method_id = CASE WHEN %(keeps_method)s THEN shipping_method_id END,
    coupon_codes = ARRAY(SELECT code FROM unnest(coupon_codes) AS code WHERE code <> ALL(%(dropped)s))
WHERE id = %(cart_id)s RETURNING version
"""

_EXPIRE: LiteralString = """
UPDATE carts SET status = 'expired' WHERE id IN (
    SELECT id FROM carts WHERE status = 'open' AND user_id IS NULL AND expires_at < %(now)s
    LIMIT %(most)s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item to put into a cart, by `product_id` or `sku`. `field` is where it stands in the input."""

    quantity: int
    product_id: UUID | None = None
    sku: str | None = None
    field: str = "items.0"


@dataclass(frozen=True, slots=True)
class Opened:
    """A cart just opened. `token` opens a guest's cart and is told once; a customer's cart has none."""

    id: UUID
    token: str | None


def _expiry() -> object:
    return clock.now() + timedelta(days=settings().cart_days)


async def open_cart(session: Session, actor: Actor, country: str | None = None, items: Sequence[Wanted] = ()) -> Opened:
    """A guest's new cart, or the open cart of a customer (made if there is none), and `items` in it.

    Raises `Invalid` (country) and what `add_lines` raises.
    """
    cart_id, token = ids.new_id(), ids.new_token()
    if actor.role is not Role.USER:
        await open_guest_cart(session, cart_id, token, country, items)
        return Opened(cart_id, token)
    found: UUID = await sql.fetch_value(session, _OPEN_CUSTOMER, user_id=actor.user_id, **_new(cart_id, country))
    opened = Opened(found, None)
    if items:
        await add_lines(session, opened, actor.user_id, items)
    return opened


async def open_guest_cart(
    session: Session, cart_id: UUID, token: str, country: str | None = None, items: Sequence[Wanted] = ()
) -> None:
    """A guest's new cart that `token` opens, with `items` in it, in one statement. Raises as `open_cart` does."""
    if items:
        await _add(session, _OPEN_GUEST_WITH, items, user_id=None, hash=hash_token(token), **_new(cart_id, country))
    else:
        await sql.execute(session, _OPEN_GUEST, hash=hash_token(token), **_new(cart_id, country))


def _new(cart_id: UUID, country: str | None) -> dict[str, object]:
    return {
        "cart_id": cart_id,
        "currency": settings().currency,
        "country": countries.checked(country) if country else None,
        "expires_at": _expiry(),
    }


async def add_lines(session: Session, cart: CartHead | Opened, user_id: UUID | None, items: Sequence[Wanted]) -> None:
    """Put items into a locked or just opened cart, in one statement; an item already there grows.

    A price that changed since the line was seen is still told. Raises `Invalid` naming each item that is unknown, not
    for sale, more units than a line takes, or a family whose variant must be chosen, and `Conflict` (`cart_full`).
    """
    await _add(session, _ADD, items, cart_id=cart.id, user_id=user_id, expires_at=_expiry())


async def _add(session: Session, statement: LiteralString, items: Sequence[Wanted], **cart: object) -> None:
    refused = await sql.fetch_all(
        session,
        statement,
        _Refused,
        ids=[ids.new_id() for _ in items],
        products=[item.product_id for item in items],
        skus=[item.sku for item in items],
        quantities=[item.quantity for item in items],
        most=MAX_LINES,
        most_units=MAX_UNITS,
        **cart,
    )
    told = sorted((row for row in refused if not (row.is_sellable and row.is_full)), key=attrgetter("position"))
    if refused and not told:
        raise Conflict(f"A cart takes {MAX_LINES} different items; place this one first.", code="cart_full")
    if told:  # of those that make too many of one product, the last
        last = {row.product_id if row.is_sellable else row.position: row for row in told}
        raise Invalid.of([_why(items[row.position], row) for row in last.values()])


@dataclass(frozen=True, slots=True)
class _Refused:
    position: int
    product_id: UUID | None
    variant_count: int | None
    is_sellable: bool | None
    is_full: bool


def _why(item: Wanted, row: _Refused) -> FieldError:
    if row.is_sellable:
        message = f"A line takes {MAX_UNITS} units at most, with those that are in the cart already."
        return FieldError(f"{item.field}.quantity".lstrip("."), message, "quantity")
    field = f"{item.field}.{'sku' if item.product_id is None else 'product_id'}".lstrip(".")
    if row.product_id is None:
        return FieldError(field, "There is no such product.", "unknown_product")
    if row.variant_count:
        return FieldError(field, "This product comes in variants; choose one of them.", "variant_required")
    return FieldError(field, "This product is not for sale at the moment.", "not_for_sale")


async def set_quantity(session: Session, cart: CartHead, item_id: UUID, quantity: int) -> None:
    """Set a line's quantity. Raises `NotFound` for a line of another cart."""
    _require_line(
        await sql.fetch_value(
            session, _SET_QUANTITY, cart_id=cart.id, item_id=item_id, quantity=quantity, expires_at=_expiry()
        )
    )


async def remove_line(session: Session, cart: CartHead, item_id: UUID) -> None:
    """Take a line out. Raises `NotFound` for a line of another cart."""
    _require_line(await sql.fetch_value(session, _REMOVE, cart_id=cart.id, item_id=item_id, expires_at=_expiry()))


def _require_line(changed: int) -> None:
    if not changed:
        raise NotFound("There is no such line in this cart.", code="line_not_found")


async def choose(
    session: Session,
    cart: CartHead | Opened,
    *,
    country: str | None,
    shipping_method: str | None,
    billing_country: str | None = None,
) -> None:
    """Say where the cart goes and how, and where its buyer is: what is not handed over is taxed there.

    Raises `Invalid` (country, billing_country, shipping_method) with the way out.
    """
    country = countries.checked(country) if country else None
    target = country or (cart.country if isinstance(cart, CartHead) else None)
    billing_country = countries.checked(billing_country, "billing_country") if billing_country else None
    served: list[str] | None = await sql.fetch_value(
        session,
        _CHOOSE,
        cart_id=cart.id,
        country=country,
        code=shipping_method,
        target=target,
        billing_country=billing_country,
        expires_at=_expiry(),
    )
    if shipping_method is None or served == []:
        return
    if served is None:
        raise Invalid("shipping_method", "There is no such shipping method; take one of the cart's.")
    if target is None:
        raise Invalid("country", "Say which country the goods go to before choosing this.", code="required")
    if target not in served:
        raise Invalid("shipping_method", "This method does not ship to that country; take one of the cart's.")


async def accept_prices(session: Session, priced: PricedCart) -> PricedCart:
    """The customer is told `priced.changes`: remember those prices, take out the coupons that were dropped, and
    answer with the version that accepts them.

    A price that changes once more in this very moment is not among them and will be told next time.
    """
    told = [remark for remark in priced.changes if remark.code == "price_changed"]
    dropped = [remark.coupon for remark in priced.changes if remark.coupon is not None]
    version = await sql.fetch_value(
        session,
        _ACCEPT,
        cart_id=priced.id,
        dropped=dropped,
        keeps_method=all(remark.code != "shipping_dropped" for remark in priced.changes),
        items=[remark.item_id for remark in told],
        prices=[money.major(remark.new_price or 0, priced.currency) for remark in told],
    )
    kept = [coupon for coupon in priced.coupons if coupon.code not in dropped]
    return msgspec.structs.replace(priced, version=version, coupons=kept)


async def expire_carts(session: Session, most: int) -> int:
    """Close guest carts past their time; returns how many. They hold no stock: only placed orders do."""
    return await sql.execute(session, _EXPIRE, now=clock.now(), most=most)
