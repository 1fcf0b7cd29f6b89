"""The currency of the shop's data. Prices carry none of their own: under another setting each would be another amount.

It is kept beside the data from the first start on and may change until something is priced.
"""

from typing import Any, LiteralString

import psycopg

from lex.core.errors import Conflict

_THERE: LiteralString = "SELECT to_regclass('public.shop_facts') IS NOT NULL"
_KEPT: LiteralString = """
SELECT coalesce((SELECT value FROM shop_facts WHERE name = 'currency'),
    (SELECT currency FROM orders ORDER BY id DESC LIMIT 1))
"""
_PRICED: LiteralString = """
SELECT EXISTS (SELECT FROM products) OR EXISTS (SELECT FROM services) OR EXISTS (SELECT FROM subscription_plans)
    OR EXISTS (SELECT FROM shipping_methods) OR EXISTS (SELECT FROM coupons) OR EXISTS (SELECT FROM orders)
"""
_KEEP: LiteralString = """
INSERT INTO shop_facts (name, value) VALUES ('currency', %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


def other_currency(connection: psycopg.Connection[Any], wanted: str) -> str | None:
    """The currency this shop's prices and orders are in, when that is not `wanted`."""
    if not _value(connection, _THERE):
        return None
    kept: str | None = _value(connection, _KEPT)
    return kept if kept not in (None, wanted) and _value(connection, _PRICED) else None


def keep_currency(database_url: str, wanted: str) -> None:
    """Remember `wanted` as the shop's currency. Raises `Conflict` (`currency`) when its data are in another."""
    with psycopg.connect(database_url) as connection:
        if other := other_currency(connection, wanted):
            raise Conflict(
                f"The prices and orders of this shop are in {other}, and LEX_CURRENCY is {wanted}: every amount would "
                f"be wrong. Set LEX_CURRENCY={other}, or open another shop for {wanted}.",
                code="currency",
            )
        if _value(connection, _THERE):
            connection.execute(_KEEP, (wanted,))


def _value(connection: psycopg.Connection[Any], statement: LiteralString) -> Any:
    row = connection.execute(statement).fetchone()
    return row[0] if row else None
