"""Public reads of services: finished JSON, one statement each (`db/documents`)."""

from typing import Any, LiteralString
from uuid import UUID

from lex.adapters import cached
from lex.core import cursors, money
from lex.core.errors import Invalid, NotFound
from lex.core.settings import settings
from lex.core.texts import SLUG
from lex.db.documents import find_document

MOST = 100

_LISTED: LiteralString = "s.deleted_at IS NULL AND s.is_active"

_ITEM: LiteralString = """
    'id', s.id, 'slug', s.slug, 'name', s.name, 'service_type', s.service_type,
    'category', CASE WHEN c.id IS NOT NULL THEN json_build_object('slug', c.slug, 'name', c.name) END,
    'price', (s.price * %(scale)s)::bigint, 'duration_minutes', s.duration_minutes, 'capacity', s.capacity,
    'image', s.images -> 0, 'is_featured', s.is_featured, 'rating_average', s.rating_average,
    'rating_count', s.rating_count"""

# Two shapes of one statement: the first page, and the one after a cursor. Featured come first, then by name.
_LIST: LiteralString = """
WITH page AS (
    SELECT s.*, row_number() OVER (ORDER BY NOT s.is_featured, lower(s.name), s.id) AS place FROM services s
    WHERE {listed} AND {after} AND (%(category)s::text IS NULL OR s.category_id IN (
        SELECT id FROM service_categories WHERE slug = %(category)s AND deleted_at IS NULL AND is_active))
    ORDER BY NOT s.is_featured, lower(s.name), s.id LIMIT %(limit)s + 1
)
SELECT json_build_object(
    'currency', %(currency)s::text,
    'items', coalesce((
        SELECT json_agg(json_build_object({item}) ORDER BY s.place) FROM page s
        LEFT JOIN service_categories c ON c.id = s.category_id AND c.deleted_at IS NULL AND c.is_active
        WHERE s.place <= %(limit)s), '[]'),
    'groups', coalesce((
        SELECT json_agg(json_build_object('slug', c.slug, 'name', c.name) ORDER BY c."order", c.name, c.id)
        FROM service_categories c WHERE c.deleted_at IS NULL AND c.is_active
          AND EXISTS (SELECT FROM services s WHERE s.category_id = c.id AND {listed})), '[]'),
    'next_cursor', (
        SELECT {cursor} FROM page s
        WHERE s.place = %(limit)s AND EXISTS (SELECT FROM page WHERE place > %(limit)s)))
WHERE %(category)s::text IS NULL OR EXISTS (
    SELECT FROM service_categories WHERE slug = %(category)s AND deleted_at IS NULL AND is_active)
"""
_CURSOR: LiteralString = cursors.SQL.format("json_build_array('services', NOT s.is_featured, lower(s.name), s.id)")
_AFTER: LiteralString = "(NOT s.is_featured, lower(s.name), s.id) > (%(after_0)s, %(after_1)s, %(after_2)s)"
_FIRST_PAGE: LiteralString = _LIST.format(listed=_LISTED, item=_ITEM, cursor=_CURSOR, after="true")
_NEXT_PAGE: LiteralString = _LIST.format(listed=_LISTED, item=_ITEM, cursor=_CURSOR, after=_AFTER)

_SERVICE: LiteralString = f"""
SELECT json_build_object(
    'currency', %(currency)s::text, {_ITEM}, 'description', s.description, 'tax_class', s.tax_class,
    'is_duration_custom', s.is_duration_custom, 'step_minutes', s.step_minutes, 'notice_minutes', s.notice_minutes,
    'max_bookings_per_day', s.max_bookings_per_day, 'availability', s.availability, 'timezone', s.timezone,
    'cancellation', json_build_object('window_minutes', s.cancellation_window_minutes,
                                      'fee_percentage', s.cancellation_fee_percentage::float),
    'images', s.images, 'attributes', s.attributes,
    'resources', coalesce((
        SELECT json_agg(json_build_object('slug', r.slug, 'name', r.name, 'kind', r.kind) ORDER BY r.kind, r.name)
        FROM service_resources sr JOIN resources r ON r.id = sr.resource_id
        WHERE sr.service_id = s.id AND r.deleted_at IS NULL AND r.is_active), '[]'))
FROM services s LEFT JOIN service_categories c ON c.id = s.category_id AND c.deleted_at IS NULL AND c.is_active
WHERE s.slug = %(slug)s AND {_LISTED}
"""


def _money() -> dict[str, Any]:
    currency = settings().currency
    return {"currency": currency, "scale": money.scale(currency)}


async def list_services(category: str | None = None, *, limit: int = 24, cursor: str | None = None) -> bytes:
    """A page of services, and `groups`: every category that has some.

    Raises `Invalid` (limit, cursor, category), `NotFound` for an unknown category.
    """
    if not 1 <= limit <= MOST:
        raise Invalid("limit", f"A page takes 1 to {MOST} services.")
    if category is not None and not SLUG.fullmatch(category):
        raise Invalid("category", "A category is named by its slug, such as repairs.")
    params: dict[str, Any] = {"category": category, "limit": limit, **_money()}
    if cursor is not None:
        key = cursors.decode(cursor, "services", (bool, str, UUID))
        params |= {f"after_{place}": part for place, part in enumerate(key)}
    document = await cached.find_document("service list", _FIRST_PAGE if cursor is None else _NEXT_PAGE, params)
    if document is None:
        raise NotFound(f"There is no category “{category}” of services.", code="category_not_found")
    return document


async def get_service(slug: str) -> bytes:
    """A service by its slug: when, by whom, and what cancelling costs. Raises `NotFound` naming the slug."""
    document = (
        await find_document(_SERVICE, {"slug": slug, **_money()}, is_quick=True) if SLUG.fullmatch(slug) else None
    )
    if document is None:
        raise NotFound(f"There is no service “{slug[:100]}”.", code="service_not_found")
    return document
