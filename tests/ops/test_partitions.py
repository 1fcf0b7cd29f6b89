from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from psycopg.errors import CheckViolation, RestrictViolation, UniqueViolation

from lex.core import clock, ids
from lex.core.errors import Unavailable
from lex.ops import partitions
from tests.support.rows import Rows


def ordered(instant: datetime, **given: Any) -> dict[str, Any]:
    """The columns that tie an order to an instant."""
    key = ids.floor_id(instant)
    return {"id": key, "created_at": ids.instant_of(key), "order_number": ids.order_number(key), **given}


def plan(rows: Rows, query: str, *values: object) -> str:
    return "\n".join(rows.column(f"EXPLAIN (COSTS OFF) {query}", *values))


@pytest.mark.parametrize(
    ("instant", "name", "start", "end"),
    [
        ("2026-11-23T12:00", "orders_p2026q4", "2026-10-01", "2027-01-01"),
        ("2026-10-01T00:00", "orders_p2026q4", "2026-10-01", "2027-01-01"),
        ("2026-09-30T23:59", "orders_p2026q3", "2026-07-01", "2026-10-01"),
        ("2027-01-01T00:00", "orders_p2027q1", "2027-01-01", "2027-04-01"),
    ],
)
def test_quarters(instant: str, name: str, start: str, end: str) -> None:
    found = partitions.orders_partition(datetime.fromisoformat(instant).replace(tzinfo=UTC))
    assert (found.name, f"{found.start:%Y-%m-%d}", f"{found.end:%Y-%m-%d}") == (name, start, end)


