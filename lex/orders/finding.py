"""Find orders at the desk: by number, customer, status, time. Keyset paging, newest first.

A time range or an order number becomes id bounds, so that one partition is read; without either the last six months are
looked at first, and everything only when the page stays short.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from lex.audit import commands as audit
from lex.core import clock, ids, money
from lex.core.actor import system
from lex.core.errors import Invalid, NotFound
from lex.db import sql
from lex.db.session import Session, transaction
from lex.identity.ciphers import sought_tokens, sought_words
from lex.identity.keyring import key_ring
from lex.identity.queries import open_cipher

NUMBER = re.compile(r"^LEX-(\d{8})-[0-9A-Z]{8}$")
RECENT = timedelta(days=183)
_EVER = (UUID(int=0), UUID(int=(1 << 128) - 1))

_ROWS: LiteralString = """
SELECT o.id, o.order_number, o.status, o.payment_status, o.fulfilment_status, o.currency,
       (o.total_amount * s.scale)::bigint AS total_amount, o.placed_at, o.user_id, o.email, k.wrapped_key, k.key_id,
       (SELECT coalesce(sum(i.quantity), 0)::int FROM order_items i
        WHERE i.order_id = o.id AND i.user_id = o.user_id AND i.item_type <> 'shipping') AS units
FROM orders o JOIN person_keys k ON k.user_id = o.user_id CROSS JOIN LATERAL (
    SELECT CASE WHEN o.currency = ANY(%(without_decimals)s) THEN 1 ELSE 100 END AS scale) s
WHERE o.id >= %(low)s AND o.id < %(high)s"""

#: What a filter that is used adds. One that is not used stays out: "or it is null" would keep an index from being used.
_NARROWED: dict[str, LiteralString] = {
    "status": " AND o.status = %(status)s",
    "payment_status": " AND o.payment_status = %(payment_status)s",
    "fulfilment_status": " AND o.fulfilment_status = %(fulfilment_status)s",
    "number": " AND o.order_number = %(number)s",
    "users": " AND o.user_id = ANY(%(users)s)",
    "tokens": """ AND (SELECT count(*) FROM blind_tokens t WHERE t.user_id = o.user_id
        AND t.token = ANY(%(tokens)s)) * %(blind_keys)s = cardinality(%(tokens)s::bytea[])""",
}

# Whose words these are, as long as it is not half the town: their number tells PostgreSQL whether to go through their
# orders or through all of them, newest first.
_USERS: LiteralString = """
SELECT coalesce(array_agg(user_id), '{}') FROM (
    SELECT t.user_id FROM blind_tokens t WHERE t.token = ANY(%(tokens)s)
    GROUP BY t.user_id HAVING count(*) * %(blind_keys)s = cardinality(%(tokens)s::bytea[]) LIMIT %(most)s) u
"""
_MOST_USERS = 2000

_ID: LiteralString = "SELECT order_id FROM order_numbers WHERE order_number = %(number)s"

_NUMBER: LiteralString = "SELECT order_number FROM orders WHERE id = %(order_id)s"


#: The states an order can be looked for by.
STATES: dict[str, tuple[str, ...]] = {
    "status": ("pending", "confirmed", "processing", "completed", "canceled"),
    "payment_status": (
        *("unpaid", "pending", "authorized", "partially_paid", "paid"),
        *("partially_refunded", "refunded", "failed", "voided"),
    ),
    "fulfilment_status": ("unfulfilled", "partially_fulfilled", "fulfilled", "not_needed"),
}


class OrderFilter(msgspec.Struct, frozen=True):
    """What to look for; every field narrows. `customer` is whole words of a name, an e-mail, its domain or a phone."""

    number: str | None = None
    customer: str | None = None
    status: str | None = None
    payment_status: str | None = None
    fulfilment_status: str | None = None
    placed_from: datetime | None = None
    placed_until: datetime | None = None


class FoundOrder(msgspec.Struct, frozen=True):
    """One row of the desk's list. Amount in minor units."""

    id: UUID
    order_number: str
    status: str
    payment_status: str
    fulfilment_status: str
    currency: str
    total_amount: int
    units: int
    placed_at: datetime
    email: str | None


class _Row(msgspec.Struct, frozen=True):
    id: UUID
    order_number: str
    status: str
    payment_status: str
    fulfilment_status: str
    currency: str
    total_amount: int
    placed_at: datetime
    user_id: UUID
    email: bytes | None
    wrapped_key: bytes | None
    key_id: str
    units: int


async def list_orders(
    session: Session, wanted: OrderFilter, *, before: UUID | None = None, limit: int = 50
) -> list[FoundOrder]:
    """Orders older than `before`, newest first. Raises `Invalid` naming the filter that cannot be used."""
    tokens = _tokens(wanted.customer) if wanted.customer else None
    sought = {"tokens": tokens, "blind_keys": len(key_ring().blind_keys), "most": _MOST_USERS + 1}
    users = await sql.fetch_value(session, _USERS, **sought) if tokens else None
    statement, params = question(wanted, limit, tokens=tokens, users=users)
    low, high = params.pop("low"), params.pop("high")
    high = min(high, before) if before else high
    if low == _EVER[0]:
        recent = max(low, ids.floor_id(clock.real_now() - RECENT))
        rows = await sql.fetch_all_planned(session, statement, _Row, low=recent, high=high, **params)
        if len(rows) == limit:
            return [_opened(row) for row in rows]
    rows = await sql.fetch_all_planned(session, statement, _Row, low=low, high=high, **params)
    return [_opened(row) for row in rows]


