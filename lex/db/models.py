"""Idempotency keys: the answer a repeated POST gets again. Job errors: why a job failed last. Marks of changes.

Facts of the shop: what its data are to be read by. The ways statuses may go.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import Base, Keyed
from lex.db.domains import one_of


class IdempotencyKey(Keyed, Base):
    """A key of one actor. Without `response_status` the request is in flight until `locked_until`."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("actor_key", "key"),
        Index("idx_idempotency_keys_expires_at", "expires_at"),
    )

    actor_key: Mapped[str]
    key: Mapped[str]
    request_hash: Mapped[bytes]
    user_id: Mapped[UUID | None]
    locked_until: Mapped[datetime]
    response_status: Mapped[int | None]
    response_body: Mapped[bytes | None]
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '72 hours'"))


class JobError(Base):
    """Why a job failed last. Procrastinate keeps the job and its attempts, not the reason; no personal data here."""

    __tablename__ = "job_errors"

    job_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    error: Mapped[str]
    failed_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class CatalogueChange(Base):
    """The mark of a transaction that changed what catalogue pages show; all marks added up are its version."""

    __tablename__ = "catalogue_changes"

    mark: Mapped[int] = mapped_column(
        BigInteger,
        primary_key=True,
        autoincrement=False,
        server_default=text("('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint"),
    )


class ShopFact(Base):
    """What holds for the whole shop: the currency its prices and orders are in."""

    __tablename__ = "shop_facts"

    name: Mapped[str] = mapped_column(one_of("shop_fact_name", "currency"), primary_key=True)
    value: Mapped[str]


class StatusTransition(Base):
    """A way a status may go; the guards of orders, payments and refunds refuse every other. A migration fills it."""

    __tablename__ = "status_transitions"

    subject: Mapped[str] = mapped_column(one_of("transition_subject", "order", "payment", "refund"), primary_key=True)
    from_status: Mapped[str] = mapped_column(primary_key=True)
    to_status: Mapped[str] = mapped_column(primary_key=True)
