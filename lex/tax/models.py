"""Tax rates."""

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from lex.db.base import Base, CountryCode, Keyed, Percentage, SoftDelete, Touched


class TaxRate(Keyed, Touched, SoftDelete, Base):
    """The rate, in percent, of a tax class in a country. No row means no tax is charged there."""

    __tablename__ = "tax_rates"
    __table_args__ = (
        Index(
            "uq_tax_rates_country",
            "country",
            "tax_class",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    country: Mapped[CountryCode]
    tax_class: Mapped[str]
    rate: Mapped[Percentage]
    name: Mapped[str]
