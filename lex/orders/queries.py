"""Orders as their buyer and the staff see them: finished documents, with personal cells opened last.

Personal documents are decrypted here, so they run under a transaction; each is one statement and one look at the key.
"""

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from lex.audit import commands as audit
from lex.core import codec, money
from lex.core.actor import Actor
from lex.core.errors import NotFound
from lex.db import sql
from lex.db.session import Session
from lex.identity.ciphers import Cipher
from lex.identity.queries import open_cipher
from lex.orders.downloads import PAID
from lex.orders.finding import checked_number, day_of
from lex.orders.links import OPENED, order_not_found, reader

_LINES: LiteralString = """
    coalesce((SELECT json_agg(json_build_object(
        'id', i.id, 'item_type', i.item_type, 'product_id', i.product_id, 'name', i.name, 'sku', i.sku,
        'options', i.options, 'image', i.image, 'quantity', i.quantity,
        'unit_price', (i.unit_price * s.scale)::bigint,
        'discounted_unit_price', (i.discounted_unit_price * s.scale)::bigint,
        'discount_amount', (i.discount_amount * s.scale)::bigint, 'discounts', i.discounts,
        'tax_rate', i.tax_rate::text,
        'net_amount', (i.net_amount * s.scale)::bigint, 'tax_amount', (i.tax_amount * s.scale)::bigint,
        'total_amount', (i.total_amount * s.scale)::bigint, 'requires_shipping', i.requires_shipping,
        'is_digital', i.is_digital, 'fulfilled_quantity', i.fulfilled_quantity) ORDER BY i.position)
        FROM order_items i WHERE i.order_id = o.id AND i.user_id = o.user_id), '[]')"""

_DOCUMENT: LiteralString = (
    """
SELECT o.user_id, o.email, o.phone, o.billing_address, o.shipping_address, o.customer_note,
    k.wrapped_key, k.key_id, json_build_object(
    'id', o.id, 'order_number', o.order_number, 'status', o.status, 'payment_status', o.payment_status,
    'fulfilment_status', o.fulfilment_status, 'order_type', o.order_type, 'currency', o.currency,
    'prices_include_tax', o.prices_include_tax, 'subtotal_amount', (o.subtotal_amount * s.scale)::bigint,
    'discount_amount', (o.discount_amount * s.scale)::bigint,
    'shipping_amount', (o.shipping_amount * s.scale)::bigint, 'tax_amount', (o.tax_amount * s.scale)::bigint,
    'total_amount', (o.total_amount * s.scale)::bigint, 'taxes', o.taxes,
    'shipping_method', nullif(o.shipping_method, '{}'), 'placed_at', o.placed_at, 'expires_at', o.expires_at,
    'paid_at', o.paid_at, 'completed_at', o.completed_at, 'canceled_at', o.canceled_at,
    'cancel_reason', o.cancel_reason, 'lines', """
    + _LINES
    + """,
    'payment', (SELECT json_build_object(
        'status', p.status, 'provider', p.provider, 'captured_amount', (p.captured_amount * s.scale)::bigint,
        'refunded_amount', (p.refunded_amount * s.scale)::bigint, 'failure_code', p.failure_code,
        'failure_message', p.failure_message, 'action_url', (SELECT a.action ->> 'url' FROM payment_attempts a
            WHERE a.payment_id = p.id AND a.user_id = o.user_id AND a.status = 'requires_action' LIMIT 1))
        FROM payments p WHERE p.order_id = o.id AND p.user_id = o.user_id LIMIT 1),
    'fulfilments', coalesce((SELECT json_agg(json_build_object(
        'id', f.id, 'kind', f.kind, 'carrier', f.carrier, 'tracking_number', f.tracking_number,
        'tracking_url', f.tracking_url, 'fulfilled_at', f.fulfilled_at, 'items', (
            SELECT json_agg(json_build_object('order_item_id', x.order_item_id, 'quantity', x.quantity) ORDER BY x.id)
            FROM fulfilment_items x WHERE x.fulfilment_id = f.id AND x.user_id = o.user_id)) ORDER BY f.id)
        FROM fulfilments f WHERE f.order_id = o.id AND f.user_id = o.user_id), '[]')"""
)

# What the order's page tells beside it.
_PAGE_PARTS: LiteralString = (
    """,
    'downloads', coalesce((SELECT json_agg(json_build_object(
        'id', d.id, 'hash', encode(d.token_hash, 'hex'), 'name', f.name, 'size_bytes', f.size_bytes,
        'expires_at', d.expires_at, 'remaining', d.download_limit - d.download_count) ORDER BY d.id)
        FROM downloads d JOIN digital_files f ON f.id = d.digital_file_id
        WHERE d.order_id = o.id AND d.user_id = o.user_id AND o.payment_status IN """
    + PAID
    + """), '[]'),
    'story', coalesce((SELECT json_agg(json_build_object('kind', e.kind, 'created_at', e.created_at) ORDER BY e.id)
        FROM order_events e
        WHERE e.order_id = o.id AND e.user_id = o.user_id AND e.kind = ANY(%(kinds)s)), '[]')"""
)

_FROM: LiteralString = """)::text AS document
FROM orders o JOIN person_keys k ON k.user_id = o.user_id CROSS JOIN LATERAL (
    SELECT CASE WHEN o.currency = ANY(%(without_decimals)s) THEN 1 ELSE 100 END AS scale) s"""

