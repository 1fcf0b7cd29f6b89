"""Coupons as staff see them."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

import msgspec

from lex.core import money
from lex.core.errors import NotFound
from lex.core.settings import settings
from lex.coupons.codes import folded
from lex.coupons.drafts import Scope
from lex.db import sql
from lex.db.session import Session

_COUPON: LiteralString = """
SELECT json_build_object(
    'id', c.id, 'code', c.code, 'name', c.name, 'type', c.type, 'amount', (c.amount * %(scale)s)::bigint,
    'percentage', trim_scale(c.percentage)::text, 'buy_quantity', c.buy_quantity, 'get_quantity', c.get_quantity,
    'minimum_amount', (c.minimum_amount * %(scale)s)::bigint, 'starts_at', c.starts_at, 'ends_at', c.ends_at,
    'usage_limit', c.usage_limit, 'usage_limit_per_customer', c.usage_limit_per_customer, 'used_count', c.used_count,
    'is_stackable', c.is_stackable, 'is_exclusive', c.is_exclusive, 'priority', c.priority, 'scope', c.scope,
    'is_bulk', c.is_bulk, 'is_active', c.is_active, 'created_at', c.created_at)::text AS document
FROM coupons c WHERE c.deleted_at IS NULL AND """
_ONE: LiteralString = _COUPON + "c.id = %(id)s"
_LIST: LiteralString = (
    _COUPON
    + """(%(code)s::text IS NULL OR starts_with(c.code, %(code)s)) AND (%(is_active)s::boolean IS NULL
    OR c.is_active = %(is_active)s) AND (%(before)s::uuid IS NULL OR c.id < %(before)s)
ORDER BY c.id DESC LIMIT %(limit)s
"""
)

_ID: LiteralString = """
SELECT id FROM coupons WHERE code = %(code)s AND deleted_at IS NULL
UNION ALL SELECT x.coupon_id FROM coupon_codes x JOIN coupons c ON c.id = x.coupon_id
    WHERE x.code = %(code)s AND c.deleted_at IS NULL
LIMIT 1
"""

_CODES: LiteralString = """
SELECT x.id, x.code, u.status, u.order_id FROM coupon_codes x
LEFT JOIN coupon_usages u ON u.coupon_code_id = x.id AND u.status <> 'released'
WHERE x.coupon_id = %(id)s AND (%(after)s::uuid IS NULL OR x.id > %(after)s) ORDER BY x.id LIMIT %(limit)s
"""

_USAGES: LiteralString = """
SELECT u.id, u.order_id, o.order_number, x.code, (u.amount * %(scale)s)::bigint AS amount, u.status, u.created_at
FROM coupon_usages u JOIN orders o ON o.id = u.order_id AND o.user_id = u.user_id
LEFT JOIN coupon_codes x ON x.id = u.coupon_code_id
WHERE u.coupon_id = %(id)s AND (%(before)s::uuid IS NULL OR u.id < %(before)s) ORDER BY u.id DESC LIMIT %(limit)s
"""


class CouponView(msgspec.Struct, frozen=True):
    """A coupon. Amounts in minor units; `used_count` is the number of uses held or redeemed."""

    id: UUID
    code: str
    name: str | None
    type: str
    amount: int | None
    percentage: str | None
    buy_quantity: int | None
    get_quantity: int | None
    minimum_amount: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    usage_limit: int | None
    usage_limit_per_customer: int | None
    used_count: int
    is_stackable: bool
    is_exclusive: bool
    priority: int
    scope: Scope
    is_bulk: bool
    is_active: bool
    created_at: datetime


class UniqueCode(msgspec.Struct, frozen=True):
    """A unique code; `status` (held, redeemed) and `order_id` tell its use, if it has one."""

    id: UUID
    code: str
    status: str | None
    order_id: UUID | None


class Usage(msgspec.Struct, frozen=True):
    """A use by an order: held, redeemed or released. `code` is the unique code, if it was one."""

    id: UUID
    order_id: UUID
    order_number: str
    code: str | None
    amount: int
    status: str
    created_at: datetime


class _Document(msgspec.Struct, frozen=True):
    document: str


def _scale() -> int:
    return money.scale(settings().currency)


async def get_coupon(session: Session, coupon_id: UUID) -> CouponView:
    """One coupon. Raises `NotFound`."""
    text = await sql.fetch_value(session, _ONE, id=coupon_id, scale=_scale())
    if text is None:
        raise NotFound("There is no such coupon.", code="coupon_not_found")
    return msgspec.json.decode(text, type=CouponView)


async def get_coupon_id(session: Session, code: str) -> UUID:
    """The coupon a code, its own or a unique one, belongs to. Raises `NotFound`."""
    found: UUID | None = await sql.fetch_value(session, _ID, code=folded(code))
    if found is None:
        raise NotFound("There is no such coupon.", code="coupon_not_found")
    return found


async def list_coupons(
    session: Session,
    *,
    code: str | None = None,
    is_active: bool | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[CouponView]:
    """Coupons older than `before`, newest first; `code` is how their codes begin."""
    rows = await sql.fetch_all(
        session,
        _LIST,
        _Document,
        code=folded(code) if code else None,
        is_active=is_active,
        before=before,
        limit=limit,
        scale=_scale(),
    )
    return [msgspec.json.decode(row.document, type=CouponView) for row in rows]


async def list_codes(
    session: Session, coupon_id: UUID, *, after: UUID | None = None, limit: int = 100
) -> list[UniqueCode]:
    """The unique codes of a coupon made after one, oldest first."""
    return await sql.fetch_all(session, _CODES, UniqueCode, id=coupon_id, after=after, limit=limit)


async def list_usages(session: Session, coupon_id: UUID, *, before: UUID | None = None, limit: int = 50) -> list[Usage]:
    """The uses of a coupon before one, newest first."""
    return await sql.fetch_all(session, _USAGES, Usage, id=coupon_id, before=before, limit=limit, scale=_scale())
