"""Old months leave the table for a file that still verifies."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import pytest

from lex.core import clock, ids
from lex.core.errors import Conflict
from lex.ops import archives, partitions
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


def test_a_file_that_is_away_is_counted_and_one_that_was_changed_is_found(
    trail: Trail, old: tuple[str, list[UUID]]
) -> None:
    (done,) = archived(trail)
    path = Path(done.file)
    kept = path.read_bytes()
    path.unlink()
    verdict = trail.verify()
    assert (verdict.is_whole, verdict.archived) == (True, 3)
    path.write_bytes(gzip.compress(gzip.decompress(kept).replace(b"read", b"lead")))
    assert trail.findings() == [("file_changed", str(path))]
    path.write_bytes(kept)
    assert trail.verify().archived == 0


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
