"""The books of the sandbox provider: its side of a payment, kept apart from ours as a real provider's are."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import Base


class SandboxPayment(Base):
    """A payment at the sandbox. Amounts in minor units."""

    __tablename__ = "sandbox_payments"
    __table_args__ = (UniqueConstraint("idempotency_key"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    idempotency_key: Mapped[str]
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reference: Mapped[str]
    status: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    captured: Mapped[int] = mapped_column(BigInteger)
    refunded: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    decline_code: Mapped[str | None]
    card: Mapped[dict[str, Any]] = mapped_column(JSONB)
    return_url: Mapped[str | None]
    refunds: Mapped[list[Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
