"""Every committed row is sealed exactly once, whenever its transaction ends."""

from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import psycopg
import pytest

from lex.audit import chain
from lex.core import clock
from lex.core.errors import Conflict, Invalid
from lex.ops import sealing
from tests.audit.conftest import RING, Trail

_RATE = "INSERT INTO tax_rates (id, country, tax_class, name, rate) VALUES (uuid_v7(), 'SE', 'x', 'x', 1)"


def sealed_ids(trail: Trail) -> list[list[str]]:
    """The ids each seal holds."""
    found = trail.rows.column("SELECT entries FROM audit_seals ORDER BY number")
    return [
        [str(UUID(bytes=bytes(entries[place : place + 16]))) for place in range(0, len(entries), chain.ENTRY)]
        for entries in found
    ]


def test_what_is_committed_is_sealed_once(trail: Trail) -> None:
    trail.seal()
    first, second = trail.changes(), None
    assert trail.seal() == 3
    assert trail.seal() == 0
    second = trail.changes(2)
    assert trail.seal() == 2
    assert sealed_ids(trail)[-2:] == [first, second]
    verdict = trail.verify()
    assert (verdict.is_whole, verdict.unsealed) == (True, 0)
    assert verdict.rows == trail.rows.one("SELECT count(*) FROM audit_logs")


def test_a_transaction_that_commits_late_is_in_a_later_seal(trail: Trail) -> None:
    trail.seal()
    with psycopg.connect(trail.url) as slow:
        slow.execute(_RATE)
        newer = trail.changes()
        assert sealing.seal(trail.url, RING) == 0, "rows behind an open transaction wait for it"
        assert trail.verify().unsealed == 3
        slow.commit()
    assert trail.seal() == 4
    late = trail.rows.one("SELECT id::text FROM audit_logs WHERE resource = 'tax_rates'")
    assert late < newer[0]
    assert sorted(sealed_ids(trail)[-1]) == sorted([late, *newer])


def test_an_older_id_of_a_younger_transaction_is_in_a_later_seal(trail: Trail) -> None:
    """Its transaction has a number only once it writes; the id may be older than rows that are sealed already."""
    trail.seal()
    older = trail.rows.one("SELECT uuid_v7()")
    newer = trail.changes()
    assert trail.seal() == 3
    insert = """INSERT INTO audit_logs (id, created_at, action, resource, changes)
        VALUES (%s, uuid_v7_time(%s), 'read', 'orders', '{}')"""
    trail.rows.run(insert, older, older)
    assert trail.seal() == 1
    assert sealed_ids(trail)[-2:] == [newer, [str(older)]]
    assert trail.verify().is_whole


def test_rolled_back_rows_are_in_no_seal(trail: Trail) -> None:
    trail.seal()
    with psycopg.connect(trail.url) as connection:
        connection.execute(_RATE.replace("'SE'", "'NO'"))
        connection.rollback()
    assert trail.seal() == 0
    assert trail.verify().is_whole


def test_many_transactions_become_several_seals(trail: Trail) -> None:
    trail.seal()
    trail.changes(25)
    before = trail.rows.one("SELECT count(*) FROM audit_seals")
    with patch.object(sealing, "_STEP", 10):
        assert trail.seal() == 25
    assert trail.rows.one("SELECT count(*) FROM audit_seals") >= before + 3
    assert trail.verify().is_whole


def test_only_one_seals_at_a_time(trail: Trail) -> None:
    trail.changes()
    with trail.rows.connection.transaction():
        trail.rows.run("LOCK TABLE audit_seals IN SHARE ROW EXCLUSIVE MODE")
        with patch.object(sealing, "PATIENCE", "50ms"):
            assert sealing.seal(trail.url, RING) == 0
    assert trail.seal() >= 3


