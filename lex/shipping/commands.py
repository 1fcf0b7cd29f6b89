"""Verbs of shipping methods."""

import re
from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from lex.core import ids, money
from lex.core.errors import FieldError, Invalid
from lex.core.settings import settings
from lex.core.texts import fault_in
from lex.db import sql
from lex.db.session import Session

_CODE = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
_COUNTRY = re.compile(r"[A-Z]{2}")

_INSERT: LiteralString = """
INSERT INTO shipping_methods (id, code, name, description, kind, price, free_from, countries, tax_class, "order")
VALUES (%(id)s, %(code)s, %(name)s, %(description)s, %(kind)s, %(price)s, %(free_from)s, %(countries)s, %(tax_class)s,
        %(order)s)
"""


async def create_method(
    session: Session,
    code: str,
    name: str,
    kind: str,
    price: int,
    *,
    description: str | None = None,
    free_from: int | None = None,
    countries: Sequence[str] = (),
    tax_class: str = "standard",
    order: int = 0,
) -> UUID:
    """A way for goods to reach the customer; amounts in minor units, no countries means everywhere.

    What is collected is collected at the shop, wherever the buyer lives: `pickup` takes no countries.

    Raises `Invalid` with every bad field; a taken code refuses at the end of the transaction.
    """
    errors = _faults(code, name, kind, (price, free_from or 0), countries)
    if errors:
        raise Invalid.of(errors)
    method_id, currency = ids.new_id(), settings().currency
    await sql.execute(
        session,
        _INSERT,
        id=method_id,
        code=code,
        name=name,
        description=description,
        kind=kind,
        price=money.major(price, currency),
        free_from=None if free_from is None else money.major(free_from, currency),
        countries=list(countries),
        tax_class=tax_class,
        order=order,
    )
    return method_id


def _faults(code: str, name: str, kind: str, amounts: tuple[int, int], countries: Sequence[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    if not _CODE.fullmatch(code):
        errors.append(FieldError("code", "A code holds a–z, 0–9 and single hyphens."))
    if fault := fault_in(name, longest=120, shortest=1):
        errors.append(FieldError("name", fault))
    if kind not in ("flat", "pickup"):
        errors.append(FieldError("kind", "Use flat or pickup."))
    for field, amount in zip(("price", "free_from"), amounts, strict=True):
        if not 0 <= amount <= money.MAX_AMOUNT:
            errors.append(FieldError(field, "An amount lies between 0 and 99999999.99."))
    if kind == "pickup" and countries:
        errors.append(FieldError("countries", "Collection is at the shop and for everybody; leave countries out."))
    for country in countries:
        if not _COUNTRY.fullmatch(country):
            errors.append(FieldError("countries", f"“{country[:12]}” is no country; use two capitals such as DE."))
    return errors
