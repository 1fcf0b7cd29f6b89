"""Old months leave the table for a file that still verifies."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import pytest

from lex.core import clock, ids
from lex.core.errors import Conflict, Invalid
from lex.ops import archives, partitions, verifying
from tests.audit.conftest import RING, Trail

_OLD = """INSERT INTO audit_logs (id, created_at, action, resource, changes)
    SELECT entry, uuid_v7_time(entry), 'read', 'orders', jsonb_build_object('line', E'a\\tb\\n\\\\c ß')
    FROM (SELECT %s::uuid AS entry) e"""


@pytest.fixture
def old(trail: Trail) -> Iterator[tuple[str, list[UUID]]]:
    """A month three years ago with three rows, sealed; its partition and their ids."""
    month = partitions.audit_partition(clock.real_now().astimezone(UTC) - timedelta(days=3 * 365))
    partitions._ensured(trail.url, [month])
    low = ids.floor_id(month.start + timedelta(days=3)).int
    made = [UUID(int=low + place) for place in range(3)]
    with trail.attacked():
        for key in made:
            trail.rows.run(_OLD, key)
        trail.seal()
        assert trail.verify().is_whole
        yield month.name, made
        trail.attack(
            f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass('{month.name}')) THEN "
            f"ALTER TABLE audit_logs DETACH PARTITION {month.name}; END IF; END $$",
            f"DROP TABLE IF EXISTS {month.name}",
        )
        for file in trail.folder.iterdir():
            file.unlink()


def archived(trail: Trail, before: datetime | None = None) -> list[archives.Archived]:
    two_years_ago = clock.real_now().astimezone(UTC) - timedelta(days=730)
    return archives.archive(trail.url, RING, before=before or two_years_ago, folder=trail.folder)


def test_a_month_moves_into_a_file_that_verifies(trail: Trail, old: tuple[str, list[UUID]]) -> None:
    name, made = old
    whole = trail.verify()
    (done,) = archived(trail)
    assert (done.partition, done.rows, Path(done.file).name) == (name, 3, f"{name}.tsv.gz")
    assert trail.rows.one("SELECT to_regclass(%s)", name) is None
    assert trail.rows.one("SELECT count(*) FROM audit_logs WHERE id = ANY(%s)", made) == 0
    with gzip.open(done.file, "rt", encoding="utf-8") as file:
        assert [line.split("\t")[0] for line in file] == [str(key) for key in made]
    assert archived(trail) == []

    told = trail.rows.connection.execute(
        "SELECT resource_id, changes FROM audit_logs WHERE action = 'archive'"
    ).fetchone()
    assert told is not None
    assert (told["resource_id"], told["changes"]["rows"]) == (name, 3)
    verdict = trail.verify()
    assert (verdict.is_whole, verdict.rows, verdict.archived) == (True, whole.rows, 0)


def test_a_file_that_is_missing_or_was_changed_is_found(trail: Trail, old: tuple[str, list[UUID]]) -> None:
    (done,) = archived(trail)
    path = Path(done.file)
    kept = path.read_bytes()
    path.unlink()
    (finding,) = trail.verify().findings
    assert (finding.kind, finding.subject) == ("file_missing", str(path))
    assert "(3 rows), is missing. Name its folder with --archives" in finding.sentence
    verdict = verifying.verify(trail.url, RING, folder=trail.folder, with_archives=False)
    assert (verdict.is_whole, verdict.archived) == (True, 3)
    path.write_bytes(gzip.compress(gzip.decompress(kept).replace(b"read", b"lead")))
    assert trail.findings() == [("file_changed", str(path))]
    path.write_bytes(kept)
    assert (trail.findings(), trail.verify().archived) == ([], 0)


def test_a_row_about_an_archive_that_nobody_signed_hides_nothing(trail: Trail, old: tuple[str, list[UUID]]) -> None:
    name, made = old
    archived(trail)
    missing = [("row_missing", str(key)) for key in made]
    for change in ("file_digest = sha256('')", "upper_id = uuid_v7()", "row_count = 2", "created_at = now()"):
        with trail.attacked(f"UPDATE audit_archives SET {change}"):
            assert trail.findings() == [("archive_changed", name), *missing], change
    with trail.attacked("UPDATE audit_archives SET key_id = 'k2'"):
        assert trail.findings() == [("key_missing", name), *missing]
    with trail.attacked("DELETE FROM audit_archives"):
        assert trail.findings() == missing
    assert trail.findings() == []


def test_rows_are_not_hidden_by_inventing_an_archive(trail: Trail, old: tuple[str, list[UUID]]) -> None:
    name, made = old
    forged = """INSERT INTO audit_archives SELECT uuid_v7(), %s, %s, %s, 'x', '', 3, 'k1', '', now()"""
    values = f"'{name}', uuid_v7_floor('2000-01-01'), uuid_v7_floor('2100-01-01')"
    with trail.attacked(f"DELETE FROM audit_logs WHERE id = '{made[0]}'", forged.replace("%s, %s, %s", values)):
        assert trail.findings() == [("archive_changed", name), ("row_missing", str(made[0]))]


@pytest.mark.parametrize("days", [0, 1, 30])
def test_the_last_month_is_never_archived(trail: Trail, days: int) -> None:
    with pytest.raises(Invalid, match="--older-than is at least 31d"):
        archived(trail, clock.real_now() - timedelta(days=days))


def test_rows_that_are_not_sealed_stay(trail: Trail, old: tuple[str, list[UUID]]) -> None:
    name, made = old
    trail.rows.run(_OLD, UUID(int=made[-1].int + 1))
    with pytest.raises(Conflict, match="not sealed yet"):
        archived(trail)
    assert name in [partition.name for partition in partitions.list_partitions(trail.url)]


def test_a_month_that_was_changed_stays(trail: Trail, old: tuple[str, list[UUID]]) -> None:
    name, made = old
    trail.attack(f"DELETE FROM audit_logs WHERE id = '{made[1]}'")
    with pytest.raises(Conflict, match=f"{made[1]} is missing"):
        archived(trail)
    assert name in [partition.name for partition in partitions.list_partitions(trail.url)]


def test_what_broke_off_is_finished_later(trail: Trail, old: tuple[str, list[UUID]]) -> None:
    name, _ = old
    with patch.object(archives, "_drop", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        archived(trail)
    assert trail.rows.one("SELECT to_regclass(%s)::text", name) == name
    (done,) = archived(trail)
    assert done.rows == 3
    assert trail.verify().is_whole


def test_young_months_stay(trail: Trail, old: tuple[str, list[UUID]]) -> None:
    ages_ago = clock.real_now().astimezone(UTC) - timedelta(days=4 * 365)
    assert archived(trail, ages_ago) == []
