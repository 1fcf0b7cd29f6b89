"""Services, the resources that perform them and the bookings made."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, TSVECTOR, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import (
    Amount,
    Base,
    Ciphertext,
    Counter,
    Document,
    Documents,
    Keyed,
    No,
    Percentage,
    SoftDelete,
    Touched,
    Yes,
    one_of,
    owned_by,
    reference,
)
from lex.db.searching import weighted

_LIVING = text("deleted_at IS NULL")
_SEARCH = " || ".join((weighted("name", "A"), weighted("coalesce(description, '')", "D")))


class ServiceCategory(Keyed, Touched, SoftDelete, Base):
    """A group of services."""

    __tablename__ = "service_categories"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug"),
        CheckConstraint("parent_id <> id", name="parent_id"),
        Index("uq_service_categories_slug", "slug", unique=True, postgresql_where=_LIVING),
        Index("idx_service_categories_slug", "slug"),
        Index("idx_service_categories_parent_id", "parent_id"),
        Index("idx_service_categories_order", "order"),
    )

    parent_id: Mapped[UUID | None] = reference("service_categories", nullable=True)
    slug: Mapped[str]
    name: Mapped[str]
    description: Mapped[str | None]
    order: Mapped[Counter]
    is_active: Mapped[Yes]


class Service(Keyed, Touched, SoftDelete, Base):
    """Something done for a customer at a time. `availability`: {"monday": [["09:00", "17:00"]], …} in `timezone`."""

    __tablename__ = "services"
    __table_args__ = (
        one_of("service_type", "one_time", "recurring", "subscription", "consultation"),
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug"),
        CheckConstraint("price >= 0.0 AND price < 'NaN'", name="price"),
        CheckConstraint("duration_minutes > 0", name="duration_minutes"),
        CheckConstraint("step_minutes > 0", name="step_minutes"),
        CheckConstraint(
            "buffer_before_minutes >= 0 AND buffer_after_minutes >= 0 AND notice_minutes >= 0", name="buffers"
        ),
        CheckConstraint("capacity > 0", name="capacity"),
        CheckConstraint("max_bookings_per_day > 0", name="max_bookings_per_day"),
        CheckConstraint("cancellation_fee_percentage BETWEEN 0 AND 100", name="cancellation_fee_percentage"),
        CheckConstraint("rating_average BETWEEN 1.0 AND 5.0", name="rating_average"),
        CheckConstraint("rating_count >= 0", name="rating_count"),
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
    service_type: Mapped[str]
    slug: Mapped[str]
    name: Mapped[str]
    description: Mapped[str | None]
    price: Mapped[Amount]
    tax_class: Mapped[str] = mapped_column(server_default=text("'standard'"))
    duration_minutes: Mapped[int | None]
    is_duration_custom: Mapped[No]
    step_minutes: Mapped[int] = mapped_column(server_default=text("30"))
    buffer_before_minutes: Mapped[Counter]
    buffer_after_minutes: Mapped[Counter]
    notice_minutes: Mapped[Counter]
    capacity: Mapped[int] = mapped_column(server_default=text("1"))
    max_bookings_per_day: Mapped[int | None]
    availability: Mapped[Document]
    timezone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    cancellation_window_minutes: Mapped[int] = mapped_column(server_default=text("1440"))
    cancellation_fee_percentage: Mapped[Percentage] = mapped_column(server_default=text("0"))
    images: Mapped[Documents]
    attributes: Mapped[Document]
    is_active: Mapped[Yes]
    is_featured: Mapped[No]
    rating_average: Mapped[Decimal | None] = mapped_column(Numeric(3, 2))
    rating_count: Mapped[Counter]
    search: Mapped[Any] = mapped_column(TSVECTOR, Computed(_SEARCH, persisted=True))


class Resource(Keyed, Touched, SoftDelete, Base):
    """Somebody or something that is busy while a service is performed: a mechanic, a chair, a stand."""

    __tablename__ = "resources"
    __table_args__ = (
        one_of("kind", "person", "room", "equipment"),
        Index("uq_resources_slug", "slug", unique=True, postgresql_where=_LIVING),
    )

    slug: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
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
        one_of("status", "held", "pending", "confirmed", "released"),
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
    status: Mapped[str]
    booking_id: Mapped[UUID | None]
    expires_at: Mapped[datetime | None]


class ServiceSlot(Keyed, Base):
    """One session of a class: seats taken of its capacity."""

    __tablename__ = "service_slots"
    __table_args__ = (
        UniqueConstraint("service_id", "starts_at"),
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
    capacity: Mapped[int]
    booked: Mapped[Counter]


class Booking(Keyed, Touched, SoftDelete, Base):
    """A customer's appointment. `uid` and `sequence` are those of its calendar entry."""

    __tablename__ = "bookings"
    __table_args__ = (
        one_of("status", "held", "pending", "confirmed", "completed", "no_show", "canceled"),
        CheckConstraint("ends_at > starts_at", name="ends_at"),
        CheckConstraint("seats > 0", name="seats"),
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
    service_slot_id: Mapped[UUID | None] = reference("service_slots", nullable=True)
    status: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    timezone: Mapped[str]
    seats: Mapped[int] = mapped_column(server_default=text("1"))
    uid: Mapped[str] = mapped_column(unique=True)
    sequence: Mapped[Counter]
    notes: Mapped[Ciphertext | None]
    expires_at: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]
