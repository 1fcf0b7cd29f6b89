"""Reads of tax rates. A cart reads them with its other facts, in one statement (`carts/queries`)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import LiteralString

from lex.db import sql
from lex.db.session import Session

_LIST: LiteralString = """
SELECT country, tax_class, rate, name FROM tax_rates
WHERE deleted_at IS NULL AND (%(country)s::text IS NULL OR country = %(country)s) ORDER BY country, tax_class
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a country takes of a class, in percent."""

    country: str
    tax_class: str
    rate: Decimal
    name: str


async def list_rates(session: Session, country: str | None = None) -> list[Rate]:
    """All rates, or one country's. No row for a class means no tax is charged there."""
    return await sql.fetch_all(session, _LIST, Rate, country=country)