async def record_list(session: Session, orders: list[FoundOrder]) -> None:
    """Say in the audit whose e-mails a list showed. What was looked for may be a name and is not said."""
    await audit.record(session, "read", "orders", None, {"listed": [str(order.id) for order in orders]})


def question(
    wanted: OrderFilter, limit: int = 50, *, tokens: list[bytes] | None = None, users: list[UUID] | None = None
) -> tuple[LiteralString, dict[str, Any]]:
    """The statement and its parameters, `low` and `high` bounding the ids. Raises `Invalid` naming the filter.

    `users` are those that `tokens` mean; too many are looked for order by order.
    """
    is_known = users is not None and len(users) <= _MOST_USERS
    params = _params(wanted, limit) | {"users": users if is_known else None, "tokens": None if is_known else tokens}
    params["blind_keys"] = len(key_ring().blind_keys)  # of a person's tokens those of one are there
    low, high = _bounds(wanted)
    used = frozenset(name for name in _NARROWED if params[name] is not None)
    return _statement(used), {**params, "low": low, "high": high}


@cache
def _statement(used: frozenset[str]) -> LiteralString:
    narrowed = "".join(_NARROWED[name] for name in _NARROWED if name in used)
    return f"{_ROWS}{narrowed} ORDER BY o.id DESC LIMIT %(limit)s"


def _params(wanted: OrderFilter, limit: int) -> dict[str, Any]:
    for field, states in STATES.items():
        state = getattr(wanted, field)
        if state is not None and state not in states:
            raise Invalid(field, f"“{state[:40]}” is no {field.replace('_', ' ')}; use {', '.join(states)}.")
    return {
        "without_decimals": money.WITHOUT_DECIMALS,
        "status": wanted.status,
        "payment_status": wanted.payment_status,
        "fulfilment_status": wanted.fulfilment_status,
        "number": wanted.number.strip().upper() if wanted.number else None,
        "limit": limit,
    }


def _tokens(customer: str) -> list[bytes]:
    words = sought_words(customer)
    if not words:
        raise Invalid("customer", "Give whole words of the name, the e-mail, its domain or the phone number.")
    return sought_tokens(words)


def _bounds(wanted: OrderFilter) -> tuple[UUID, UUID]:
    low, high = _EVER
    if wanted.number:
        low, high = day_of(wanted.number)
    for field in ("placed_from", "placed_until"):
        instant = getattr(wanted, field)
        if instant is not None and instant.tzinfo is None:
            raise Invalid(field, "Give the time with its zone, such as 2026-11-05T10:00:00Z.")
    if wanted.placed_from and wanted.placed_until and wanted.placed_from >= wanted.placed_until:
        raise Invalid("placed_until", "The end lies before the beginning.")
    if wanted.placed_from:
        low = max(low, ids.floor_id(wanted.placed_from))
    if wanted.placed_until:
        high = min(high, ids.floor_id(wanted.placed_until))
    return low, high


def checked_number(number: str) -> str:
    """An order number as it is stored, if there is such an order. Raises `Invalid` for what cannot be one."""
    day_of(number)
    return number.strip().upper()


def day_of(number: str) -> tuple[UUID, UUID]:
    """The ids of the UTC day an order number carries."""
    match = NUMBER.match(number.strip().upper())
    try:
        day = datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC) if match else None
    except ValueError:
        day = None
    if day is None:
        raise Invalid("number", "An order number looks like LEX-20261105-7F3K9QTB.")
    return ids.id_bounds(day, day + timedelta(days=1))


def _opened(row: _Row) -> FoundOrder:
    cipher = open_cipher(row.user_id, row.wrapped_key, row.key_id)
    email = cipher.open_optional("orders.email", row.id, row.email) if cipher else None
    return FoundOrder(
        row.id,
        row.order_number,
        row.status,
        row.payment_status,
        row.fulfilment_status,
        row.currency,
        row.total_amount,
        row.units,
        row.placed_at,
        email,
    )


async def get_id(session: Session, reference: str) -> UUID:
    """The id of an order given by id or number; says nothing about who may see it. Raises `NotFound`, `Invalid`."""
    try:
        return UUID(reference)
    except ValueError:
        number = checked_number(reference)
    found: UUID | None = await sql.fetch_value(session, _ID, number=number)
    if found is None:
        raise NotFound("There is no such order.", code="order_not_found")
    return found


async def find_number(order_id: UUID) -> str | None:
    """The number of an order the caller knows by its id."""
    async with transaction(system()) as session:
        number: str | None = await sql.fetch_value(session, _NUMBER, order_id=order_id)
        return number
