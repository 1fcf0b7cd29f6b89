"""Holds and movements. A hold exists only while it is active; its history is in the movements."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import Base, Counter, Keyed, PositiveInteger, reference
from lex.db.domains import one_of


class StockHold(Keyed, Base):
    """Units kept for an order until it is paid or expires.

    No foreign key to orders: stock is shared while orders belong to a person, and a reservation is keyed by the order.
    """

    __tablename__ = "stock_holds"
    __table_args__ = (
        UniqueConstraint("order_id", "product_id"),
        Index("idx_stock_holds_product_id", "product_id"),
        Index("idx_stock_holds_expires_at", "expires_at"),
    )

    product_id: Mapped[UUID] = reference("products")
    order_id: Mapped[UUID]
    quantity: Mapped[PositiveInteger]
    expires_at: Mapped[datetime]


class StockMovement(Keyed, Base):
    """One change of a product's counters: who, why, how many."""

    __tablename__ = "stock_movements"
    __table_args__ = (
        CheckConstraint("on_hand_change <> 0 OR reserved_change <> 0", name="change"),
        Index("idx_stock_movements_product_id", "product_id", "id"),
        Index("idx_stock_movements_order_id", "order_id"),
    )

    product_id: Mapped[UUID] = reference("products")
    order_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(
        one_of("stock_movement_kind", "receive", "adjust", "hold", "release", "sale", "return")
    )
    on_hand_change: Mapped[Counter]
    reserved_change: Mapped[Counter]
    reason: Mapped[str | None]
    actor_id: Mapped[UUID | None]
