"""The database counts the uses of coupons: no raw SQL passes a limit, sets the count or takes a use back to life."""

import importlib
import threading

import psycopg
import pytest
from psycopg.errors import CheckViolation, RestrictViolation, UniqueViolation

from lex.core import ids, money
from tests.support.rows import Rows


def count(rows: Rows) -> int:
    """The counter of the one coupon."""
    return int(rows.one("SELECT used_count FROM coupons"))


def use(rows: Rows, **given: object) -> None:
    """A use by another customer's order."""
    if "user_id" not in given:
        rows.add("users", role="guest")
    rows.add("orders", user_id=rows.last["users"]["id"])
    rows.add(
        "coupon_usages",
        **{
            "email_blind_index": ids.new_id().bytes,
            "order_id": rows.last["orders"]["id"],
            "coupon_code_id": None,
            **given,
        },
    )


def test_the_count_follows_the_rows(rows: Rows) -> None:
    rows.add("coupons", usage_limit=2)
    use(rows)
    use(rows)
    assert count(rows) == 2
    rows.run("UPDATE coupon_usages SET status = 'redeemed' WHERE id = %s", rows.last["coupon_usages"]["id"])
    assert count(rows) == 2
    with pytest.raises(CheckViolation, match="is used up") as refused:
        use(rows)
    assert refused.value.diag.constraint_name == "ck_coupons_used_count"
    rows.run("UPDATE coupon_usages SET status = 'released'")
    assert count(rows) == 0
    use(rows)
    assert count(rows) == 1


def test_the_count_cannot_be_set(rows: Rows) -> None:
    rows.add("coupons")
    for statement in ("UPDATE coupons SET used_count = 1", "UPDATE coupons SET used_count = used_count + 1"):
        with pytest.raises(CheckViolation, match="used_count of coupon TEN follows coupon_usages"):
            rows.run(statement)
    with pytest.raises(CheckViolation):
        rows.add("coupons", code="ELEVEN", used_count=1)
    assert rows.run("UPDATE coupons SET name = 'Ten', used_count = 0") == 1


@pytest.mark.parametrize("status", ["held", "redeemed"])
def test_a_released_use_stays_released(rows: Rows, status: str) -> None:
    rows.add("coupons")
    use(rows)
    rows.run("UPDATE coupon_usages SET status = 'released'")
    with pytest.raises(CheckViolation, match=f"from released to {status} it does not") as refused:
        rows.run("UPDATE coupon_usages SET status = %s", status)
    assert refused.value.diag.constraint_name == "ck_coupon_usages_transition"


def test_a_use_forgets_the_mailbox_of_an_erased_person_only(rows: Rows) -> None:
    rows.add("coupons")
    use(rows)
    rows.run("UPDATE orders SET status = 'canceled'")
    rows.add("person_keys")
    rows.run("UPDATE person_keys SET wrapped_key = NULL, destroyed_at = now()")
    assert rows.run("UPDATE coupon_usages SET email_blind_index = NULL") == 1


@pytest.mark.parametrize("change", ["amount = 5", "email_blind_index = NULL", "id = uuid_v7()"])
def test_a_use_is_frozen_but_for_its_status(rows: Rows, change: str) -> None:
    rows.add("coupons")
    use(rows)
    with pytest.raises(CheckViolation):
        rows.run(f"UPDATE coupon_usages SET {change}")
    for statement in ("DELETE FROM coupon_usages", "TRUNCATE coupon_usages"):
        with pytest.raises(RestrictViolation, match="a use is released, never deleted"):
            rows.run(statement)


def test_a_customer_is_the_person_or_the_mailbox(rows: Rows) -> None:
    rows.add("coupons", usage_limit_per_customer=1)
    use(rows, email_blind_index=b"ada")
    with pytest.raises(CheckViolation, match="used by this customer") as refused:
        use(rows, email_blind_index=b"ada")
    assert refused.value.diag.constraint_name == "ck_coupon_usages_customer"
    use(rows, email_blind_index=b"bob")
    with pytest.raises(CheckViolation, match="used by this customer"):
        use(rows, user_id=rows.last["users"]["id"], email_blind_index=b"eve")
    assert count(rows) == 2


def test_a_unique_code_and_an_order_are_used_once(rows: Rows) -> None:
    rows.add("coupons", is_bulk=True)
    code = rows.add("coupon_codes")["id"]
    use(rows, coupon_code_id=code)
    with pytest.raises(UniqueViolation, match="uq_coupon_usages_coupon_code_id"):
        use(rows, coupon_code_id=code)
    with pytest.raises(UniqueViolation, match="uq_coupon_usages_order_id"):
        rows.add(
            "coupon_usages",
            order_id=rows.one("SELECT order_id FROM coupon_usages"),
            user_id=rows.one("SELECT user_id FROM coupon_usages"),
        )
    rows.run("UPDATE coupon_usages SET status = 'released'")
    use(rows, coupon_code_id=code)
    assert count(rows) == 1


def test_the_last_use_is_taken_by_one_of_two(own_rows: Rows, database_url: str) -> None:
    own_rows.add("coupons", usage_limit=1)
    own_rows.add("orders")
    first = own_rows.last["orders"]
    second = own_rows.add("orders")
    statement = (
        "INSERT INTO coupon_usages (id, coupon_id, user_id, order_id, amount, status)"
        " SELECT uuid_v7(), c.id, %s, %s, 1, 'held' FROM coupons c"
    )
    outcome: list[str] = []

    def use_it_too() -> None:
        with psycopg.connect(database_url, autocommit=True) as other:
            try:
                other.execute(statement, (second["user_id"], second["id"]))
                outcome.append("used")
            except CheckViolation:
                outcome.append("refused")

    with own_rows.connection.transaction():
        own_rows.run(statement, first["user_id"], first["id"])
        other = threading.Thread(target=use_it_too)
        other.start()
        other.join(0.3)
        assert other.is_alive(), "the second use waits for the first"
    other.join(10)
    assert (outcome, count(own_rows)) == (["refused"], 1)


def test_uses_are_told_by_their_rows_alone(rows: Rows) -> None:
    rows.add("coupons")
    use(rows)
    told = "SELECT count(*) FROM audit_logs WHERE resource = %s"
    assert (rows.one(told, "coupons"), rows.one(told, "coupon_usages")) == (1, 1)
    rows.run("UPDATE coupons SET percentage = 20")
    assert rows.one("SELECT changes FROM audit_logs WHERE resource = 'coupons' ORDER BY id DESC LIMIT 1") == {
        "percentage": [10, 20]
    }


def test_currencies_without_decimals_are_those_the_shop_knows() -> None:
    rules = importlib.import_module("lex.db.migrations.versions.20250126000009_add_coupon_rules")
    assert "{" + ",".join(money.WITHOUT_DECIMALS) + "}" == rules.WITHOUT_DECIMALS
