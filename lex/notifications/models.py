"""Notifications: the row is the outbox; a job sends it after the change that caused it has committed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import Base, Counter, Document, Keyed, No, SoftDelete, Touched, owned_by, reference
from lex.db.domains import one_of


class Notification(Keyed, Touched, SoftDelete, Base):
    """One message to one person. `data` holds ids and amounts only; names and addresses are read when it is sent."""

    __tablename__ = "notifications"
    __table_args__ = (
        owned_by("orders", "order_id", "notifications"),
        Index("idx_notifications_user_id", "user_id", "is_read", "created_at"),
        Index("idx_notifications_order_id", "order_id"),
        Index("idx_notifications_status", "created_at", postgresql_where=text("status = 'pending'")),
    )

    user_id: Mapped[UUID] = reference("users")
    order_id: Mapped[UUID | None]
    channel: Mapped[str] = mapped_column(one_of("notification_channel", "in_app", "email", "sms", "push"))
    template: Mapped[str]
    priority: Mapped[str] = mapped_column(
        one_of("notification_priority", "low", "normal", "high", "urgent"), server_default=text("'normal'")
    )
    data: Mapped[Document]
    is_marketing: Mapped[No]
    status: Mapped[str] = mapped_column(
        one_of("notification_status", "pending", "sent", "failed", "expired"), server_default=text("'pending'")
    )
    attempts: Mapped[Counter]
    last_error: Mapped[str | None]
    is_read: Mapped[No]
    read_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
