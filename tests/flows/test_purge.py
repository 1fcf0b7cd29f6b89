"""What is past its time goes for good; the books, and what they point at, stay."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lex.core import clock, ids
from lex.core.actor import Actor, Role, system
from lex.core.errors import Forbidden
from lex.core.settings import settings
from lex.db.session import connect, disconnect, transaction
from lex.flows import purge_deleted
from lex.flows.purge_deleted import AGED, DELETED, purge
from lex.identity.commands import create_user
from tests.support.rows import Rows, one_of_every_table
from tests.support.typed import typed

LONG_AGO = clock.real_now() - timedelta(days=400)
YESTERDAY = clock.real_now() - timedelta(days=1)

#: What the law or an order needs, whatever is purged around it.
BOOKS = (
    *("orders", "order_items", "order_events", "fulfilments", "fulfilment_items", "payments", "payment_events"),
    *(
        "payment_attempts",
        "payment_references",
        "refunds",
        "invoices",
        "invoice_counters",
        "coupon_usages",
        "downloads",
    ),
)

#: Parts with a row below something that lives.
LIVING = ("schedule_exceptions", "service_resources", "service_days")


@pytest.fixture
async def rows(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rows]:
    """Rows that commit, and this process's database open on them."""
    monkeypatch.setenv("LEX_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    settings.cache_clear()
    await connect(database_url)
    with Rows(database_url) as made:
        yield made
    await disconnect()
    settings.cache_clear()


def old(table: str) -> dict[str, Any]:
    """The id of a row made long ago."""
    return {"id": ids.floor_id(LONG_AGO + timedelta(milliseconds=abs(hash(table)) % 10_000_000))}


async def purged(**counts: Any) -> dict[str, tuple[int, int]]:
    """What a purge removed and kept, by kind; only those with something."""
    report = await purge(system(), **counts)
    return {line.kind: (line.removed, line.kept) for line in report if line.removed or line.kept}


def delete(rows: Rows, table: str, at: datetime = LONG_AGO) -> None:
    """Soft-delete the newest row of a table."""
    rows.run(f"UPDATE {table} SET deleted_at = %s WHERE id = %s", at, rows.last[table]["id"])


async def test_each_kind_goes_after_its_time_with_its_parts(rows: Rows) -> None:
    expected: dict[str, tuple[int, int]] = {}
    for table, parts in DELETED.items():
        rows.last.clear()
        rows.add("users", role="user")
        if table != "users":
            rows.add(table)
        for part in parts:
            rows.add(part)
        delete(rows, table)
        expected[table] = (1, 0)
    assert await purged(dry_run=True) == expected
    assert await purged() == expected
    assert await purged() == {}
    for table, parts in DELETED.items():
        assert rows.one(f"SELECT count(*) FROM {table} WHERE deleted_at IS NOT NULL") == 0
        if table != "resources":  # their exception here is one of a service that lives
            assert [part for part in parts if rows.one(f"SELECT count(*) FROM {part} p") > (part in LIVING)] == []
    told = rows.column("SELECT DISTINCT resource FROM audit_logs WHERE action = 'delete'")
    assert set(told) >= DELETED.keys()


async def test_what_is_deleted_lately_can_still_be_brought_back(rows: Rows) -> None:
    for table in DELETED:
        rows.last.clear()
        rows.add("users", role="user")
        if table != "users":
            rows.add(table)
        delete(rows, table, YESTERDAY)
    assert await purged() == {}
    assert rows.run("UPDATE products SET deleted_at = NULL WHERE deleted_at IS NOT NULL") == 1


async def test_books_and_what_they_point_at_stay(rows: Rows) -> None:
    one_of_every_table(rows)
    for table in DELETED:
        rows.run(f"UPDATE {table} SET deleted_at = %s", LONG_AGO)
    before = {table: rows.one(f"SELECT count(*) FROM {table}") for table in BOOKS}
    assert all(before.values())
    looked = await purged(dry_run=True)
    done = await purged()
    assert {table: rows.one(f"SELECT count(*) FROM {table}") for table in BOOKS} == before
    assert {kind for kind, (_, kept) in done.items() if kept} >= {"products", "users", "coupons", "digital_files"}
    assert {kind for kind, (_, kept) in looked.items() if kept} >= {"products", "users", "coupons", "digital_files"}
    assert rows.one("SELECT count(*) FROM products JOIN order_items ON product_id = products.id") > 0


async def test_a_family_goes_from_its_leaves(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge_deleted, "BATCH", 2)
    root = rows.add("categories", deleted_at=LONG_AGO)
    below = rows.add("categories", parent_id=root["id"], deleted_at=LONG_AGO)
    rows.add("categories", parent_id=below["id"], deleted_at=LONG_AGO)
    family = rows.add("products", category_id=None, deleted_at=LONG_AGO)
    for _ in range(5):
        rows.add("products", variant_of=family["id"], category_id=None, deleted_at=LONG_AGO)
    assert await purged(dry_run=True) == {"products": (6, 0), "categories": (3, 0)}
    assert await purged() == {"products": (6, 0), "categories": (3, 0)}


async def test_files_go_with_their_product(rows: Rows, tmp_path: Path) -> None:
    kept, gone = tmp_path / "files" / "kept.pdf", tmp_path / "files" / "gone.pdf"
    kept.parent.mkdir()
    for path in (kept, gone):
        rows.add("products", product_type="digital", category_id=None)
        rows.add("digital_files", product_id=rows.last["products"]["id"], storage_key=path.name)
        path.write_bytes(b"%PDF")
    delete(rows, "products")
    assert await purged() == {"products": (1, 0)}
    assert (kept.exists(), gone.exists()) == (True, False)
    assert rows.column("SELECT storage_key FROM digital_files") == ["kept.pdf"]


async def test_carts_mails_events_links_and_keys_go_by_their_age(rows: Rows) -> None:
    rows.add("users", role="user")
    past = {"expires_at": LONG_AGO}
    rows.add("carts", **old("a"), token_hash=b"a", status="expired")
    rows.add("cart_items", cart_id=rows.last["carts"]["id"])
    rows.add("carts", **old("b"), token_hash=b"b", status="open", expires_at=LONG_AGO)
    rows.add("carts", token_hash=b"c", status="expired")
    rows.run("ALTER TABLE carts DISABLE TRIGGER tr_carts_touch")
    rows.run("UPDATE carts SET updated_at = %s WHERE token_hash <> 'c'", LONG_AGO)
    for state in ("sent", "failed", "pending"):
        rows.add("notifications", **old(state), status=state, created_at=LONG_AGO)
    rows.add("notifications", status="sent")
    rows.add("webhook_events", **old("w"), created_at=LONG_AGO)
    rows.add("webhook_events")
    order = rows.add("orders")
    for name, given in {"x": past, "y": {"revoked_at": LONG_AGO}, "z": {"expires_at": clock.real_now()}}.items():
        rows.add("order_tokens", **old(name), token_hash=name.encode(), order_id=order["id"], **given)
        rows.add("api_keys", **old(name), token_hash=name.encode(), **given)
    rows.add("email_changes", **old("e"), **past)
    rows.add("email_changes", expires_at=clock.real_now())
    for name, given in {"x": past, "y": {"used_at": LONG_AGO}, "z": {"expires_at": clock.real_now()}}.items():
        mailed = {"purpose": "unlock", "email_change_id": None}
        rows.add("account_tokens", **old(name), token_hash=name.encode(), **mailed, **given)
    for status in ("removed", "ready"):
        rows.add("data_exports", **old(status), status=status, size_bytes=1, ready_at=LONG_AGO, **past)
    rows.add("erasure_requests", **old("r"), status="canceled", ended_at=LONG_AGO)
    rows.add("erasure_requests", **old("s"), due_at=LONG_AGO)
    expected = {
        "carts": (1, 0),
        "notifications": (2, 0),
        "webhook_events": (1, 0),
        "order_tokens": (2, 0),
        "api_keys": (2, 0),
        "account_tokens": (2, 0),
        "email_changes": (1, 0),
        "data_exports": (1, 0),
        "erasure_requests": (1, 0),
    }
    assert expected.keys() == {one.table for one in AGED}
    assert await purged(dry_run=True) == expected
    assert await purged() == expected
    assert sorted(rows.column("SELECT status FROM notifications")) == ["pending", "sent"]
    assert sorted(rows.column("SELECT token_hash FROM carts")) == [b"b", b"c"]


async def test_a_deleted_account_loses_its_data_even_where_its_row_must_stay(rows: Rows) -> None:
    async with transaction(system()) as session:
        people = {
            name: (await create_user(session, role="user", email=f"{name}@example.org", first_name=name)).id
            for name in ("buyer", "waiting", "nobody", "living")
        }
    rows.add("orders", user_id=people["buyer"], status="canceled")
    rows.add("orders", user_id=people["waiting"])
    rows.run("UPDATE users SET deleted_at = %s WHERE id <> %s", LONG_AGO, people["living"])
    assert await purged() == {"users": (1, 2)}
    there = rows.column("SELECT id FROM users WHERE first_name IS NOT NULL")
    assert set(there) == {people["waiting"], people["living"]}
    assert rows.column("SELECT user_id FROM person_keys WHERE wrapped_key IS NULL") == [people["buyer"]]
    assert rows.one("SELECT count(*) FROM users WHERE id = %s", people["nobody"]) == 0


async def test_only_the_system_purges_and_the_command_says_what_it_did(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Forbidden):
        await purge(Actor(Role.ADMIN, "x"))
    rows.add("tax_rates", deleted_at=LONG_AGO)
    one_of_every_table(rows)
    rows.run("UPDATE shop_facts SET value = 'EUR'")
    rows.run("UPDATE products SET deleted_at = %s", LONG_AGO)
    looked = await typed("db", "purge", "--dry-run")
    assert (looked.exit_code, "would go" in looked.stdout) == (0, True), looked.output
    done = await typed("db", "purge")
    assert "orders or other books still point at it" in done.stdout
    assert rows.one("SELECT count(*) FROM tax_rates WHERE deleted_at IS NOT NULL") == 0
    listed = await typed("db", "purge", "--json")
    assert '"kept": ' in listed.stdout
    monkeypatch.setenv("LEX_KEEP_WEBHOOK_DAYS", "1")
    settings.cache_clear()
    refused = await typed("db", "purge")
    assert (refused.exit_code, "LEX_KEEP_WEBHOOK_DAYS is 1; use 7 to 3650." in refused.stderr) == (2, True)
