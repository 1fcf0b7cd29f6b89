"""The audit trail, partitioned by month of its UUIDv7 id."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import Base


class AuditLog(Base):
    """One change of one row, or one event such as a sign-in. `user_id` is who acted.

    `changes` of an update: column → [old, new]; of an insert {"new": row}, of a delete {"old": row}.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        CheckConstraint("created_at = uuid_v7_time(id)", name="created_at"),
        Index("idx_audit_logs_user_id", "user_id", text("id DESC")),
        Index("idx_audit_logs_action", "action", text("id DESC")),
        Index("idx_audit_logs_resource", "resource", "resource_id", text("id DESC")),
        Index("idx_audit_logs_created_at", "created_at"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None]
    role: Mapped[str | None]
    request_id: Mapped[str | None]
    ip_address: Mapped[str | None] = mapped_column(INET)
    action: Mapped[str]
    resource: Mapped[str]
    resource_id: Mapped[str | None]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    database_user: Mapped[str] = mapped_column(server_default=text("session_user"))
    transaction_id: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint"))
    created_at: Mapped[datetime]
