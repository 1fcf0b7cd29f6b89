"""Whatever is deleted softly leaves its unique names to the living."""

import pytest

from lex.flows.purge_deleted import AGED, DELETED
from lex.ops.models import metadata
from tests.support.rows import START, Rows

SOFT = [table.name for table in metadata.sorted_tables if "deleted_at" in table.columns]

#: Unique indexes that deleted rows keep their place in, and why.
KEPT_PLACES = {
    "uq_addresses_id_user_id": "a key with the primary key in it",
    "uq_bookings_id_user_id": "a key with the primary key in it",
    "uq_carts_id_user_id": "a key with the primary key in it",
    "uq_payment_methods_id_user_id": "a key with the primary key in it",
    "uq_subscriptions_id_user_id": "a key with the primary key in it",
    "uq_bookings_uid": "calendars know the event by it for life",
    "uq_carts_token_hash": "hash of a random token, never made again",
    "uq_digital_files_storage_key": "the file itself is there until it is purged",
}

_UNIQUE = """
SELECT i.relname, pg_get_expr(x.indpred, x.indrelid) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = %s::text::regclass AND x.indisunique AND NOT x.indisprimary
"""


@pytest.mark.parametrize("table", SOFT)
def test_a_unique_key_lets_a_deleted_name_be_used_again(rows: Rows, table: str) -> None:
    found = rows.connection.execute(_UNIQUE, (table,)).fetchall()
    wrong = [
        one["relname"]
        for one in found
        if "deleted_at IS NULL" not in (one["pg_get_expr"] or "") and one["relname"] not in KEPT_PLACES
    ]
    assert wrong == []


def test_the_exceptions_are_there(rows: Rows) -> None:
    there = rows.column("SELECT indexname FROM pg_indexes WHERE indexname = ANY (%s)", list(KEPT_PLACES))
    assert set(there) == KEPT_PLACES.keys()


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("users", {"role": "user", "email_blind_index": b"ada"}),
        ("categories", {"slug": "again"}),
        ("products", {"slug": "again", "sku": "AGAIN"}),
        ("services", {"slug": "again"}),
        ("service_categories", {"slug": "again"}),
        ("resources", {"slug": "again"}),
        ("subscription_plans", {"slug": "again"}),
        ("coupons", {"code": "AGAIN"}),
        ("shipping_methods", {"code": "again"}),
        ("tax_rates", {"country": "FR", "tax_class": "again"}),
    ],
)
def test_a_name_is_free_again_once_its_row_is_deleted(rows: Rows, table: str, name: dict[str, object]) -> None:
    rows.add(table, **name, deleted_at=START)
    rows.add(table, **name, deleted_at=START)
    rows.add(table, **name)
    with pytest.raises(Exception, match="uq_"):
        rows.add(table, **name)


def test_every_kind_of_deleted_row_is_purged_in_the_end() -> None:
    aged = {one.table for one in AGED if "deleted_at" in one.due}
    assert set(SOFT) == DELETED.keys() | aged
    assert DELETED.keys() & aged == set()