def test_a_new_key_seals_and_the_old_one_verifies(trail: Trail) -> None:
    trail.changes()
    with trail.attacked("TRUNCATE audit_seals"):
        trail.seal()
        trail.changes()
        both = {"k2": b"2" * 32, **RING}
        trail.seal(both)
        assert trail.rows.column("SELECT key_id FROM audit_seals ORDER BY number") == ["k1", "k2"]
        assert trail.verify(both).is_whole
        assert [finding.kind for finding in trail.verify().findings] == ["key_missing"]
        other = trail.verify({"k1": b"x" * 32, "k2": b"2" * 32})
        assert [(finding.kind, finding.subject) for finding in other.findings] == [("seal_changed", "1")]


def test_a_database_that_counts_from_anew_is_refused(trail: Trail) -> None:
    trail.changes()
    trail.seal()
    with trail.attacked():
        number = trail.rows.one("SELECT max(number) FROM audit_seals")
        before = trail.rows.connection.execute(
            "SELECT number, until_transaction, seal FROM audit_seals WHERE number = %s", (number,)
        ).fetchone()
        assert before is not None
        far = chain.linked(chain.Kept(*before.values()), 10**12, b"", RING, clock.real_now())
        insert = "INSERT INTO audit_seals VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        trail.rows.run(insert, *(getattr(far, field) for field in far.__struct_fields__))
        with pytest.raises(Conflict, match="filled from a dump"):
            trail.seal()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("UPDATE audit_seals SET entries = '', row_count = 0", "not as it was made"),
        ("UPDATE audit_seals SET until_transaction = until_transaction - 1", "does not follow"),
        ("UPDATE audit_seals SET previous = sha256(previous)", "does not follow"),
        ("UPDATE audit_seals SET key_id = 'k2'", "does not hold"),
        ("DELETE FROM audit_seals WHERE number = (SELECT max(number) - 1 FROM audit_seals)", "is missing"),
        ("DELETE FROM audit_seals WHERE number < (SELECT max(number) FROM audit_seals)", "is missing"),
    ],
)
def test_nothing_is_sealed_upon_a_seal_that_is_not_as_it_was_made(trail: Trail, change: str, sentence: str) -> None:
    for _ in range(2):
        trail.changes()
        trail.seal()
    trail.changes()
    with trail.attacked(change):
        number = trail.rows.one("SELECT max(number) FROM audit_seals")
        with pytest.raises(Conflict, match=f"{sentence}.*Nothing is sealed upon it; run lex audit verify"):
            trail.seal()
        assert trail.rows.one("SELECT max(number) FROM audit_seals") == number
    assert trail.seal() >= 3


def test_the_copy_grows_and_is_never_rewritten(trail: Trail, tmp_path: Path) -> None:
    path = tmp_path / "far" / "seals.jsonl"
    trail.changes()
    trail.seal()
    assert sealing.copy_seals(trail.url, path) == trail.rows.one("SELECT count(*) FROM audit_seals")
    before = path.read_text()
    trail.changes()
    trail.seal()
    assert (sealing.copy_seals(trail.url, path), sealing.copy_seals(trail.url, path)) == (1, 0)
    assert path.read_text().startswith(before)
    assert trail.verify(copy=path).is_whole
    for text in ("nonsense\n", "x" * 5000):
        path.write_text(text)
        with pytest.raises(Invalid, match="Line 1"):
            sealing.read_copy(path)
        with pytest.raises(Invalid, match="The last line of"):
            sealing.copy_seals(trail.url, path)


def test_a_copy_of_another_chain_is_not_added_to(trail: Trail, tmp_path: Path) -> None:
    trail.changes()
    trail.seal()
    path = tmp_path / "seals.jsonl"
    sealing.copy_seals(trail.url, path)
    before = path.read_bytes()
    number = trail.rows.one("SELECT max(number) FROM audit_seals")
    for change in ("TRUNCATE audit_seals", f"UPDATE audit_seals SET seal = sha256(seal) WHERE number = {number}"):
        with trail.attacked(change), pytest.raises(Conflict, match=f"Seal {number} is another than .* or gone"):
            sealing.copy_seals(trail.url, path)
    assert (path.read_bytes(), sealing.copy_seals(trail.url, path)) == (before, 0)
    assert sealing.put_copy_away(trail.url, path) is None
