"""Rows straight into the tables: what a test of the database itself needs, without going through any flow.

`Rows.add("refunds", amount=5)` fills every required column with something legal, makes the parents it lacks and hangs
the row on the parents added last.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg.types.range import Range
from sqlalchemy import Column, ForeignKeyConstraint, Table
from sqlalchemy.dialects.postgresql import DOMAIN

from lex.core import ids
from lex.ops.models import metadata

Row = dict[str, Any]
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
_number = count(1)

#: Values that the type alone does not tell.
LEGAL: dict[str, Any] = {
    "currency": "EUR",
    "country": "DE",
    "quantity": 2,
    "last4": "4242",
    "ends_at": START + timedelta(hours=1),
    "current_period_end": START + timedelta(days=30),
    "prices_include_tax": True,
    "rating": 5,
    "timezone": "UTC",
}
#: Whole rows whose columns depend on each other.
TOGETHER: dict[str, Row] = {
    "account_tokens": {"purpose": "confirm_old_email", "email_change_id": ...},
    "audit_seals": {"from_transaction": 0, "until_transaction": 1, "row_count": 0, "entries": b""},
    "coupons": {"code": "TEN", "type": "percentage", "percentage": 10},
    "coupon_codes": {"code": "TEN-1"},
    "coupon_usages": {"amount": 0},
    "invoices": {"net_amount": 10, "tax_amount": 2, "total_amount": 12},
    "bookings": {"status": "completed", "resource_id": ..., "service_slot_id": None},
    "carts": {"token_hash": b"guest"},
    "cart_items": {"item_type": "product", "product_id": ...},
    "order_items": {"item_type": "product", "product_id": ..., "net_amount": 10, "tax_amount": 2, "total_amount": 12},
    "orders": {"subtotal_amount": 12, "discount_amount": 0, "shipping_amount": 0, "tax_amount": 2, "total_amount": 12},
    "payment_methods": {"provider_token": b"token"},
    "payments": {"amount": 12, "captured_amount": 12, "status": "captured"},
    "person_keys": {"wrapped_key": b"key" * 20},
    "reviews": {"product_id": ...},
    "schedule_exceptions": {"service_id": ...},
    "stock_movements": {"on_hand_change": 1},
    "service_days": {"capacity": 4},
    "service_slots": {"capacity": 4},
}
#: Filled by their migration or by triggers on others.
DERIVED = {"order_numbers", "product_facets", "product_prices", "product_texts", "status_transitions"}


class Rows:
    """Adds rows over one connection in autocommit; `last[table]` is the newest row of a table."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self.last: dict[str, Row] = {}

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def add(self, table: str, **given: Any) -> Row:
        """Insert one row and return it as stored."""
        model = metadata.tables[table]
        values: Row = {**TOGETHER.get(table, {}), **given}
        for foreign in sorted(model.foreign_key_constraints, key=lambda key: len(key.columns), reverse=True):
            self._point(foreign, values)
        for column in model.columns:
            if column.name not in values and not column.nullable and column.server_default is None:
                values[column.name] = _legal(model, column, values)
        if table == "bookings" and values["resource_id"]:
            serves = "INSERT INTO service_resources (service_id, resource_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
            self.run(serves, values["service_id"], values["resource_id"])
        names = sql.SQL(", ").join(map(sql.Identifier, values))
        places = sql.SQL(", ").join(sql.Placeholder() * len(values))
        given_ones = sql.SQL("({}) VALUES ({})").format(names, places) if values else sql.SQL("DEFAULT VALUES")
        query = sql.SQL("INSERT INTO {} {} RETURNING *").format(sql.Identifier(table), given_ones)
        row = self._execute(query, [_adapted(value) for value in values.values()]).fetchone()
        self.last[table] = cast(Row, row)
        return self.last[table]

    def one(self, query: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self._execute(query.encode(), values).fetchone()
        return None if row is None else next(iter(row.values()))

    def run(self, query: str, *values: Any) -> int:
        """Execute and return the number of rows."""
        return self._execute(query.encode(), values).rowcount

    def column(self, query: str, *values: Any) -> list[Any]:
        """The first column of every row."""
        rows = self._execute(query.encode(), values).fetchall()
        return [next(iter(row.values())) for row in rows]

    def _execute(self, query: Any, values: Sequence[Any]) -> psycopg.Cursor[Row]:
        """Under a savepoint where a transaction is open: a refused statement does not end the test's transaction."""
        with self.connection.transaction():
            return self.connection.execute(query, values)

    def _point(self, foreign: ForeignKeyConstraint, values: Row) -> None:
        wanted = [
            column.name for column in foreign.columns if not column.nullable or values.get(column.name, None) is ...
        ]
        if any(values.get(column.name, ...) is None for column in foreign.columns):
            return  # it points nowhere
        if all(values.get(name, ...) is not ... for name in wanted):
            return
        parent = foreign.referred_table.name
        row = self.last.get(parent) or self.add(parent)
        for element in foreign.elements:
            if values.get(element.parent.name, ...) is ...:
                values[element.parent.name] = row[element.column.name]


def one_of_every_table(rows: Rows) -> None:
    """A row in every table of the models and of the job queue, lines that name a plan among them."""
    rows.add("users", role="user")
    for table in metadata.sorted_tables:
        if table.name not in rows.last and table.name not in DERIVED:
            rows.add(table.name)
    plan = rows.last["subscription_plans"]["id"]
    rows.add("cart_items", item_type="plan", product_id=None, subscription_plan_id=plan)
    rows.add("order_items", item_type="plan", product_id=None, subscription_plan_id=plan, position=2)
    rows.add("fulfilment_items")
    rows.run("INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) VALUES ('default', 'any', now())")
    rows.run("INSERT INTO procrastinate_workers DEFAULT VALUES")
    rows.run("INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp) VALUES ('any', 1)")


def _legal(table: Table, column: Column[Any], values: Row) -> Any:
    if table.name == "orders" and column.name in ("created_at", "order_number"):
        return ids.instant_of(values["id"]) if column.name == "created_at" else ids.order_number(values["id"])
    if table.name == "audit_logs" and column.name == "created_at":
        return ids.instant_of(values["id"])
    if column.name in LEGAL:
        return LEGAL[column.name]
    if isinstance(column.type, DOMAIN):
        allowed = re.match(r"VALUE = ANY \('{(\w+)", str(column.type.check))
        if allowed:
            return allowed[1]
    kind = type(column.type.data_type if isinstance(column.type, DOMAIN) else column.type).__name__
    if kind == "Uuid":
        return ids.new_id()
    if kind == "TSTZRANGE":
        start = START + timedelta(hours=next(_number))
        return Range(start, start + timedelta(hours=1))
    return {
        "Text": f"x{next(_number)}",
        "LargeBinary": f"x{next(_number)}".encode(),
        "Date": date(2026, 3, 2),
        "DateTime": START,
        "JSONB": {},
        "Boolean": False,
    }.get(kind, 1)


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value
