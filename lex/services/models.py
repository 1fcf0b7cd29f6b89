"""Services, the resources that perform them and the bookings made."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, TSVECTOR, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import (
    Amount,
    Base,
    Ciphertext,
    Counter,
    Document,
    Documents,
    Instant,
    Keyed,
    No,
    Percentage,
    PositiveInteger,
    Rating,
    Slug,
    SoftDelete,
    Touched,
    Yes,
    ZeroOrMore,
    owned_by,
    reference,
)
from lex.db.domains import one_of
from lex.db.searching import weighted

_LIVING = text("deleted_at IS NULL")
_SEARCH = " || ".join((weighted("name", "A"), weighted("coalesce(description, '')", "D")))


class ServiceCategory(Keyed, Touched, SoftDelete, Base):
    """A group of services."""

    __tablename__ = "service_categories"
    __table_args__ = (
        CheckConstraint("parent_id <> id", name="parent_id"),
        Index("uq_service_categories_slug", "slug", unique=True, postgresql_where=_LIVING),
        Index("idx_service_categories_slug", "slug"),
        Index("idx_service_categories_parent_id", "parent_id"),
        Index("idx_service_categories_order", "order"),
    )

    parent_id: Mapped[UUID | None] = reference("service_categories", nullable=True)
    slug: Mapped[Slug]
    name: Mapped[str]
    description: Mapped[str | None]
    order: Mapped[Counter]
    is_active: Mapped[Yes]


class Service(Keyed, Touched, SoftDelete, Base):
    """Something done for a customer at a time. `availability`: {"monday": [["09:00", "17:00"]], …} in `timezone`."""

    __tablename__ = "services"
    __table_args__ = (
        Index("uq_services_slug", "slug", unique=True, postgresql_where=_LIVING),
        Index("idx_services_slug", "slug"),
        Index("idx_services_service_type", "service_type"),
        Index("idx_services_category_id", "category_id"),
        Index("idx_services_price", "price"),
        Index("idx_services_search", "search", postgresql_using="gin"),
        Index("idx_services_name", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
        Index(
            "idx_services_availability",
            "availability",
            postgresql_using="gin",
            postgresql_ops={"availability": "jsonb_path_ops"},
        ),
    )

    category_id: Mapped[UUID | None] = reference("service_categories", nullable=True)
    service_type: Mapped[str] = mapped_column(
        one_of("service_type", "one_time", "recurring", "subscription", "consultation")
    )
    slug: Mapped[Slug]
    name: Mapped[str]
    description: Mapped[str | None]
    price: Mapped[Amount]
    tax_class: Mapped[str] = mapped_column(server_default=text("'standard'"))
    duration_minutes: Mapped[PositiveInteger | None]
    is_duration_custom: Mapped[No]
    step_minutes: Mapped[PositiveInteger] = mapped_column(server_default=text("30"))
    buffer_before_minutes: Mapped[ZeroOrMore]
    buffer_after_minutes: Mapped[ZeroOrMore]
    notice_minutes: Mapped[ZeroOrMore]
    capacity: Mapped[PositiveInteger] = mapped_column(server_default=text("1"))
    max_bookings_per_day: Mapped[PositiveInteger | None]
    availability: Mapped[Document]
    timezone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    cancellation_window_minutes: Mapped[int] = mapped_column(server_default=text("1440"))
    cancellation_fee_percentage: Mapped[Percentage] = mapped_column(server_default=text("0"))
    images: Mapped[Documents]
    attributes: Mapped[Document]
    is_active: Mapped[Yes]
    is_featured: Mapped[No]
    rating_average: Mapped[Rating | None]
    rating_count: Mapped[ZeroOrMore]
    search: Mapped[Any] = mapped_column(TSVECTOR, Computed(_SEARCH, persisted=True))


class Resource(Keyed, Touched, SoftDelete, Base):
    """Somebody or something that is busy while a service is performed: a mechanic, a chair, a stand."""

    __tablename__ = "resources"
    __table_args__ = (Index("uq_resources_slug", "slug", unique=True, postgresql_where=_LIVING),)

    slug: Mapped[Slug]
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(one_of("resource_kind", "person", "room", "equipment"))
    timezone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    availability: Mapped[Document]
    is_active: Mapped[Yes]


class ServiceResource(Base):
    """Which resources can perform which service."""

    __tablename__ = "service_resources"
    __table_args__ = (Index("idx_service_resources_resource_id", "resource_id"),)

    service_id: Mapped[UUID] = mapped_column(ForeignKey("services.id"), primary_key=True)
    resource_id: Mapped[UUID] = mapped_column(ForeignKey("resources.id"), primary_key=True)


class ScheduleException(Keyed, Base):
    """One local date on which other windows hold than the weekly ones; no windows closes the day."""

    __tablename__ = "schedule_exceptions"
    __table_args__ = (
        CheckConstraint("(service_id IS NULL) <> (resource_id IS NULL)", name="owner"),
        Index("uq_schedule_exceptions_service_id", "service_id", "on_date", unique=True),
        Index("uq_schedule_exceptions_resource_id", "resource_id", "on_date", unique=True),
    )

    service_id: Mapped[UUID | None] = reference("services", nullable=True)
    resource_id: Mapped[UUID | None] = reference("resources", nullable=True)
    on_date: Mapped[date]
    windows: Mapped[Documents]
    reason: Mapped[str | None]


class Occupancy(Keyed, Base):
    """A stretch of time a resource is taken, buffers included. Carries no personal data and has no policies."""

    __tablename__ = "occupancies"
    __table_args__ = (
        CheckConstraint("NOT isempty(occupied)", name="occupied"),
        ExcludeConstraint(
            ("resource_id", "="),
            ("occupied", "&&"),
            name="ex_occupancies_resource_id_occupied",
            using="gist",
            where=text("status IN ('held', 'pending', 'confirmed')"),
        ),
        Index("idx_occupancies_resource_id", "resource_id"),
        Index("idx_occupancies_booking_id", "booking_id"),
        Index("idx_occupancies_expires_at", "expires_at", postgresql_where=text("status = 'held'")),
    )

    resource_id: Mapped[UUID] = reference("resources")
    occupied: Mapped[Any] = mapped_column(TSTZRANGE)
    status: Mapped[str] = mapped_column(one_of("occupancy_status", "held", "pending", "confirmed", "released"))
    booking_id: Mapped[UUID | None]
    expires_at: Mapped[datetime | None]


class ServiceSlot(Keyed, Base):
    """One session of a class: seats taken of its capacity."""

    __tablename__ = "service_slots"
    __table_args__ = (
        UniqueConstraint("service_id", "starts_at"),
        UniqueConstraint("id", "service_id", "starts_at"),
        CheckConstraint("booked BETWEEN 0 AND capacity", name="booked"),
    )

    service_id: Mapped[UUID] = reference("services")
    starts_at: Mapped[datetime]
    capacity: Mapped[int]
    booked: Mapped[Counter]


class ServiceDay(Base):
    """Bookings of a service on one local date, counted under the limit of the service."""

    __tablename__ = "service_days"
    __table_args__ = (CheckConstraint("booked BETWEEN 0 AND capacity", name="booked"),)

    service_id: Mapped[UUID] = mapped_column(ForeignKey("services.id"), primary_key=True)
    on_date: Mapped[date] = mapped_column(primary_key=True)
    capacity: Mapped[int | None]
    booked: Mapped[Counter]


class Booking(Keyed, Touched, SoftDelete, Base):
    """A customer's appointment. `uid` and `sequence` are those of its calendar entry."""

    __tablename__ = "bookings"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_at"),
        CheckConstraint("num_nonnulls(resource_id, service_slot_id) > 0", name="place"),
        CheckConstraint("deleted_at IS NULL OR status IN ('completed', 'no_show', 'canceled')", name="deleted_at"),
        ForeignKeyConstraint(
            ("service_slot_id", "service_id", "starts_at"),
            ("service_slots.id", "service_slots.service_id", "service_slots.starts_at"),
            name="fk_bookings_service_slots",
            deferrable=True,
        ),
        UniqueConstraint("id", "user_id"),
        owned_by("orders", "order_id", "bookings"),
        owned_by("order_items", "order_item_id", "bookings"),
        Index("idx_bookings_user_id", "user_id", "starts_at"),
        Index("idx_bookings_order_id", "order_id"),
        Index("idx_bookings_order_item_id", "order_item_id"),
        Index("idx_bookings_service_id", "service_id", "starts_at"),
        Index("idx_bookings_resource_id", "resource_id", "starts_at"),
        Index("idx_bookings_service_slot_id", "service_slot_id"),
        Index("idx_bookings_status", "status"),
    )

    user_id: Mapped[UUID] = reference("users")
    order_id: Mapped[UUID | None]
    order_item_id: Mapped[UUID | None]
    service_id: Mapped[UUID] = reference("services")
    resource_id: Mapped[UUID | None] = reference("resources", nullable=True)
    service_slot_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(
        one_of("booking_status", "held", "pending", "confirmed", "completed", "no_show", "canceled")
    )
    starts_at: Mapped[Instant]
    ends_at: Mapped[Instant]
    timezone: Mapped[str]
    seats: Mapped[PositiveInteger] = mapped_column(server_default=text("1"))
    uid: Mapped[str] = mapped_column(unique=True)
    sequence: Mapped[Counter]
    notes: Mapped[Ciphertext | None]
    expires_at: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]
