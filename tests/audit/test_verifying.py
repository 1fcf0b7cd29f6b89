"""Somebody who rules the database changes the trail behind its back; `lex audit verify` names what they did."""

from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import psycopg
import pytest

from lex.audit import chain
from lex.core import clock
from lex.ops import sealing, verifying
from tests.audit.conftest import Trail

_FORGE = """INSERT INTO audit_logs (id, created_at, action, resource, changes, transaction_id)
    SELECT entry, uuid_v7_time(entry), 'forged', 'orders', '{{}}', {0} FROM (SELECT uuid_v7() AS entry) e"""


CHANGES = [
    *("action = 'delete'", "resource_id = 'other'", "resource = 'orders'", "user_id = gen_random_uuid()"),
    *("role = ''", "role = 'admin'", "acted_by = gen_random_uuid()", "ip_address = '192.0.2.9'"),
    *("request_id = 'other'", "database_user = 'other'"),
    *("changes = changes || '{\"a\": 1}'", "changes = '{}'", "created_at = created_at + interval '1 second'"),
    *("transaction_id = transaction_id - 1", "transaction_id = transaction_id + 1"),
    *("transaction_id = 1", "transaction_id = 1000000000000"),
]
SEALS = [
    *("from_transaction = from_transaction - 1", "seal = sha256(seal)", "previous = sha256(previous)"),
    *("created_at = created_at + interval '1 second'", "until_transaction = until_transaction + 1"),
    "entries = set_byte(entries, 31, (get_byte(entries, 31) + 1) % 256)",
    "entries = '', row_count = 0",
]


@pytest.fixture(scope="module")
def rows(trail: Trail) -> list[str]:
    """Three seals and more of three rows each; the ids of the rows of one in the middle."""
    trail.seal()
    trail.changes()
    trail.seal()
    made = trail.changes()
    trail.seal()
    trail.changes()
    trail.seal()
    assert trail.verify().is_whole
    return made


def the_middle(trail: Trail) -> int:
    """The number of the seal the rows are in."""
    return int(trail.rows.one("SELECT max(number) - 1 FROM audit_seals"))


def test_a_changed_row_is_named(trail: Trail, rows: list[str]) -> None:
    for change in CHANGES:
        with trail.attacked(f"UPDATE audit_logs SET {change} WHERE id = '{rows[1]}'"):
            assert trail.findings() == [("row_changed", rows[1])], change
    assert trail.verify().is_whole


def test_a_row_under_another_id_is_missing_and_new(trail: Trail, rows: list[str]) -> None:
    other = str(trail.rows.one("SELECT uuid_v7()"))
    with trail.attacked(f"UPDATE audit_logs SET id = '{other}' WHERE id = '{rows[1]}'"):
        assert sorted(trail.findings()) == [("row_inserted", other), ("row_missing", rows[1])]


def test_missing_rows_are_named(trail: Trail, rows: list[str]) -> None:
    with trail.attacked(f"DELETE FROM audit_logs WHERE id >= '{rows[0]}' AND id <= '{rows[1]}'"):
        assert trail.findings() == [("row_missing", rows[0]), ("row_missing", rows[1])]
        assert trail.verify().findings[0].sentence.startswith(f"Row {rows[0]} is missing; it was there at seal ")


def test_an_emptied_table_has_all_its_rows_missing(trail: Trail, rows: list[str]) -> None:
    number = trail.rows.one("SELECT count(*) FROM audit_logs")
    with trail.attacked("TRUNCATE audit_logs"), patch.object(verifying, "_MOST", 5):
        verdict = trail.verify()
        assert {finding.kind for finding in verdict.findings} == {"row_missing"}
        assert (len(verdict.findings), verdict.more) == (5, number - 5)


