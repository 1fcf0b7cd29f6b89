"""Reviews."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import Base, Keyed, No, SoftDelete, Touched, owned_by, reference
from lex.db.domains import one_of


class Review(Keyed, Touched, SoftDelete, Base):
    """A rating of 1 to 5 with words, about a product or a service; pending until moderated."""

    __tablename__ = "reviews"
    __table_args__ = (
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        CheckConstraint("num_nonnulls(product_id, service_id) = 1", name="item"),
        CheckConstraint("moderated_by <> user_id", name="moderated_by"),
        CheckConstraint(
            "(status = 'pending') = (moderated_at IS NULL) AND (status = 'pending') = (moderated_by IS NULL)",
            name="moderated_at",
        ),
        owned_by("order_items", "order_item_id", "reviews"),
        Index("idx_reviews_product_id", "product_id", "status", "rating"),
        Index("idx_reviews_service_id", "service_id", "status", "rating"),
        Index("idx_reviews_user_id", "user_id"),
        Index("idx_reviews_order_item_id", "order_item_id"),
        Index("idx_reviews_moderated_by", "moderated_by"),
        Index("idx_reviews_status", "status", "created_at"),
        Index(
            "uq_reviews_product_id",
            "user_id",
            "product_id",
            unique=True,
            postgresql_where=text("product_id IS NOT NULL AND deleted_at IS NULL"),
        ),
        Index(
            "uq_reviews_service_id",
            "user_id",
            "service_id",
            unique=True,
            postgresql_where=text("service_id IS NOT NULL AND deleted_at IS NULL"),
        ),
    )

    user_id: Mapped[UUID] = reference("users")
    product_id: Mapped[UUID | None] = reference("products", nullable=True)
    service_id: Mapped[UUID | None] = reference("services", nullable=True)
    order_item_id: Mapped[UUID | None]
    rating: Mapped[int] = mapped_column(SmallInteger)
    title: Mapped[str | None]
    body: Mapped[str | None]
    status: Mapped[str] = mapped_column(
        one_of("review_status", "pending", "approved", "rejected"), server_default=text("'pending'")
    )
    is_verified_purchase: Mapped[No]
    moderated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", name="fk_reviews_moderators"))
    moderated_at: Mapped[datetime | None]
