"""Verbs of tax rates."""

import re
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from lex.core import ids
from lex.core.errors import FieldError, Invalid
from lex.core.texts import fault_in
from lex.db import sql
from lex.db.session import Session

_INSERT: LiteralString = """
INSERT INTO tax_rates (id, country, tax_class, rate, name)
VALUES (%(id)s, %(country)s, %(tax_class)s, %(rate)s, %(name)s)
"""


async def create_rate(session: Session, country: str, tax_class: str, rate: Decimal, name: str) -> UUID:
    """What a country takes of a class of goods, in percent.

    Raises `Invalid` with every bad field; a second rate for the same country and class refuses at the end.
    """
    errors: list[FieldError] = []
    if not re.fullmatch("[A-Z]{2}", country):
        errors.append(FieldError("country", f"“{country[:12]}” is no country; use two capitals such as DE."))
    if not re.fullmatch("[a-z][a-z0-9-]{0,39}", tax_class):
        errors.append(FieldError("tax_class", "A tax class is a short word such as standard or reduced."))
    if not rate.is_finite() or not 0 <= rate <= 100 or rate != round(rate, 3):
        errors.append(FieldError("rate", "A rate lies between 0 and 100 percent, with three decimals at most."))
    if fault := fault_in(name, longest=60, shortest=1):
        errors.append(FieldError("name", fault))
    if errors:
        raise Invalid.of(errors)
    rate_id = ids.new_id()
    await sql.execute(session, _INSERT, id=rate_id, country=country, tax_class=tax_class, rate=rate, name=name)
    return rate_id
