"""One database in which one customer has a row in every table, and somebody else has none."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from lex.core import ids
from tests.conftest import temporary_database
from tests.migrations.conftest import rows, shared_database_url
from tests.support.cluster import Cluster
from tests.support.rows import Rows, one_of_every_table

__all__ = ["rows", "shared_database_url"]

CART_TOKEN, ORDER_TOKEN, FILE_TOKEN, OLD_TOKEN = (name.encode() for name in ("cart", "order", "file", "old"))


@dataclass(frozen=True)
class Peopled:
    """`owner` has everything, the others nothing; `rows` are told as the administering login sees them."""

    url: str
    owner: UUID
    stranger: UUID
    moderator: UUID
    order: UUID
    rows: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def peopled(cluster: Cluster, template: str) -> Iterator[Peopled]:
    """The database, shared by the tests of a module: what they change they take back."""
    for url in temporary_database(cluster, template):
        with Rows(url) as made:
            yield _fill(made, url)


def _fill(rows: Rows, url: str) -> Peopled:
    one_of_every_table(rows)
    owner, order = rows.last["users"]["id"], rows.last["orders"]["id"]
    for table in ("carts", "cart_items"):
        rows.run(f"UPDATE {table} SET user_id = %s", owner)
    for table in ("bookings", "notifications", "subscription_periods", "payment_events", "payment_references"):
        rows.run(f"UPDATE {table} SET order_id = %s", order)
    rows.run("UPDATE carts SET token_hash = %s", CART_TOKEN)
    rows.run("UPDATE order_tokens SET token_hash = %s, expires_at = now() + interval '1 day'", ORDER_TOKEN)
    rows.run("UPDATE downloads SET token_hash = %s", FILE_TOKEN)
    rows.add("order_tokens", token_hash=OLD_TOKEN)  # its time is over
    stranger, moderator = ids.new_id(), ids.new_id()
    rows.run("INSERT INTO users (id, role) VALUES (%s, 'user'), (%s, 'moderator')", stranger, moderator)
    return Peopled(url, owner, stranger, moderator, order, rows.last)
