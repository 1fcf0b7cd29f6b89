"""Compare what buyers were told with what the database holds."""

from collections import Counter
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from bench.buyers import OK, REFUSED, Deed
from tests.support.invariants import broken

_ORDERS: LiteralString = """
SELECT o.cart_id::text, o.id::text, o.status, o.payment_status, count(i.id) AS lines FROM orders o
LEFT JOIN order_items i ON i.order_id = o.id GROUP BY o.id
"""


def judge(database_url: str, deeds: list[Deed]) -> list[str]:
    """Every sentence is something that was promised and does not hold; none is the rule."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        orders = {row["cart_id"]: row for row in connection.execute(_ORDERS)}
    found = [f"{what}: {rows}" for what, rows in broken(database_url).items()]
    for deed in deeds:
        found += _judged(deed, orders.get(deed.cart))
    return found


def _judged(deed: Deed, order: dict[str, Any] | None) -> list[str]:
    """An unknown outcome may be there wholly or not at all; a definite one is as it was told."""
    if order is None:
        return [f"cart {deed.cart}: order {deed.order} was acknowledged and is not there"] if deed.placed == OK else []
    found = []
    if deed.placed == REFUSED:
        found.append(f"cart {deed.cart}: refused, and yet there is order {order['id']}")
    if deed.placed == OK and order["id"] != deed.order:
        found.append(f"cart {deed.cart}: acknowledged as {deed.order}, stored as {order['id']}")
    if not order["lines"]:
        found.append(f"order {order['id']} has no lines")
    if deed.paid == OK and order["payment_status"] != "paid":
        found.append(f"order {order['id']}: told that it is paid, stored as {order['payment_status']}")
    if deed.canceled == OK and order["status"] != "canceled":
        found.append(f"order {order['id']}: told that it is canceled, stored as {order['status']}")
    return found


def figures(deeds: list[Deed]) -> list[tuple[str, str]]:
    """How often what was told."""
    rows = []
    for what in ("placed", "paid", "canceled"):
        told = Counter(str(getattr(deed, what)) for deed in deeds)
        told.pop("", None)
        rows.append((what, ", ".join(f"{number} {outcome}" for outcome, number in sorted(told.items()))))
    return rows
