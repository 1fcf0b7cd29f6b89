"""Verbs of what is offered: service categories, services and the resources that perform them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

from lex.core import ids, money
from lex.core.errors import FieldError, Invalid
from lex.core.settings import settings
from lex.core.texts import SLUG, fault_in, make_slug
from lex.db import sql
from lex.db.session import Session
from lex.services import schedules

_INSERT_CATEGORY: LiteralString = """
INSERT INTO service_categories (id, parent_id, slug, name, description, "order")
VALUES (%(id)s, %(parent_id)s, %(slug)s, %(name)s, %(description)s, %(order)s)
"""

_INSERT_SERVICE: LiteralString = """
INSERT INTO services (
    id, category_id, service_type, slug, name, description, price, tax_class, duration_minutes, step_minutes,
    buffer_before_minutes, buffer_after_minutes, notice_minutes, capacity, max_bookings_per_day, availability, timezone,
    cancellation_window_minutes, cancellation_fee_percentage, images, attributes, is_featured
) VALUES (
    %(id)s, %(category_id)s, %(service_type)s, %(slug)s, %(name)s, %(description)s, %(price)s, %(tax_class)s,
    %(duration_minutes)s, %(step_minutes)s, %(buffer_before_minutes)s, %(buffer_after_minutes)s, %(notice_minutes)s,
    %(capacity)s, %(max_bookings_per_day)s, %(availability)s, %(timezone)s, %(cancellation_window_minutes)s,
    %(cancellation_fee_percentage)s, %(images)s, %(attributes)s, %(is_featured)s
)
"""

_INSERT_RESOURCE: LiteralString = """
INSERT INTO resources (id, slug, name, kind, timezone, availability)
VALUES (%(id)s, %(slug)s, %(name)s, %(kind)s, %(timezone)s, %(availability)s)
"""

_LINK: LiteralString = """
INSERT INTO service_resources (service_id, resource_id)
SELECT %(service_id)s, unnest(%(resource_ids)s::uuid[]) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDraft:
    """A service on offer. `price` in minor units, per seat; `availability` is read in `timezone`.

    `cancellation_fee_percentage` of the price is kept when somebody cancels inside the window.
    """

    name: str
    price: int
    slug: str = ""
    category_id: UUID | None = None
    service_type: str = "one_time"
    description: str | None = None
    tax_class: str = "standard"
    duration_minutes: int | None = 60
    step_minutes: int = 30
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    notice_minutes: int = 0
    capacity: int = 1
    max_bookings_per_day: int | None = None
    availability: schedules.Week = field(default_factory=dict)
    timezone: str = "UTC"
    cancellation_window_minutes: int = 1440
    cancellation_fee_percentage: int = 0
    images: Sequence[Mapping[str, Any]] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    is_featured: bool = False


async def create_category(
    session: Session,
    name: str,
    *,
    slug: str = "",
    description: str | None = None,
    order: int = 0,
    parent_id: UUID | None = None,
) -> UUID:
    """A group of services. Raises `Invalid`; a taken slug refuses at the end of the transaction."""
    _refuse([*_name(name), *_slug(slug)])
    category_id = ids.new_id()
    await sql.execute(
        session,
        _INSERT_CATEGORY,
        id=category_id,
        parent_id=parent_id,
        slug=slug or make_slug(name, "services"),
        name=name,
        description=description,
        order=order,
    )
    return category_id


async def create_service(session: Session, draft: ServiceDraft) -> UUID:
    """A service on offer. Raises `Invalid` with every bad field."""
    _refuse(_faults(draft))
    service_id = ids.new_id()
    values: dict[str, Any] = {name: getattr(draft, name) for name in ServiceDraft.__slots__}
    values |= {name: sql.json(values[name]) for name in ("availability", "images", "attributes")}
    values |= {
        "id": service_id,
        "slug": draft.slug or make_slug(draft.name, "service"),
        "price": money.major(draft.price, settings().currency),
    }
    await sql.execute(session, _INSERT_SERVICE, **values)
    return service_id


async def create_resource(
    session: Session, name: str, kind: str, *, slug: str = "", timezone: str = "UTC", availability: schedules.Week
) -> UUID:
    """Somebody or something that performs services: `kind` is person, room or equipment. Raises `Invalid`."""
    kinds = [] if kind in ("person", "room", "equipment") else [FieldError("kind", "Use person, room or equipment.")]
    _refuse([*_name(name), *_slug(slug), *kinds, *schedules.faults(availability, timezone)])
    resource_id = ids.new_id()
    await sql.execute(
        session,
        _INSERT_RESOURCE,
        id=resource_id,
        slug=slug or make_slug(name, "resource"),
        name=name,
        kind=kind,
        timezone=timezone,
        availability=sql.json(availability),
    )
    return resource_id


async def let_perform(session: Session, service_id: UUID, resource_ids: Sequence[UUID]) -> None:
    """These resources can perform the service, any one of them. Twice changes nothing."""
    await sql.execute(session, _LINK, service_id=service_id, resource_ids=list(resource_ids))


def _faults(draft: ServiceDraft) -> list[FieldError]:
    errors = [*_name(draft.name), *_slug(draft.slug), *schedules.faults(draft.availability, draft.timezone)]
    if not 0 <= draft.price <= money.MAX_AMOUNT:
        errors.append(FieldError("price", "A price lies between 0 and 99999999.99."))
    positive = ("duration_minutes", "step_minutes", "capacity", "max_bookings_per_day")
    counted = ("buffer_before_minutes", "buffer_after_minutes", "notice_minutes", "cancellation_window_minutes")
    for name, least in (*((name, 1) for name in positive), *((name, 0) for name in counted)):
        value = getattr(draft, name)
        if value is not None and not least <= value <= 10**6:
            errors.append(FieldError(name, f"A number between {least} and 1000000 is needed."))
    if not 0 <= draft.cancellation_fee_percentage <= 100:
        errors.append(FieldError("cancellation_fee_percentage", "A percentage lies between 0 and 100."))
    if draft.service_type not in ("one_time", "recurring", "subscription", "consultation"):
        errors.append(FieldError("service_type", "Use one_time, recurring, subscription or consultation."))
    return errors


def _name(name: str) -> list[FieldError]:
    fault = fault_in(name, longest=255, shortest=1)
    return [FieldError("name", fault)] if fault else []


def _slug(slug: str) -> list[FieldError]:
    if slug and not SLUG.fullmatch(slug):
        return [FieldError("slug", "A slug holds a–z, 0–9 and single hyphens between them.")]
    return []


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise Invalid.of(errors)
