"""Keep coupons: make, change, deactivate, give out unique codes; their uses are `holding`'s."""

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from lex.core import ids, money
from lex.core.errors import Conflict, FieldError, Invalid, NotFound
from lex.core.settings import settings
from lex.coupons.codes import new_codes, normal_code
from lex.coupons.drafts import LONGEST_PREFIX, CouponTerms, NewCoupon, Scope
from lex.db import sql
from lex.db.session import Session

#: Unique codes made at once, and by one statement.
MOST_CODES, _BATCH = 10_000, 1_000

_INSERT: LiteralString = """
INSERT INTO coupons (id, code, name, type, amount, percentage, buy_quantity, get_quantity, minimum_amount, starts_at,
    ends_at, usage_limit, usage_limit_per_customer, is_stackable, is_exclusive, priority, scope, is_bulk, is_active)
VALUES (%(id)s, %(code)s, %(name)s, %(type)s, %(amount)s, %(percentage)s::numeric, %(buy_quantity)s, %(get_quantity)s,
    %(minimum_amount)s, %(starts_at)s, %(ends_at)s, %(usage_limit)s, %(usage_limit_per_customer)s, %(is_stackable)s,
    %(is_exclusive)s, %(priority)s, %(scope)s, %(is_bulk)s, %(is_active)s)
"""

_UPDATE: LiteralString = """
UPDATE coupons SET name = %(name)s, amount = %(amount)s, percentage = %(percentage)s::numeric,
    buy_quantity = %(buy_quantity)s, get_quantity = %(get_quantity)s, minimum_amount = %(minimum_amount)s,
    starts_at = %(starts_at)s, ends_at = %(ends_at)s, usage_limit = %(usage_limit)s,
    usage_limit_per_customer = %(usage_limit_per_customer)s, is_stackable = %(is_stackable)s,
    is_exclusive = %(is_exclusive)s, priority = %(priority)s, scope = %(scope)s, is_active = %(is_active)s
WHERE id = %(id)s
"""

_DEACTIVATE: LiteralString = "UPDATE coupons SET is_active = false WHERE id = %(id)s AND is_active"

_TAKEN: LiteralString = "SELECT true FROM coupon_codes WHERE code = %(code)s"

_LOCK: LiteralString = """
SELECT id, code, type, used_count, is_bulk FROM coupons WHERE id = %(id)s AND deleted_at IS NULL FOR NO KEY UPDATE
"""

_UNKNOWN: LiteralString = """
SELECT w.kind FROM unnest(%(kinds)s::text[], %(ids)s::uuid[]) AS w (kind, id) WHERE NOT CASE w.kind
    WHEN 'products' THEN EXISTS (SELECT FROM products x WHERE x.id = w.id AND x.deleted_at IS NULL)
    WHEN 'categories' THEN EXISTS (SELECT FROM categories x WHERE x.id = w.id AND x.deleted_at IS NULL)
    WHEN 'services' THEN EXISTS (SELECT FROM services x WHERE x.id = w.id AND x.deleted_at IS NULL)
    ELSE EXISTS (SELECT FROM subscription_plans x WHERE x.id = w.id AND x.deleted_at IS NULL) END
LIMIT 1
"""

_INSERT_CODES: LiteralString = """
INSERT INTO coupon_codes (id, coupon_id, code)
SELECT uuid_v7(), %(coupon_id)s, n.code FROM unnest(%(codes)s::text[]) AS n (code)
WHERE NOT EXISTS (SELECT FROM coupons c WHERE c.code = n.code AND c.deleted_at IS NULL)
ON CONFLICT (code) DO NOTHING RETURNING code
"""


@dataclass(frozen=True, slots=True)
class LockedCoupon:
    """A locked coupon: what of it never changes, and its uses."""

    id: UUID
    code: str
    type: str
    used_count: int
    is_bulk: bool


