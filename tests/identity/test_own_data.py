"""A copy of somebody's data holds everything, opens for its owner alone, and goes when it should."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import psycopg
import pytest
from cryptography.exceptions import InvalidTag

from lex.adapters.files import private
from lex.core import ids
from lex.core.actor import system
from lex.core.errors import Gone
from lex.db.session import transaction
from lex.flows.erase_person import erase_person
from lex.flows.own_data import export
from lex.flows.own_data.parts import LEFT_OUT, PARTS
from lex.identity import own_data, sealed_files
from lex.identity.ciphers import Cipher, new_cipher
from lex.ops.personal_columns import PERSONAL, Kept
from tests.support.queue import queued, rows, work
from tests.support.shop import ADDRESS, Order, Shop
from tests.support.typed import typed

EMAIL = "ada.lovelace@analytical.example"
_PEOPLE = """
SELECT table_name::text AS name, array_agg(column_name::text) AS columns FROM information_schema.columns c
JOIN pg_class k ON k.relname = table_name AND k.relnamespace = 'public'::regnamespace AND NOT k.relispartition
    AND k.relkind IN ('r', 'p')
WHERE table_schema = 'public' GROUP BY table_name
"""
_POINTING = """
SELECT DISTINCT conrelid::regclass::text AS name FROM pg_constraint
WHERE contype = 'f' AND confrelid = 'public.users'::regclass AND conparentid = 0
"""


def test_every_table_that_names_a_person_is_in_the_copy_or_left_out_for_a_reason(database_url: str) -> None:
    """When this fails: make the new table a part (`lex/flows/own_data/parts.py`), or write down why it is none."""
    tables = {row["name"]: set(row["columns"]) for row in rows(database_url, _PEOPLE)}
    naming = {name for name, columns in tables.items() if "user_id" in columns} | {"users"}
    naming |= {row["name"] for row in rows(database_url, _POINTING)}
    parts = {part.table: part for part in PARTS}
    assert parts.keys() | LEFT_OUT.keys() == naming
    assert parts.keys() & LEFT_OUT.keys() == set()
    assert len({part.name for part in PARTS}) == len(PARTS)
    for table, part in parts.items():
        told = set(part.columns.split())
        assert told & part.left_out.keys() == set(), table
        owner = {"users": set(), "audit_logs": set()}.get(table, {"user_id"})
        assert told | part.left_out.keys() | owner == tables[table], table


def test_what_is_sealed_is_opened_and_no_secret_is_told() -> None:
    for part in PARTS:
        told = {name: PERSONAL.get(f"{part.table}.{name}") for name in part.columns.split()}
        kept = {name: how.kept for name, how in told.items() if how}
        assert {name for name, how in kept.items() if how is Kept.SEALED} == set(part.sealed.split()), part.table
        assert set(kept.values()) <= {Kept.SEALED, Kept.READABLE}, part.table


@pytest.fixture
async def sold(shop: Shop, database_url: str) -> Order:
    """Bought, paid, noted and handed over, by somebody whose name a spreadsheet would run."""
    shop.coupon("TEN")
    cart = await shop.ship(await shop.couponed(await shop.cart((shop.product(price="60.00"), 1)), "TEN"), "parcel")
    said = {"email": EMAIL, "first_name": "=cmd|' /C calc'!A0", "last_name": "Lovelace", "note": "@SUM(1+1)"}
    answer = await shop.place(cart, **said, phone="+49 421 123456", billing_address={**ADDRESS, "line1": "-2+3"})
    assert answer.status_code == 201, answer.text
    order = Order(answer.json(), {"X-Order-Token": answer.json()["access_token"]})
    await shop.pay(order)
    there, staff = f"/api/v1/staff/orders/{order.data['id']}", await shop.staff()
    for path, body in (("notes", {"text": "Ada rang"}), ("fulfilments", {"tracking_number": "JJD0001"})):
        assert (await shop.client.post(f"{there}/{path}", json=body, headers=staff)).status_code == 201
    await work(database_url)
    return order


def person_of(shop: Shop, order: Order) -> UUID:
    return UUID(str(shop.one("SELECT user_id FROM orders WHERE id = %s", (order.data["id"],))["user_id"]))


async def copied(user_id: UUID) -> ZipFile:
    """The copy as an operator writes it."""
    target = io.BytesIO()

    async def told(_: int) -> None:
        pass

    await export.export_person(system(), user_id, target, told)
    return ZipFile(target)


def read(archive: ZipFile, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(archive.read(f"{name}.json"))
    return found


async def test_everything_is_there_and_both_ways_say_the_same(shop: Shop, sold: Order) -> None:
    other = await shop.order(email="eve@example.org")
    archive = await copied(person_of(shop, sold))
    assert archive.testzip() is None
    readme = archive.read("README.txt").decode()
    assert all(f"{part.name}: {part.about}" in readme for part in PARTS)
    for part in PARTS:
        table = list(csv.DictReader(io.StringIO(archive.read(f"{part.name}.csv").decode())))
        assert [row["id"] for row in table] == [row["id"] for row in read(archive, part.name)], part.name
    filled = {part.name for part in PARTS if read(archive, part.name)}
    assert filled >= {
        *("profile", "orders", "order_lines", "order_history", "deliveries", "delivered_lines", "payments"),
        *("payment_attempts", "payment_history", "coupons", "notifications", "activity"),
    }
    [order] = read(archive, "orders")
    assert (order["email"], order["shipping_address"]) == (EMAIL, {**ADDRESS})
    assert (order["total_amount"], order["customer_note"]) == ("58.90", "@SUM(1+1)")
    line = next(line for line in read(archive, "order_lines") if line["item_type"] == "product")
    assert (line["order_number"], line["quantity"]) == (sold.data["order_number"], 1)
    assert "Ada rang" in {event["note"] for event in read(archive, "order_history")}
    assert [row["code"] for row in read(archive, "coupons")] == ["TEN"]
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert other.data["order_number"] not in everything
    assert "eve@example.org" not in everything
    assert "\\\\x" not in everything


async def test_no_cell_is_a_formula(shop: Shop, sold: Order) -> None:
    archive = await copied(person_of(shop, sold))
    cells = [
        cell
        for name in archive.namelist()
        if name.endswith(".csv")
        for row in csv.reader(io.StringIO(archive.read(name).decode()))
        for cell in row
    ]
    assert {"'=cmd|' /C calc'!A0", "'@SUM(1+1)", "'+49 421 123456"} <= set(cells)
    assert [cell for cell in cells if cell[:1] in ("=", "@", "\t", "\r")] == []


async def test_many_orders_are_read_a_page_at_a_time(shop: Shop, sold: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows there are, a page of them is in memory: three pages and a rest are all there, in order."""
    user_id = person_of(shop, sold)
    monkeypatch.setattr("lex.flows.own_data.archive.PAGE", 4)
    for number in range(14):
        shop.db.execute(
            "INSERT INTO addresses (id, user_id, recipient_name, line1, city, country)"
            " SELECT %s, %s, email, email, %s, 'DE' FROM users WHERE id = %s",
            (ids.new_id(), user_id, f"Town {number}", user_id),
        )
    async with transaction(system()) as session:
        cipher = await export.get_cipher(session, user_id)
    for row in shop.db.execute("SELECT id FROM addresses").fetchall():
        names = [cipher.seal(f"addresses.{name}", row["id"], "x") for name in ("recipient_name", "line1")]
        shop.db.execute("UPDATE addresses SET recipient_name = %s, line1 = %s WHERE id = %s", (*names, row["id"]))
    largest = 0
    fetch = export.write_archive.__globals__["sql"].fetch_all

    async def watched(*args: Any, **more: Any) -> Any:
        nonlocal largest
        found = await fetch(*args, **more)
        largest = max(largest, len(found))
        return found

    monkeypatch.setattr("lex.db.sql.fetch_all", watched)
    archive = await copied(user_id)
    assert [row["city"] for row in read(archive, "addresses")] == [f"Town {number}" for number in range(14)]
    assert largest == 4


