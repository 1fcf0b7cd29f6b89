"""Every entry of the specification, held to the live catalogue. What the database does not show is tried on it."""

import re
from decimal import Decimal
from typing import Any

import pytest
from psycopg.errors import CheckViolation, RestrictViolation, UniqueViolation

from lex.core.errors import Invalid
from lex.identity.commands import checked_email
from lex.ops import migrations
from tests.migrations import specification as wanted
from tests.support.rows import DERIVED, Rows

#: The type of a column, under its domain where it has one.
_KIND = """CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
    ELSE format_type(a.atttypid, a.atttypmod) END"""
_OURS = "c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relkind IN ('r', 'p')"


def columns(rows: Rows, where: str) -> list[tuple[str, str, str]]:
    """(table, column, type) of our tables."""
    found = rows.connection.execute(
        f"""
        SELECT c.relname::text AS t, a.attname::text AS n, {_KIND} AS k
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE {_OURS} AND c.relname !~ '^(procrastinate_|alembic_)' AND {where} ORDER BY 1, 2
        """.encode()
    ).fetchall()
    return [(row["t"], row["n"], row["k"]) for row in found]


@pytest.mark.parametrize("table", wanted.ENTITIES.values())
def test_each_entity_is_a_table_with_a_uuid_key(rows: Rows, table: str) -> None:
    key = rows.column(
        "SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) FROM pg_index x JOIN pg_attribute a"
        " ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)"
        " WHERE x.indisprimary AND x.indrelid = to_regclass(%s)",
        table,
    )
    assert key == ["id uuid"]


def test_no_entity_is_without_fields() -> None:
    assert wanted.FIELDS.keys() | {"service_categories"} == set(wanted.ENTITIES.values())


@pytest.mark.parametrize("table", wanted.FIELDS)
def test_each_field_is_a_column_of_its_type(rows: Rows, table: str) -> None:
    there = {name: kind for _, name, kind in columns(rows, f"c.relname = '{table}'")}
    for name, kind in wanted.FIELDS[table].items():
        assert there.get(name) == kind, name


@pytest.mark.parametrize(("table", "column"), wanted.ENUMS)
def test_each_enum_has_its_values(rows: Rows, table: str, column: str) -> None:
    check = rows.one(
        "SELECT pg_get_constraintdef(o.oid) FROM pg_attribute a JOIN pg_constraint o ON o.contypid = a.atttypid"
        " WHERE a.attrelid = %s::regclass AND a.attname = %s",
        *(table, column),
    )
    specified, added = wanted.ENUMS[table, column]
    assert set(re.findall(r"\w+", re.findall(r"'{(.+)}'", check)[0])) == specified | added


@pytest.mark.parametrize(("child", "column"), wanted.RELATIONS)
def test_each_relation_is_a_foreign_key(rows: Rows, child: str, column: str) -> None:
    parents = rows.column(
        "SELECT o.confrelid::regclass::text FROM pg_constraint o JOIN pg_attribute a ON a.attrelid = o.conrelid"
        " AND a.attnum = o.conkey[1] WHERE o.contype = 'f' AND o.conrelid = %s::regclass AND a.attname = %s",
        *(child, column),
    )
    assert wanted.RELATIONS[child, column] in parents


@pytest.mark.parametrize(("table", "column"), wanted.UNIQUE)
def test_each_unique_field_is_unique_among_the_living(rows: Rows, table: str, column: str) -> None:
    definitions = rows.column(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indisunique AND indrelid = %s::regclass", table
    )
    assert any(f"({column}) WHERE" in line and "deleted_at IS NULL" in line for line in definitions), definitions


def test_an_order_number_is_unique(rows: Rows) -> None:
    order = rows.add("orders")
    with pytest.raises(UniqueViolation, match="_order_number"):
        rows.add("orders", order_number=order["order_number"])