async def create_coupon(session: Session, draft: NewCoupon) -> UUID:
    """A new coupon. Raises `Invalid` with every bad field, `Conflict` (`code_taken`)."""
    code = normal_code(draft.code)
    errors = draft.faults(draft.type)
    if draft.is_bulk and len(code) > LONGEST_PREFIX:
        told = f"Unique codes begin with it, so it has at most {LONGEST_PREFIX} characters."
        errors.append(FieldError("code", told, "length"))
    await _require_good(session, draft, errors)
    if await sql.fetch_value(session, _TAKEN, code=code):
        raise Conflict("This is a unique code of another coupon; choose another one.", code="code_taken")
    coupon_id = ids.new_id()
    await sql.execute(
        session, _INSERT, **_columns(draft), id=coupon_id, code=code, type=draft.type, is_bulk=draft.is_bulk
    )
    return coupon_id


async def change_coupon(session: Session, coupon_id: UUID, terms: CouponTerms) -> None:
    """Give a coupon other terms; orders placed keep what they got.

    Raises `NotFound`, `Invalid` with every bad field.
    """
    coupon = await lock_coupon(session, coupon_id)
    errors = terms.faults(coupon.type)
    if terms.usage_limit is not None and terms.usage_limit < coupon.used_count:
        told = f"It was used {coupon.used_count} times already; set the limit no lower."
        errors.append(FieldError("usage_limit", told, "range"))
    await _require_good(session, terms, errors)
    await sql.execute(session, _UPDATE, **_columns(terms), id=coupon_id)


async def deactivate_coupon(session: Session, coupon_id: UUID) -> None:
    """Accept a coupon no longer; carts drop it, orders that hold it keep it. Raises `NotFound`."""
    await lock_coupon(session, coupon_id)
    await sql.execute(session, _DEACTIVATE, id=coupon_id)


async def generate_codes(session: Session, coupon_id: UUID, number: int) -> list[str]:
    """Unique codes of a bulk coupon, each good for one order; they begin with the coupon's code.

    Raises `NotFound`, `Invalid` (number), `Conflict` (`coupon_not_bulk`).
    """
    if not 1 <= number <= MOST_CODES:
        raise Invalid("number", f"Between 1 and {MOST_CODES} codes are made at once.", code="range")
    coupon = await lock_coupon(session, coupon_id)
    if not coupon.is_bulk:
        told = f"{coupon.code} is itself the code that customers enter; make a coupon with is_bulk for unique codes."
        raise Conflict(told, code="coupon_not_bulk")
    made: list[str] = []
    while len(made) < number:  # a code that exists by chance is made anew
        codes = new_codes(coupon.code, min(number - len(made), _BATCH))
        made += [
            row.code for row in await sql.fetch_all(session, _INSERT_CODES, _Code, coupon_id=coupon_id, codes=codes)
        ]
    return made


@dataclass(frozen=True, slots=True)
class _Code:
    code: str


async def lock_coupon(session: Session, coupon_id: UUID) -> LockedCoupon:
    """Lock a coupon. Raises `NotFound`."""
    found = await sql.fetch_one(session, _LOCK, LockedCoupon, id=coupon_id)
    if found is None:
        raise NotFound("There is no such coupon.", code="coupon_not_found")
    return found


async def _require_good(session: Session, terms: CouponTerms, errors: list[FieldError]) -> None:
    """Raises `Invalid` with all errors, those of the scope too."""
    kind = await _unknown_in(session, terms.scope or Scope())
    if kind is not None:
        errors.append(FieldError(f"scope.{kind}", "One of these does not exist; take it out.", "unknown"))
    if errors:
        raise Invalid.of(errors)


async def _unknown_in(session: Session, scope: Scope) -> str | None:
    named = [(kind, one) for kind in Scope.__struct_fields__ for one in getattr(scope, kind)]
    if not named:
        return None
    kinds, wanted = zip(*named, strict=True)
    found: str | None = await sql.fetch_value(session, _UNKNOWN, kinds=list(kinds), ids=list(wanted))
    return found


def _columns(terms: CouponTerms) -> dict[str, Any]:
    """The columns of the terms; amounts leave minor units here and nowhere else."""
    currency = settings().currency
    amounts = {name: getattr(terms, name) for name in ("amount", "minimum_amount")}
    return {
        **{name: getattr(terms, name) for name in CouponTerms.__struct_fields__},
        **{name: None if amount is None else money.major(amount, currency) for name, amount in amounts.items()},
        "scope": sql.json(msgspec.to_builtins(terms.scope or Scope())),
    }