def test_an_inserted_row_is_named(trail: Trail, rows: list[str]) -> None:
    inside = trail.rows.one("SELECT transaction_id FROM audit_logs WHERE id = %s", rows[1])
    with trail.attacked(*(_FORGE.format(number) for number in (inside, 1, 0, -5, 10**15))):
        forged = trail.rows.column("SELECT id::text FROM audit_logs WHERE action = 'forged' ORDER BY id")
        assert len(forged) == 5
        assert sorted(trail.findings()) == [("row_inserted", row) for row in forged]


def test_a_changed_seal_is_named(trail: Trail, rows: list[str]) -> None:
    number = the_middle(trail)
    for change in SEALS:
        with trail.attacked(f"UPDATE audit_seals SET {change} WHERE number = {number}"):
            assert ("seal_changed", str(number)) in trail.findings(), change
    with trail.attacked(f"UPDATE audit_seals SET key_id = 'k2' WHERE number = {number}"):
        assert trail.findings() == [("key_missing", str(number))]


def test_a_row_changed_with_its_entry_needs_the_key(trail: Trail, rows: list[str]) -> None:
    number, key = the_middle(trail), UUID(rows[1]).bytes
    with trail.attacked(f"UPDATE audit_logs SET action = 'delete' WHERE id = '{rows[1]}'"):
        with psycopg.connect(trail.url) as connection, sealing.transaction(connection):
            lines = list(sealing.lines(connection, 0, 2**60))
        (digest,) = [row.digest for row in map(chain.sealed, lines) if row.id == key]
        entries = bytes(trail.rows.one("SELECT entries FROM audit_seals WHERE number = %s", number))
        place = entries.index(key) + len(key)
        forged = entries[:place] + digest + entries[place + len(digest) :]
        trail.attack(f"UPDATE audit_seals SET entries = '\\x{forged.hex()}' WHERE number = {number}")
        assert trail.findings() == [("seal_changed", str(number))]


def test_a_missing_seal_is_a_gap(trail: Trail, rows: list[str]) -> None:
    number = the_middle(trail)
    with trail.attacked(f"DELETE FROM audit_seals WHERE number = {number}"):
        assert trail.findings() == [("seal_missing", str(number))]
    with trail.attacked("DELETE FROM audit_seals WHERE number IN (1, 2)"):
        assert trail.findings() == [("seal_missing", "1 to 2")]


def test_an_inserted_seal_is_found(trail: Trail, rows: list[str]) -> None:
    number = the_middle(trail) + 1
    with trail.attacked(
        f"""INSERT INTO audit_seals SELECT number + 1, until_transaction, until_transaction + 5, 0, '', seal, key_id,
        sha256('x'), now() FROM audit_seals WHERE number = {number}"""
    ):
        assert trail.findings() == [("seal_changed", str(number + 1))]


def test_the_copy_finds_a_chain_that_lost_its_end(trail: Trail, rows: list[str], tmp_path: Path) -> None:
    copy, number = tmp_path / "seals.jsonl", the_middle(trail) + 1
    sealing.copy_seals(trail.url, copy)
    with trail.attacked(f"DELETE FROM audit_seals WHERE number = {number}"):
        assert trail.findings() == []
        assert trail.verify().unsealed >= 3
        assert trail.findings(copy=copy) == [("seal_missing", str(number))]


def test_the_copy_finds_a_chain_made_anew_with_a_stolen_key(trail: Trail, rows: list[str], tmp_path: Path) -> None:
    copy = tmp_path / "seals.jsonl"
    sealing.copy_seals(trail.url, copy)
    with trail.attacked(f"DELETE FROM audit_logs WHERE id = '{rows[0]}'", "DELETE FROM audit_seals"):
        trail.seal()
        assert trail.findings() == []
        assert ("seal_rewritten", "1") in trail.findings(copy=copy)


def test_what_is_not_sealed_yet_is_said(trail: Trail, rows: list[str]) -> None:
    with trail.attacked():
        trail.changes()
        verdict = trail.verify()
        assert (verdict.is_whole, verdict.unsealed) == (True, 3)
        assert verdict.unsealed_since is not None
        assert abs((clock.real_now() - verdict.unsealed_since).total_seconds()) < 60