@pytest.mark.parametrize("table", wanted.INDEXES)
def test_each_index_exists(rows: Rows, table: str) -> None:
    for column in wanted.INDEXES[table]:
        definition = rows.one("SELECT indexdef FROM pg_indexes WHERE indexname = %s", f"idx_{table}_{column}")
        leading = "email_blind_index" if column == "email" else column.replace("order", '"order"', column == "order")
        assert definition is not None, f"idx_{table}_{column}"
        assert f"({leading}" in definition


@pytest.mark.parametrize(("name", "on"), wanted.COMPOSITE.items())
def test_each_composite_index_exists(rows: Rows, name: str, on: str) -> None:
    assert on in rows.one("SELECT indexdef FROM pg_indexes WHERE indexname = %s", name)


@pytest.mark.parametrize(("name", "on"), wanted.GIN.items())
def test_search_and_json_have_gin_indexes(rows: Rows, name: str, on: str) -> None:
    assert re.search(rf"USING gin \({on}\b", rows.one("SELECT indexdef FROM pg_indexes WHERE indexname = %s", name))


def test_full_text_search_reads_name_and_description(rows: Rows) -> None:
    rows.add("products", name="Cedar", description="a fragrant plank")
    for word in ("cedar", "fragrant"):
        assert rows.one("SELECT count(*) FROM products WHERE search @@ plainto_tsquery('public.lex_text', %s)", word)


@pytest.mark.parametrize("table", wanted.ENTITIES.values())
def test_what_is_deleted_is_hidden_or_kept(rows: Rows, table: str) -> None:
    hides = bool(columns(rows, f"c.relname = '{table}' AND a.attname = 'deleted_at'"))
    keeps = rows.one(
        "SELECT EXISTS (SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid WHERE t.tgrelid = %s::regclass"
        " AND f.proname = 'forbid' AND t.tgtype & 8 = 8 AND t.tgenabled = 'A')",
        table,
    )
    assert hides == (table in wanted.SOFT_DELETED)
    assert keeps == (table in wanted.KEPT)
    assert hides or keeps or table == "cart_items"


def test_the_first_migrations_have_the_specified_names(shared_database_url: str) -> None:
    names = [migration.name for migration in migrations.status(shared_database_url)]
    assert [name for name in names if name in wanted.MIGRATIONS] == wanted.MIGRATIONS
    assert all(re.fullmatch(r"\d{14}_[a-z0-9_]+", name) for name in names)
    for path in migrations.SCRIPTS.glob("versions/*.py"):
        assert re.search(r"^def downgrade\(\) -> None:\n    (?!pass)", path.read_text(), re.MULTILINE), path.name


# Validation rules.


def test_an_email_is_checked_before_it_is_sealed_and_unique_among_the_living(rows: Rows) -> None:
    """The declared exception: the column is ciphertext, so its blind index is unique and its format checked in code."""
    with pytest.raises(Invalid, match="not an e-mail address"):
        checked_email("ada.example.org")
    rows.add("users", role="user", email_blind_index=b"ada")
    rows.add("users", role="guest", email_blind_index=b"ada")
    with pytest.raises(UniqueViolation, match="uq_users_email"):
        rows.add("users", role="admin", email_blind_index=b"ada")
    rows.run("UPDATE users SET deleted_at = now() WHERE role = 'user'")
    rows.add("users", role="admin", email_blind_index=b"ada")


def refused(rows: Rows, table: str, **values: Any) -> None:
    kind = {"coupons": {"type": "fixed", "percentage": None, "amount": 1}}
    given = {**kind.get(table, {}), **values} if "percentage" not in values else values
    with pytest.raises(CheckViolation):
        rows.add(table, **given)


def test_every_price_and_amount_is_numeric_10_2_and_not_negative(rows: Rows) -> None:
    ours = "c.relname <> 'sandbox_payments'"  # which keeps a provider's units
    money = columns(rows, f"a.attname ~ '(price|amount|free_from|price_30_days)$' AND {ours}")
    assert {kind for *_, kind in money} == {"numeric(10,2)"}
    assert money == columns(rows, "a.atttypid = 'amount'::regtype")
    for table, name, _ in money:
        if table in DERIVED or name == "lowest_price_30_days":
            continue  # triggers write these, whatever is sent
        for value in ("-0.01", "NaN"):
            with pytest.raises(CheckViolation, match="ck_amount"):
                rows.add(table, **{name: Decimal(value)})
    assert len(money) > 30