_ORDER: LiteralString = _DOCUMENT + _FROM + " WHERE o.id = %(order_id)s AND " + OPENED
_PAGE: LiteralString = (
    _DOCUMENT
    + _PAGE_PARTS
    + _FROM
    + " WHERE o.order_number = %(number)s AND o.id >= %(low)s AND o.id < %(high)s AND "
    + OPENED
)

_EMAIL: LiteralString = """
SELECT o.user_id, o.email, k.wrapped_key, k.key_id FROM orders o JOIN person_keys k ON k.user_id = o.user_id
WHERE o.id = %(order_id)s AND %(sees_all)s
"""

_TIMELINE: LiteralString = """
SELECT e.id, e.user_id, e.kind, e.data, e.note, e.actor_id, e.actor_role, e.request_id, e.created_at,
    k.wrapped_key, k.key_id
FROM order_events e JOIN person_keys k ON k.user_id = e.user_id
WHERE e.order_id = %(order_id)s ORDER BY e.id
"""


class _Sealed(msgspec.Struct, frozen=True):
    user_id: UUID
    email: bytes | None
    phone: bytes | None
    billing_address: bytes | None
    shipping_address: bytes | None
    customer_note: bytes | None
    wrapped_key: bytes | None
    key_id: str
    document: str


class _SealedEmail(msgspec.Struct, frozen=True):
    user_id: UUID
    email: bytes | None
    wrapped_key: bytes | None
    key_id: str


class _Event(msgspec.Struct, frozen=True):
    id: UUID
    user_id: UUID
    kind: str
    data: dict[str, Any]
    note: bytes | None
    actor_id: UUID | None
    actor_role: str
    request_id: str | None
    created_at: datetime
    wrapped_key: bytes | None
    key_id: str


class TimelineEntry(msgspec.Struct, frozen=True):
    """One thing that happened to an order: who, what, when. `note` is what staff wrote."""

    id: UUID
    kind: str
    data: dict[str, Any]
    note: str | None
    actor_id: UUID | None
    actor_role: str
    request_id: str | None
    created_at: datetime


async def get_order(session: Session, actor: Actor, order_id: UUID) -> dict[str, Any]:
    """One order of the actor's, or whose link they hold. Raises `NotFound`: a stranger cannot tell whether it exists.

    The personal fields of an erased person are null. That somebody of the staff reads it is audited.
    """
    return await _read(session, actor, _ORDER, order_id=order_id)


async def get_order_page(session: Session, actor: Actor, number: str) -> dict[str, Any]:
    """As `get_order`, by its number, with its `downloads` and the `story` of what happened, oldest first."""
    low, high = day_of(number)
    params = {"number": checked_number(number), "low": low, "high": high, "kinds": list(TOLD)}
    return await _read(session, actor, _PAGE, **params)


async def _read(session: Session, actor: Actor, statement: LiteralString, **params: object) -> dict[str, Any]:
    row = await sql.fetch_one(
        session,
        statement,
        _Sealed,
        **reader(actor, sees_all=actor.sees_all),
        without_decimals=money.WITHOUT_DECIMALS,
        **params,
    )
    if row is None:
        raise order_not_found()
    document: dict[str, Any] = codec.decode(row.document)
    order_id = UUID(document["id"])
    if actor.is_staff and actor.user_id != row.user_id:
        await audit.record(session, "read", "orders", order_id)
    cipher = open_cipher(row.user_id, row.wrapped_key, row.key_id)
    return {**document, **_personal(cipher, order_id, row)}


async def get_owner_and_email(session: Session, actor: Actor, order_id: UUID) -> tuple[UUID, str | None]:
    """Whose order it is and the e-mail it was placed with; None for an erased person. Raises `NotFound`."""
    found = await sql.fetch_one(session, _EMAIL, _SealedEmail, order_id=order_id, sees_all=actor.sees_all)
    if found is None:
        raise NotFound("There is no such order.", code="order_not_found")
    cipher = open_cipher(found.user_id, found.wrapped_key, found.key_id)
    return found.user_id, cipher.open_optional("orders.email", order_id, found.email) if cipher else None


def _personal(cipher: Cipher | None, order_id: UUID, row: _Sealed) -> dict[str, Any]:
    def text(column: str, sealed: bytes | None) -> str | None:
        return cipher.open_optional(f"orders.{column}", order_id, sealed) if cipher else None

    def document(column: str, sealed: bytes | None) -> Any:
        opened = text(column, sealed)
        return None if opened is None else codec.decode(opened)

    return {
        "email": text("email", row.email),
        "phone": text("phone", row.phone),
        "billing_address": document("billing_address", row.billing_address),
        "shipping_address": document("shipping_address", row.shipping_address),
        "note": text("customer_note", row.customer_note),
    }


#: What a buyer is told of an order's timeline; the rest is the shop's own.
TOLD = (
    *("placed", "payment_failed", "paid", "paid_after_cancel", "downloads_granted", "fulfilled"),
    *("completed", "canceled", "refunded"),
)


async def list_timeline(session: Session, order_id: UUID) -> list[TimelineEntry]:
    """Everything that happened to an order, oldest first, in one statement. For staff. Raises `NotFound`."""
    events = await sql.fetch_all(session, _TIMELINE, _Event, order_id=order_id)
    if not events:  # each begins with being placed
        raise NotFound("There is no such order.", code="order_not_found")
    return [_entry(event) for event in events]


def _entry(event: _Event) -> TimelineEntry:
    cipher = open_cipher(event.user_id, event.wrapped_key, event.key_id)
    note = cipher.open_optional("order_events.note", event.id, event.note) if cipher else None
    return TimelineEntry(
        event.id, event.kind, event.data, note, event.actor_id, event.actor_role, event.request_id, event.created_at
    )
