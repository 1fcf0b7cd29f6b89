"""Shipping methods."""

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import Amount, Base, Counter, Keyed, SoftDelete, Touched, Yes
from lex.db.domains import one_of


class ShippingMethod(Keyed, Touched, SoftDelete, Base):
    """`flat` costs `price`, free from `free_from` goods value on where that is set; `pickup` is collected at the shop.

    `countries` is empty for a method that is offered everywhere, as `pickup` always is.
    """

    __tablename__ = "shipping_methods"
    __table_args__ = (
        Index("uq_shipping_methods_code", "code", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )

    code: Mapped[str]
    name: Mapped[str]
    description: Mapped[str | None]
    kind: Mapped[str] = mapped_column(one_of("shipping_method_kind", "flat", "pickup"))
    price: Mapped[Amount]
    free_from: Mapped[Amount | None]
    countries: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'::text[]"))
    tax_class: Mapped[str] = mapped_column(server_default=text("'standard'"))
    order: Mapped[Counter]
    is_active: Mapped[Yes]
