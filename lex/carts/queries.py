"""Everything a cart's price depends on, read in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import LiteralString
from uuid import UUID

import msgspec

from lex.carts.offers import OFFERS
from lex.core import clock, money
from lex.core.actor import Actor
from lex.core.errors import Conflict, Gone, NotFound
from lex.core.settings import settings
from lex.coupons.rules import Offer
from lex.db import sql
from lex.db.session import Session
from lex.identity.ciphers import blind_indexes, normal_email, normal_mailbox


class Line(msgspec.Struct, frozen=True):
    """A line with what the catalogue says of it now. Amounts in minor units; `available` is None when untracked."""

    id: UUID
    product_id: UUID
    sku: str
    name: str
    slug: str
    options: dict[str, str]
    image: str | None
    quantity: int
    seen_price: int
    price: int
    tax_class: str
    requires_shipping: bool
    is_digital: bool
    is_sellable: bool
    available: int | None


class Method(msgspec.Struct, frozen=True):
    """A shipping method as offered to everybody; `countries` empty means everywhere."""

    id: UUID
    code: str
    name: str
    description: str | None
    kind: str
    price: int
    free_from: int | None
    countries: list[str]
    tax_class: str
    order: int


class SeenShipping(msgspec.Struct, frozen=True):
    """The chosen method as the customer was last shown it, in major units as the cart keeps it."""

    name: str
    price: Decimal
    free_from: Decimal | None


@dataclass(frozen=True, slots=True)
class CartHead:
    """A locked cart, before anything of it is priced."""

    id: UUID
    user_id: UUID | None
    status: str
    currency: str
    country: str | None
    expires_at: datetime
    order_id: UUID | None
    coupon_codes: list[str]
    version: int


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who is about to place a cart, as coupons know people: all blind indexes of the e-mail and of its mailbox."""

    email_indexes: list[bytes]
    mailboxes: list[bytes]

    @property
    def mailbox(self) -> bytes:
        """What a use is found by from now on."""
        return self.mailboxes[0]


def buyer_of(email: str) -> Buyer:
    """The buyer with this e-mail."""
    return Buyer(blind_indexes("email", normal_email(email)), blind_indexes("mailbox", normal_mailbox(email)))


class CartFacts(msgspec.Struct, frozen=True):
    """A cart and what it is priced by. `rates`: "DE:standard" → percent."""

    id: UUID
    user_id: UUID | None
    status: str
    currency: str
    country: str | None
    billing_country: str | None
    shipping_method_id: UUID | None
    seen_shipping: SeenShipping | None
    version: int
    expires_at: datetime
    order_id: UUID | None
    lines: list[Line]
    methods: list[Method]
    rates: dict[str, Decimal]
    coupon_codes: list[str]
    coupons: list[Offer] | None = None


_UNKNOWN = "There is no such cart, or its token is missing or wrong."

_OWN: LiteralString = (
    "c.deleted_at IS NULL AND (c.token_hash = ANY(%(tokens)s) OR c.user_id = %(user_id)s OR %(sees_all)s)"
)

_LOCK: LiteralString = (
    "SELECT c.id, c.user_id, c.status, c.currency, c.country, c.expires_at, c.order_id, c.coupon_codes, c.version"
    " FROM carts c WHERE c.id = %(id)s AND " + _OWN + " FOR NO KEY UPDATE"
)

# Lists are arrays made JSON: to set an aggregate up costs PostgreSQL more than to read the few rows that go into it. A
# row made JSON costs it less than an object of the same names, and sorting the few rows is cheaper where they are read.
_FACTS: LiteralString = """
SELECT json_build_object(
    'id', c.id, 'user_id', c.user_id, 'status', c.status, 'currency', c.currency, 'country', c.country,
    'billing_country', c.billing_country,
    'shipping_method_id', c.shipping_method_id, 'version', c.version, 'expires_at', c.expires_at,
    'seen_shipping', c.seen_shipping, 'order_id', c.order_id, 'coupon_codes', c.coupon_codes,
    'lines', to_json(ARRAY(
        SELECT row_to_json(line) FROM (
            SELECT i.id, p.id AS product_id, p.sku, coalesce(f.name, p.name) AS name, coalesce(f.slug, p.slug) AS slug,
                CASE WHEN f.id IS NULL THEN '{}' ELSE p.options END AS options,
                coalesce(p.images -> 0 ->> 'src', f.images -> 0 ->> 'src') AS image, i.quantity,
                (i.seen_price * %(scale)s)::bigint AS seen_price, (p.price * %(scale)s)::bigint AS price,
                p.tax_class, p.product_type = 'physical' AS requires_shipping, p.product_type = 'digital' AS is_digital,
                p.is_active AND p.deleted_at IS NULL AND p.variant_count = 0
                    AND (f.id IS NULL OR (f.is_active AND f.deleted_at IS NULL)) AS is_sellable,
                CASE WHEN p.track_inventory THEN p.stock_quantity - p.reserved_quantity END AS available
            FROM cart_items i JOIN products p ON p.id = i.product_id LEFT JOIN products f ON f.id = p.variant_of
            WHERE i.cart_id = c.id) AS line)),
    'methods', to_json(ARRAY(
        SELECT row_to_json(method) FROM (
            SELECT m.id, m.code, m.name, m.description, m.kind, m.countries, m.tax_class, m."order",
                (m.price * %(scale)s)::bigint AS price, (m.free_from * %(scale)s)::bigint AS free_from
            FROM shipping_methods m WHERE m.is_active AND m.deleted_at IS NULL) AS method)),
    'rates', json_object(ARRAY(
        SELECT ARRAY[r.country || ':' || r.tax_class, r.rate::text] FROM tax_rates r
        WHERE r.country IN (c.country, c.billing_country, %(shop_country)s) AND r.deleted_at IS NULL))"""
