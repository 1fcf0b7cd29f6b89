"""Whose a row is stands in the row: the tables of people can be spread over several databases by `user_id` one day.

How the door stays open, and what resolves a reference from outside: docs/concepts/rules.md.
"""

import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

import lex
from lex.ops.models import metadata
from tests.support.rows import Rows

#: A row of these may belong to nobody. Everywhere else `user_id` is NOT NULL.
NOBODYS = {
    "audit_logs": "the column says who acted, and Lex itself is nobody",
    "carts": "a guest's cart is held by its token until an order makes the guest a user",
    "cart_items": "follow their cart",
    "idempotency_keys": "belong to an actor key, which a guest's token makes too",
}
#: References to a person's row that do not say whose: column → why.
LOOSE = {
    "fk_cart_items_carts": "a guest's cart has no user; beside it stands the key of both columns",
}
#: Tables that name an order or a booking without being anybody's.
IMPERSONAL = {"stock_holds", "stock_movements", "occupancies"}

_BY_NUMBER = "resolves a reference from outside: the row found says whose it is"
_OF_ALL = "a job or report over everybody's rows, in batches"
_BY_ORDER = "follows the row of its order, which the flow holds locked"
_BEFORE_ORDER = "takes its locks before the order's row is read, whose owner may change until then"
#: Statements on tables of people that do not name `user_id` for each of them, and why they may.
UNNAMED = {
    "lex.coupons.holding._LOCK_FOR_ORDER": _BEFORE_ORDER,
    "lex.coupons.queries._CODES": _OF_ALL,
    "lex.notifications.commands._MARK": "is marked even if its order was adopted while the mail was on its way",
    "lex.notifications.commands._RESEND": _OF_ALL,
    "lex.ops.currency._KEPT": _OF_ALL,
    "lex.ops.currency._PRICED": _OF_ALL,
    "lex.identity.api_keys._USED": _OF_ALL,
    "lex.identity.queries._KEYS": _OF_ALL,
    "lex.identity.queries._BLIND_KEYS": _OF_ALL,
    "lex.orders.desk._LOCK": _BY_NUMBER,
    "lex.orders.downloads._LIST": _BY_ORDER,
    "lex.orders.finding._ID": _BY_NUMBER,
    "lex.orders.finding._NUMBER": _BY_NUMBER,
    "lex.payments.queries._STALE": _OF_ALL,
    "lex.stock.holding.LOCKED": _BEFORE_ORDER,
    "lex.stock.holding._LOCK_FOR_ORDER": _BEFORE_ORDER,
}
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+(?:public\.)?(\w+)")


def of_people() -> set[str]:
    """The tables with an owner."""
    return {table.name for table in metadata.sorted_tables if "user_id" in table.columns}


def modules() -> list[ModuleType]:
    """All of Lex but its migrations, and the seeding of test data, which writes everybody's rows at once."""
    names = [found.name for found in pkgutil.walk_packages(lex.__path__, "lex.")]
    return [
        importlib.import_module(name) for name in names if not re.match(r"lex\.(db\.migrations|ops\.seeding)", name)
    ]


def test_every_row_of_a_person_says_whose_it_is(rows: Rows) -> None:
    nullable = rows.column(
        """
        SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relkind IN ('r', 'p')
          AND a.attname = 'user_id' AND NOT a.attnotnull
        """
    )
    assert set(nullable) == NOBODYS.keys()


def test_what_hangs_on_a_persons_row_hangs_on_the_person_too(rows: Rows) -> None:
    loose = rows.column(
        """
        SELECT o.conname::text FROM pg_constraint o
        JOIN pg_attribute p ON p.attrelid = o.confrelid AND p.attname = 'user_id'
        WHERE o.contype = 'f' AND o.conparentid = 0 AND p.attnum <> ALL (o.confkey)
        """
    )
    assert set(loose) == LOOSE.keys()


def test_nothing_names_an_order_without_its_owner(rows: Rows) -> None:
    tables = rows.column(
        """
        SELECT DISTINCT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relkind IN ('r', 'p')
          AND a.attname ~ '^(order|order_item|payment|cart|booking|subscription|fulfilment|refund|address)_id$'
          AND NOT EXISTS (SELECT FROM pg_attribute u WHERE u.attrelid = c.oid AND u.attname = 'user_id')
        """
    )
    assert set(tables) == IMPERSONAL


def unnamed() -> set[str]:
    """Statements that mention tables of people more often than `user_id`."""
    named, found = of_people() - NOBODYS.keys(), set()
    for module in modules():
        own = {name: value for name, value in vars(module).items() if isinstance(value, str)}
        for name, statement in own.items():
            touched = [table for table in _TABLE.findall(statement) if table in named]
            is_defined_here = re.search(rf"^{name}\b.* = ", _source(module), re.MULTILINE)
            if len(touched) > statement.count("user_id") and is_defined_here:
                found.add(f"{module.__name__}.{name}")
    return found


def _source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text("utf-8")


def test_every_statement_on_a_persons_rows_names_the_person() -> None:
    assert unnamed() == UNNAMED.keys()


@pytest.mark.parametrize("outside", ["order_numbers", "payment_references", "users"])
def test_references_from_outside_resolve_in_one_small_table(rows: Rows, outside: str) -> None:
    """An order number, a provider's payment id, an e-mail's blind index: one unique key, and the owner beside it."""
    key = {"order_numbers": "order_number", "payment_references": "provider", "users": "email_blind_index"}[outside]
    unique = rows.column(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indisunique AND indrelid = %s::regclass", outside
    )
    assert any(f"({key}" in line for line in unique)
