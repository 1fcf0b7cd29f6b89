"""The audit trail, partitioned by month of its UUIDv7 id, the seals over it, and the months that were archived."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import Base


class AuditLog(Base):
    """One change of one row, or one event such as a sign-in. `user_id` is who acted, `acted_by` whoever of the
    staff did it for them.

    `changes` of an update: column → [old, new]; of an insert {"new": row}, of a delete {"old": row}.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index("idx_audit_logs_user_id", "user_id", text("id DESC"), postgresql_where=text("user_id IS NOT NULL")),
        Index(
            *("idx_audit_logs_action", "action", text("id DESC")),
            postgresql_where=text("action <> ALL (ARRAY['insert', 'update'])"),
        ),
        Index(
            *("idx_audit_logs_acted_by", "acted_by", text("id DESC")),
            postgresql_where=text("acted_by IS NOT NULL"),
        ),
        Index("idx_audit_logs_resource", "resource", "resource_id", text("id DESC")),
        Index("idx_audit_logs_created_at", "created_at", "transaction_id", postgresql_using="brin"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None]
    acted_by: Mapped[UUID | None]
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


class AuditSeal(Base):
    """One link of the chain over `audit_logs`: the rows of a range of transactions, and the seal before it.

    `entries` holds 32 bytes a row, its id and the digest of its content, so that a changed, missing or inserted row is
    named. `seal` is an HMAC-SHA256 under a key that is not in the database.
    """

    __tablename__ = "audit_seals"
    __table_args__ = (
        CheckConstraint("from_transaction < until_transaction", name="range"),
        CheckConstraint("octet_length(entries) = row_count * 32", name="entries"),
    )

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    from_transaction: Mapped[int] = mapped_column(BigInteger)
    until_transaction: Mapped[int] = mapped_column(BigInteger)
    row_count: Mapped[int]
    entries: Mapped[bytes] = mapped_column(LargeBinary)
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str]
    seal: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class AuditArchive(Base):
    """A month of `audit_logs` that was written to a file and dropped: ids in [lower_id, upper_id).

    `signature` is an HMAC-SHA256 over the rest, under a key that is not in the database.
    """

    __tablename__ = "audit_archives"
    __table_args__ = (
        UniqueConstraint("partition", name="uq_audit_archives_partition"),
        CheckConstraint("row_count >= 0", name="row_count"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    partition: Mapped[str]
    lower_id: Mapped[UUID]
    upper_id: Mapped[UUID]
    file_name: Mapped[str]
    file_digest: Mapped[bytes] = mapped_column(LargeBinary)
    row_count: Mapped[int]
    key_id: Mapped[str]
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
