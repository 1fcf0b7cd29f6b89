"""Reads of shipping methods. A cart reads them with its other facts, in one statement (`carts/queries`)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from lex.core import money
from lex.core.settings import settings
from lex.db import sql
from lex.db.session import Session

_LIST: LiteralString = """
SELECT id, code, name, description, kind, price, free_from, countries, tax_class FROM shipping_methods
WHERE deleted_at IS NULL AND is_active
  AND (%(country)s::text IS NULL OR countries = '{}' OR %(country)s = ANY(countries))
ORDER BY "order", code
"""


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    code: str
    name: str
    description: str | None
    kind: str
    price: Decimal
    free_from: Decimal | None
    countries: list[str]
    tax_class: str


@dataclass(frozen=True, slots=True)
class Method:
    """A way for goods to reach the customer. Amounts in minor units; no countries means everywhere."""

    id: UUID
    code: str
    name: str
    description: str | None
    kind: str
    price: int
    free_from: int | None
    countries: list[str]
    tax_class: str


async def list_methods(session: Session, country: str | None = None) -> list[Method]:
    """The methods on offer, in the shop's order; with `country` only those that reach it."""
    currency = settings().currency
    return [
        Method(
            id=row.id,
            code=row.code,
            name=row.name,
            description=row.description,
            kind=row.kind,
            price=money.minor(row.price, currency),
            free_from=None if row.free_from is None else money.minor(row.free_from, currency),
            countries=row.countries,
            tax_class=row.tax_class,
        )
        for row in await sql.fetch_all(session, _LIST, _Row, country=country)
    ]