async def asked(user_id: UUID) -> UUID:
    """Somebody asked, whatever their password is."""
    async with transaction(system()) as session:
        return await own_data.add_export(session, user_id, export.ALL_PARTS)


async def file_of(export_id: UUID) -> Path:
    async with transaction(system()) as session:
        found = await own_data.find_export(session, export_id)
    assert found is not None
    return private().path(found.storage_key)


async def test_the_file_is_ciphertext_and_destroyed_with_the_person(shop: Shop, sold: Order) -> None:
    user_id = person_of(shop, sold)
    await export.make_export(system(), export_id=(export_id := await asked(user_id)))
    path = await file_of(export_id)
    kept = path.read_bytes()
    assert b"PK" not in kept[:4]
    assert not any(word in kept for word in (b"lovelace", b"README", b"orders.json"))
    async with transaction(system()) as session:
        cipher = await export.get_cipher(session, user_id)
    opened = b"".join(sealed_files.opened(io.BytesIO(kept), cipher, "data_exports.file", export_id))
    assert read(ZipFile(io.BytesIO(opened)), "orders")[0]["email"] == EMAIL
    done = shop.one("SELECT status, done_parts = all_parts AS is_all, size_bytes AS size FROM data_exports")
    assert done == {"status": "ready", "is_all": True, "size": len(opened)}

    await erase_person(system(), user_id)
    assert not path.exists()
    assert shop.one("SELECT status FROM data_exports") == {"status": "removed"}
    async with transaction(system()) as session:
        with pytest.raises(Gone):
            await export.get_cipher(session, user_id)
    await export.make_export(system(), export_id=export_id)  # a job that comes late makes nothing
    assert not path.exists()