_OF: LiteralString = ")::text FROM carts c WHERE c.id = %(id)s AND " + _OWN
_PLAIN: LiteralString = _FACTS + _OF
_WITH_COUPONS: LiteralString = _FACTS + ", 'coupons', " + OFFERS + _OF


def _owner(actor: Actor, *, sees_all: bool) -> dict[str, object]:
    return {"tokens": list(actor.tokens), "user_id": actor.user_id, "sees_all": sees_all}


async def lock_cart(session: Session, actor: Actor, cart_id: UUID) -> CartHead:
    """Lock a cart of the actor's to change it; staff read carts of others and change none.

    Raises `NotFound`: a stranger cannot tell whether it exists.
    """
    head = await sql.fetch_one(session, _LOCK, CartHead, id=cart_id, **_owner(actor, sees_all=actor.is_system))
    if head is None:
        raise NotFound(_UNKNOWN, code="cart_not_found")
    return head


async def lock_open_cart(session: Session, actor: Actor, cart_id: UUID) -> CartHead:
    """Lock a cart that can still change. Raises `NotFound`, `Conflict` (placed, merged) or `Gone` (expired)."""
    head = await lock_cart(session, actor, cart_id)
    require_open(head)
    return head


async def get_facts(session: Session, actor: Actor, cart_id: UUID) -> CartFacts:
    """A cart of the actor's and what it is priced by; a second statement only where coupons are.

    Raises `NotFound`, and `Conflict` (`cart_currency`) for one that cannot be priced.
    """
    facts = await _read_facts(session, actor, cart_id, _PLAIN)
    _require_currency(facts)
    return await get_couponed_facts(session, actor, cart_id) if facts.coupon_codes else facts


async def get_any_facts(session: Session, actor: Actor, cart_id: UUID) -> CartFacts:
    """As `get_facts`, of a cart in another currency too, whose amounts then mean nothing. Raises `NotFound`."""
    return await _read_facts(session, actor, cart_id, _PLAIN)


async def get_couponed_facts(
    session: Session, actor: Actor, cart_id: UUID, *, buyer: Buyer | None = None, codes: Sequence[str] | None = None
) -> CartFacts:
    """The facts of a cart that has coupons, in one statement; `codes` are tried instead of its own.

    With `buyer` the uses of everybody with that e-mail or mailbox count too. Raises `NotFound`.
    """
    facts = await _read_facts(
        session,
        actor,
        cart_id,
        _WITH_COUPONS,
        codes=None if codes is None else list(codes),
        mailboxes=buyer.mailboxes if buyer else None,
        email_indexes=buyer.email_indexes if buyer else None,
    )
    _require_currency(facts)
    return facts


async def _read_facts(
    session: Session, actor: Actor, cart_id: UUID, statement: LiteralString, **more: object
) -> CartFacts:
    scale = money.scale(settings().currency)
    text = await sql.fetch_value(
        session,
        statement,
        id=cart_id,
        scale=scale,
        shop_country=settings().country,
        **_owner(actor, sees_all=actor.sees_all),
        **more,
    )
    if text is None:
        raise NotFound(_UNKNOWN, code="cart_not_found")
    facts = msgspec.json.decode(text, type=CartFacts)
    facts.lines.sort(key=attrgetter("id"))
    facts.methods.sort(key=attrgetter("order", "code"))
    return facts


def require_open(cart: CartHead | CartFacts) -> None:
    """Raises `Conflict` for a placed or merged cart, or one of another currency, and `Gone` for an expired one."""
    if cart.status == "placed":
        raise Conflict(
            "This cart was already placed; see the order, or start a new cart.",
            code="cart_placed",
            extra={"order_id": str(cart.order_id)},
        )
    if cart.status == "merged":
        raise Conflict("This cart was merged into the customer's cart; use that one.", code="cart_merged")
    require_not_expired(cart)
    _require_currency(cart)


def _require_currency(cart: CartHead | CartFacts) -> None:
    """What the catalogue charges is in the shop's currency: an amount of it means nothing in a cart of another."""
    if cart.status == "open" and cart.currency != settings().currency:
        raise Conflict(
            f"This cart is in {cart.currency}, and the shop sells in {settings().currency}; start a new cart.",
            code="cart_currency",
        )


def require_not_expired(cart: CartHead | CartFacts) -> None:
    """Raises `Gone` for a guest's cart past its time, whether or not the job has closed it. A placed one stays."""
    is_past = cart.status == "open" and cart.user_id is None and cart.expires_at < clock.now()
    if cart.status == "expired" or is_past:
        raise Gone("This cart has expired; start a new one.", code="cart_expired")