def test_months() -> None:
    found = partitions.audit_partition(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert (found.name, found.end) == ("audit_logs_p202612", datetime(2027, 1, 1, tzinfo=UTC))


def test_the_migrations_leave_nothing_to_make(database_url: str) -> None:
    assert partitions.ensure(database_url) == []
    assert {status.table: status.ahead for status in partitions.status(database_url)} == {"audit_logs": 6, "orders": 4}
    assert not any(status.is_short for status in partitions.status(database_url))


def test_ensure_makes_what_is_missing_once(database_url: str) -> None:
    made = partitions.ensure(database_url, quarters=6, months=8)
    assert len(made) == 4
    assert partitions.ensure(database_url, quarters=6, months=8) == []
    assert {status.ahead for status in partitions.status(database_url)} == {6, 8}


def test_a_partition_made_later_is_like_one_of_the_migration(database_url: str) -> None:
    later = partitions.ensure(database_url, quarters=5, months=7)
    now = clock.real_now()
    first = [partitions.orders_partition(now).name, partitions.audit_partition(now).name]
    with Rows(database_url) as rows:
        for old, new in zip(first, later, strict=True):
            assert described(rows, old) == described(rows, new)
        assert f"uq_{later[0]}_order_number" in rows.column("SELECT relname FROM pg_class")


def described(rows: Rows, table: str) -> list[str]:
    return sorted(
        text.replace(table, "partition")
        for text in rows.column(
            """
            SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %(t)s::regclass
            UNION ALL SELECT concat(conname, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE conrelid = %(t)s::regclass
            UNION ALL SELECT concat(tgname, tgenabled, tgtype) FROM pg_trigger
            WHERE tgrelid = %(t)s::regclass AND tgname !~ '^RI_'
            UNION ALL SELECT unnest(reloptions) FROM pg_class WHERE oid = %(t)s::regclass
            """.replace("%(t)s", f"'{table}'")
        )
    )


def test_a_partition_made_later_takes_orders_and_keeps_the_rules(database_url: str) -> None:
    partitions.ensure(database_url, quarters=6)
    far = partitions.status(database_url)[1].until - timedelta(days=40)
    with Rows(database_url) as rows:
        first = rows.add("orders", **ordered(far))
        with pytest.raises(UniqueViolation, match="_order_number"):
            rows.add("orders", **ordered(far + timedelta(seconds=1), order_number=first["order_number"]))
        name = rows.one("SELECT tableoid::regclass::text FROM orders")
        for statement in ("DELETE FROM orders", f"TRUNCATE {name} CASCADE"):
            with pytest.raises(RestrictViolation):
                rows.run(statement)


def test_an_order_number_of_another_day_is_refused(database_url: str) -> None:
    with Rows(database_url) as rows, pytest.raises(CheckViolation, match="ck_orders_order_number"):
        rows.add("orders", order_number="LEX-20200101-ABCDEFGH")


def test_created_at_is_the_instant_of_the_id(database_url: str) -> None:
    with Rows(database_url) as rows:
        with pytest.raises(CheckViolation, match="ck_orders_created_at"):
            rows.add("orders", id=(key := ids.new_id()), created_at=ids.instant_of(key) + timedelta(milliseconds=1))
        made = [rows.add("orders") for _ in range(20)]
        assert all(row["created_at"] == ids.instant_of(row["id"]) for row in made)
        low, high = ids.id_bounds(made[0]["created_at"], made[0]["created_at"] + timedelta(milliseconds=1))
        assert rows.one("SELECT public.uuid_v7_floor(%s)", made[0]["created_at"]) == low <= made[0]["id"] < high


def test_a_missing_period_is_an_error_and_ensure_mends_it(database_url: str) -> None:
    until = partitions.status(database_url)[1].until
    with Rows(database_url) as rows:
        with pytest.raises(CheckViolation, match='no partition of relation "orders" found for row'):
            rows.add("orders", **ordered(until))
        partitions.ensure(database_url, quarters=5)
        rows.add("orders", **ordered(until))


def test_few_partitions_ahead_are_short(database_url: str) -> None:
    with Rows(database_url) as rows:
        names = rows.column("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'orders'::regclass")
        for name in sorted(names)[-3:]:
            rows.run(f"ALTER TABLE orders DETACH PARTITION {name}")
            rows.run(f"DROP TABLE {name}")
    audit, orders = partitions.status(database_url)
    assert (orders.ahead, orders.is_short, audit.is_short) == (1, True, False)
    assert len(partitions.ensure(database_url)) == 3


def test_the_partitions_are_listed(database_url: str) -> None:
    found = partitions.list_partitions(database_url)
    now = clock.real_now()
    current = {partition.table: partition.name for partition in found if partition.start <= now < partition.end}
    assert current == {
        "orders": partitions.orders_partition(now.astimezone(UTC)).name,
        "audit_logs": partitions.audit_partition(now.astimezone(UTC)).name,
    }
    assert all(partition.bytes > 0 for partition in found)


def test_no_partition_takes_what_no_other_does(database_url: str) -> None:
    with Rows(database_url) as rows:
        bounds = "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r'"
        assert "DEFAULT" not in rows.column(bounds)


def test_id_and_number_lookups_touch_one_partition(database_url: str) -> None:
    with Rows(database_url) as rows:
        order = rows.add("orders")
        name = rows.one("SELECT tableoid::regclass::text FROM orders")
        by_id = plan(rows, "SELECT * FROM orders WHERE id = %s", order["id"])
        day = order["created_at"].replace(hour=0, minute=0, second=0, microsecond=0)
        by_number = plan(
            rows,
            "SELECT * FROM orders WHERE order_number = %s AND id >= %s AND id < %s",
            order["order_number"],
            *ids.id_bounds(day, day + timedelta(days=1)),
        )
        by_month = plan(
            rows, "SELECT * FROM audit_logs WHERE id >= %s AND id < %s", *ids.id_bounds(day, day + timedelta(hours=1))
        )
        everywhere = plan(rows, "SELECT * FROM orders WHERE order_number = %s", order["order_number"])
    for text in (by_id, by_number):
        assert text.count(f" on {name}") == 1
        assert "Append" not in text
    assert "Append" not in by_month
    assert "Append" in everywhere


def test_a_busy_parent_is_waited_for_and_then_reported(database_url: str) -> None:
    with Rows(database_url) as rows, rows.connection.transaction(), patch.object(partitions, "_ATTEMPTS", 1):
        rows.run("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable, match="next partitions could not be made"):
            partitions.ensure(database_url, quarters=5)
    assert partitions.ensure(database_url, quarters=5) != []
