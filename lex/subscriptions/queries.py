"""Public reads of plans: finished JSON, one statement each (`db/documents`)."""

from typing import Any, LiteralString

from lex.adapters import cached
from lex.core import money
from lex.core.errors import NotFound
from lex.core.settings import settings
from lex.core.texts import SLUG
from lex.db.documents import find_document

_LISTED: LiteralString = "deleted_at IS NULL AND is_active AND is_current"

_PLAN: LiteralString = """
    'id', id, 'slug', slug, 'name', name, 'description', description, 'price', (price * %(scale)s)::bigint,
    'tax_class', tax_class, 'billing_interval', billing_interval, 'interval_count', interval_count,
    'trial_days', trial_days, 'features', features, 'images', images, 'version', version"""

# A shop has a handful of plans: they are shown side by side, on one page.
_LIST: LiteralString = f"""
SELECT json_build_object('currency', %(currency)s::text, 'items', coalesce((
    SELECT json_agg(json_build_object({_PLAN}) ORDER BY "order", price, id)
    FROM (SELECT * FROM subscription_plans WHERE {_LISTED} ORDER BY "order", price, id LIMIT 100) plans), '[]'))
"""

_DETAIL: LiteralString = f"""
SELECT json_build_object('currency', %(currency)s::text, {_PLAN})
FROM subscription_plans WHERE slug = %(slug)s AND {_LISTED}
"""


def _money() -> dict[str, Any]:
    currency = settings().currency
    return {"currency": currency, "scale": money.scale(currency)}


async def list_plans() -> bytes:
    """The plans on offer, at most 100, in the shop's order."""
    return await cached.find_document("plan list", _LIST, _money()) or b""


async def get_plan(slug: str) -> bytes:
    """A plan on offer by its slug. Raises `NotFound` naming the slug."""
    document = await find_document(_DETAIL, {"slug": slug, **_money()}, is_quick=True) if SLUG.fullmatch(slug) else None
    if document is None:
        raise NotFound(f"There is no plan “{slug[:100]}”.", code="plan_not_found")
    return document