def test_every_quantity_is_a_positive_integer(rows: Rows) -> None:
    lines = columns(rows, "a.attname IN ('quantity', 'seats', 'buy_quantity', 'get_quantity', 'interval_count')")
    counters = columns(rows, "a.attname ~ '_(quantity|count)$' AND a.attname !~ '^(buy|get|interval)'")
    assert {kind for *_, kind in lines + counters} == {"integer"}
    for table, name, _ in lines:
        more = {"type": "buy_x_get_y", "percentage": None, "buy_quantity": 1, "get_quantity": 1, name: 0}
        refused(rows, table, **(more if table == "coupons" else {name: 0}))
    for table, name, _ in counters:
        refused(rows, table, **{name: -1})
    assert len(lines) > 6
    assert len(counters) > 6


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_a_rating_lies_between_1_and_5(rows: Rows, rating: int) -> None:
    refused(rows, "reviews", rating=rating)


def test_every_percentage_lies_between_0_and_100(rows: Rows) -> None:
    shares = columns(rows, "a.attname ~ '(percentage|_?rate)$'")
    assert {kind for *_, kind in shares} == {"numeric(6,3)"}
    for table, name, _ in shares:
        for value in ("-0.001", "100.001"):
            refused(rows, table, **{name: Decimal(value)})
    assert len(shares) == 4


# Business rules and security, each tried once; what else they mean stands in the tests of each rule.


def test_an_order_is_canceled_and_never_deleted(rows: Rows) -> None:
    rows.add("orders")
    with pytest.raises(RestrictViolation, match="an order is canceled, never deleted"):
        rows.run("DELETE FROM orders")
    assert rows.run("UPDATE orders SET status = 'canceled'") == 1


def test_a_processed_payment_is_immutable(rows: Rows) -> None:
    rows.add("payments", status="captured")
    with pytest.raises(CheckViolation, match="its amount cannot change any more"):
        rows.run("UPDATE payments SET amount = 1")


def test_a_review_waits_for_moderation(rows: Rows) -> None:
    with pytest.raises(CheckViolation, match="a review starts pending"):
        rows.add("reviews", status="approved", moderated_at=rows.one("SELECT now()"))


def test_stock_is_tracked_only_where_it_is_enabled(rows: Rows) -> None:
    rows.add("products", track_inventory=False, stock_quantity=5)
    with pytest.raises(RestrictViolation, match="of a product whose stock is not tracked nothing is held"):
        rows.run("UPDATE products SET reserved_quantity = 1")
    rows.run("UPDATE products SET track_inventory = true")
    assert rows.run("UPDATE products SET reserved_quantity = 5") == 1
    for change in ("reserved_quantity = 6", "stock_quantity = 4", "stock_quantity = -1, reserved_quantity = -1"):
        with pytest.raises(CheckViolation):
            rows.run(f"UPDATE products SET {change}")


@pytest.mark.parametrize("password", ["secret", "", "$1$abc$def", "$2b$12$short"])
def test_a_password_is_a_bcrypt_hash(rows: Rows, password: str) -> None:
    with pytest.raises(CheckViolation, match="ck_users_password"):
        rows.add("users", role="user", password=password)
    rows.add("users", role="user", password="$2b$12$" + "a" * 53)


def test_no_column_could_hold_a_card_number(rows: Rows) -> None:
    assert columns(rows, "a.attname ~ '(card_?number|cvc|cvv|security_code|^pan$|iban|account_number)'") == []


@pytest.mark.parametrize("table", wanted.ENCRYPTED)
def test_personal_data_is_ciphertext(rows: Rows, table: str) -> None:
    there = {name: kind for _, name, kind in columns(rows, f"c.relname = '{table}'")}
    assert {there[name] for name in wanted.ENCRYPTED[table]} == {"bytea"}
