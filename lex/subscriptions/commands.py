"""Verbs of plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from lex.core import ids, money
from lex.core.errors import FieldError, Invalid
from lex.core.settings import settings
from lex.core.texts import SLUG, fault_in, make_slug
from lex.db import sql
from lex.db.session import Session

_INSERT: LiteralString = """
INSERT INTO subscription_plans (
    id, slug, name, description, price, tax_class, billing_interval, interval_count, trial_days, features, images,
    "order"
) VALUES (
    %(id)s, %(slug)s, %(name)s, %(description)s, %(price)s, %(tax_class)s, %(billing_interval)s, %(interval_count)s,
    %(trial_days)s, %(features)s, %(images)s, %(order)s
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDraft:
    """A tier on offer. `price` in minor units per interval; `features`: [{"key", "type", "value"}]."""

    name: str
    price: int
    slug: str = ""
    description: str | None = None
    tax_class: str = "standard"
    billing_interval: str = "month"
    interval_count: int = 1
    trial_days: int = 0
    features: Sequence[Mapping[str, Any]] = ()
    images: Sequence[Mapping[str, Any]] = ()
    order: int = 0


async def create_plan(session: Session, draft: PlanDraft) -> UUID:
    """The first version of a plan. Raises `Invalid` with every bad field."""
    errors = _faults(draft)
    if errors:
        raise Invalid.of(errors)
    plan_id = ids.new_id()
    values: dict[str, Any] = {name: getattr(draft, name) for name in PlanDraft.__slots__}
    values |= {
        "id": plan_id,
        "slug": draft.slug or make_slug(draft.name, "plan"),
        "price": money.major(draft.price, settings().currency),
        "features": sql.json(draft.features),
        "images": sql.json(draft.images),
    }
    await sql.execute(session, _INSERT, **values)
    return plan_id


def _faults(draft: PlanDraft) -> list[FieldError]:
    errors: list[FieldError] = []
    if fault := fault_in(draft.name, longest=255, shortest=1):
        errors.append(FieldError("name", fault))
    if draft.slug and not SLUG.fullmatch(draft.slug):
        errors.append(FieldError("slug", "A slug holds a–z, 0–9 and single hyphens between them."))
    if not 0 <= draft.price <= money.MAX_AMOUNT:
        errors.append(FieldError("price", "A price lies between 0 and 99999999.99."))
    if draft.billing_interval not in ("day", "week", "month", "year"):
        errors.append(FieldError("billing_interval", "Use day, week, month or year."))
    if not 1 <= draft.interval_count <= 1000:
        errors.append(FieldError("interval_count", "Between 1 and 1000 intervals make a period."))
    if not 0 <= draft.trial_days <= 1000:
        errors.append(FieldError("trial_days", "A trial lasts 0 to 1000 days."))
    for number, feature in enumerate(draft.features):
        if feature.get("type") not in ("flag", "limit", "text") or not feature.get("key") or "value" not in feature:
            errors.append(FieldError(f"features.{number}", "A feature has a key, a type (flag, limit, text), a value."))
    return errors