async def test_who_is_erased_while_it_is_made_leaves_no_file(
    shop: Shop, sold: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id = person_of(shop, sold)
    export_id, write = await asked(user_id), export.write_archive

    async def slow(*args: Any, **more: Any) -> None:
        await write(*args, **more)
        await erase_person(system(), user_id)

    monkeypatch.setattr(export, "write_archive", slow)
    await export.make_export(system(), export_id=export_id)
    assert not (await file_of(export_id)).exists()
    assert shop.one("SELECT count(*) AS n FROM notifications WHERE template = 'export_ready'") == {"n": 0}


async def test_one_that_broke_off_is_made_anew_and_one_past_its_time_is_removed(
    shop: Shop, sold: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = await asked(person_of(shop, sold))
    monkeypatch.setattr(export, "_finish", _broken)
    with pytest.raises(RuntimeError):
        await export.make_export(system(), export_id=export_id)
    monkeypatch.undo()
    assert shop.one("SELECT status FROM data_exports") == {"status": "working"}
    await export.make_export(system(), export_id=export_id)
    assert await export.remove_exports(system()) == 0
    shop.db.execute("UPDATE data_exports SET expires_at = now() - interval '1 second'")
    path = await file_of(export_id)
    assert path.exists()
    assert await export.remove_exports(system()) == 1
    assert not path.exists()
    assert await export.remove_exports(system()) == 0
    told = shop.db.execute("SELECT changes FROM audit_logs WHERE resource = 'data_exports' ORDER BY id").fetchall()
    assert "new" in told[0]["changes"]
    ways = [row["changes"]["status"] for row in told if "status" in row["changes"]]
    assert ways == [["waiting", "working"], ["working", "ready"], ["ready", "removed"]]
    assert path.name not in json.dumps([row["changes"] for row in told])


async def _broken(*_: Any) -> bool:
    raise RuntimeError("the process died")


@pytest.mark.parametrize("size", [0, 1, sealed_files.PIECE, sealed_files.PIECE + 1, 3 * sealed_files.PIECE])
def test_a_sealed_file_opens_as_it_was_and_not_when_it_was_changed(size: int) -> None:
    cipher, row = new_cipher(person := ids.new_id()), ids.new_id()
    plain = bytes(number % 251 for number in range(size))
    target = io.BytesIO()
    sealing = sealed_files.Sealing(target, cipher, "t.file", row)
    for place in range(0, size, 100_000):
        sealing.write(plain[place : place + 100_000])
    sealing.finish()
    kept = target.getvalue()

    def opened(data: bytes, by: Cipher = cipher, of: UUID = row) -> bytes:
        return b"".join(sealed_files.opened(io.BytesIO(data), by, "t.file", of))

    assert opened(kept) == plain
    assert sealing.size == size
    piece = sealed_files.PIECE + 29
    spoiled = [kept[:-1], kept[:-1] + bytes([kept[-1] ^ 1]), b""]
    if size > sealed_files.PIECE:
        spoiled += [kept[:piece], kept[piece:], kept[piece : 2 * piece] + kept[:piece] + kept[2 * piece :]]
    for data in spoiled:
        with pytest.raises(InvalidTag):
            opened(data)
    for stranger in ({"by": new_cipher(person)}, {"of": ids.new_id()}):
        with pytest.raises(InvalidTag):
            opened(kept, **stranger)  # type: ignore[arg-type]


async def test_the_command_writes_it_for_who_asks_by_letter(shop: Shop, sold: Order, tmp_path: Path) -> None:
    done = await typed("people", "export", EMAIL, "--to", str(tmp_path / "letters"))
    assert done.exit_code == 0, done.stderr
    path = tmp_path / "letters" / f"{person_of(shop, sold)}.zip"
    assert str(path) in done.stdout.replace("\n", "")
    assert path.stat().st_mode & 0o777 == 0o600
    with ZipFile(path) as archive:
        assert read(archive, "profile")[0]["last_name"] == "Lovelace"
        assert "sessions.json" not in archive.namelist()
    told = "SELECT count(*) AS n FROM audit_logs WHERE action = 'export' AND resource_id = %s"
    assert shop.one(told, (str(person_of(shop, sold)),)) == {"n": 1}
    refused = await typed("people", "export", "nobody@example.org", "--to", str(tmp_path))
    assert (refused.exit_code, "Nobody has this" in refused.stderr) == (2, True)


def test_the_database_lets_one_be_made_at_a_time(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        person, later = ids.new_id(), timedelta(days=1)
        connection.execute("INSERT INTO users (id, role) VALUES (%s, 'user')", (person,))
        add = (
            "INSERT INTO data_exports (id, user_id, storage_key, expires_at)"
            " VALUES (uuid_v7(), %s, uuid_v7()::text, now() + %s)"
        )
        connection.execute(add, (person, later))
        with pytest.raises(psycopg.errors.UniqueViolation, match="uq_data_exports_open"):
            connection.execute(add, (person, later))
        connection.execute("UPDATE data_exports SET status = 'removed'")
        connection.execute(add, (person, later))
    assert queued(database_url) == []


async def test_nothing_readable_is_left_of_the_erased_in_any_table(
    shop: Shop, sold: Order, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Job queue, audit and notifications are among them; what was sealed cannot be opened, the rest is not there."""
    user_id = person_of(shop, sold)
    for statement in (
        "INSERT INTO api_keys (id, user_id, name, prefix, token_hash) VALUES (uuid_v7(), %s, 'Zebedee PC', 'l', '')",
        """INSERT INTO reviews (id, user_id, product_id, rating, title, body)
           SELECT uuid_v7(), %s, id, 5, 'Zebedee thinks', 'Zebedee well' FROM products LIMIT 1""",
        """INSERT INTO payment_methods (id, user_id, type, provider, provider_token, brand, last4)
           VALUES (uuid_v7(), %s, 'card', 'sandbox', 'x', 'Zebedeecard', '9753')""",
        "UPDATE fulfilments SET tracking_url = 'https://zebedee.example' WHERE user_id = %s",
        'UPDATE payment_attempts SET action = \'{"url": "https://zebedee.example"}\' WHERE user_id = %s',
    ):
        shop.db.execute(statement, (user_id,))
    await export.make_export(system(), export_id=await asked(user_id))
    words = ("zebedee", "lovelace", "calc", "jjd0001", "421 123456", "möller", "ada rang", '"last4": "9753"')
    before = found_in(shop, words)
    assert {word for _, word in before} >= {"zebedee", "jjd0001"}
    await erase_person(system(), user_id)
    await work(database_url)
    assert found_in(shop, words) == set()


def found_in(shop: Shop, words: tuple[str, ...]) -> set[tuple[str, str]]:
    """Which table tells which of the words."""
    tables = shop.db.execute("SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'").fetchall()
    texts = {
        row["name"]: shop.one(f"SELECT coalesce(string_agg(t::text, ' '), '') AS t FROM {row['name']} t")["t"].lower()
        for row in tables
    }
    return {(name, word) for name, text in texts.items() for word in words if word in text}
