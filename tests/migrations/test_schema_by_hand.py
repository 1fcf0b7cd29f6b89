"""Somebody changed the schema by hand: a migration that does not find what it made says so and leaves all as it was."""

from pathlib import Path

import pytest

from lex.core.errors import Conflict
from lex.ops import migrations, sealing, verifying
from lex.ops.drift import drift
from tests.audit.conftest import others_are_done
from tests.support.rows import Rows

RING = {"k1": b"1" * 32}
_STATE = """
SELECT (SELECT version_num FROM alembic_version), (SELECT count(*) FROM pg_policy)::int,
       (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)::int, (SELECT count(*) FROM pg_proc)::int
"""


def state(rows: Rows) -> dict[str, object]:
    """The revision, and how many policies, triggers and functions there are."""
    return rows.connection.execute(_STATE).fetchall()[0]


def roll_back_to(url: str, revision: str) -> None:
    """Take back everything that came after a revision."""
    while max(migration.revision for migration in migrations.status(url) if migration.applied) != revision:
        migrations.rollback(url)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("DROP POLICY p_orders_own ON orders", 'policy "p_orders_own" for table "orders" does not exist'),
        ("DROP POLICY p_reviews_published ON reviews", 'policy "p_reviews_published" for table "reviews"'),
        ("DROP FUNCTION opened_by(bytea[], timestamptz)", "opened_by"),
        ("DROP TRIGGER tr_procrastinate_jobs_guard ON procrastinate_jobs", 'trigger "tr_procrastinate_jobs_guard"'),
        ("CREATE VIEW mine AS SELECT payment_status_of(NULL)", "other objects depend on them"),
    ],
)
def test_what_is_not_there_any_more_is_named(database_url: str, change: str, named: str) -> None:
    roll_back_to(database_url, "20250126000020")
    with Rows(database_url) as rows:
        rows.run(change)
        before = state(rows)
        with pytest.raises(Conflict) as refused:
            migrations.rollback(database_url)
        assert named in refused.value.message
        assert "The step next to 20250126000020 was not made, and nothing of it was kept." in refused.value.message
        assert state(rows) == before


def test_what_is_there_already_is_named(database_url: str) -> None:
    roll_back_to(database_url, "20250126000017")
    with Rows(database_url) as rows:
        rows.run("CREATE TABLE product_facets (id int)")
        with pytest.raises(Conflict, match='"product_facets" already exists'):
            migrations.upgrade(database_url)
        rows.run("DROP TABLE product_facets")
    migrations.upgrade(database_url)
    assert drift(database_url) == []


def test_the_chain_of_seals_goes_on_where_it_was_when_it_is_taken_back(database_url: str, tmp_path: Path) -> None:
    copy = tmp_path / "audit-seals.jsonl"

    def sealed(rows: Rows, slug: str) -> tuple[int, int]:
        rows.add("categories", slug=slug)
        others_are_done(rows)
        sealing.seal(database_url, RING)
        added = sealing.copy_seals(database_url, copy)
        verdict = verifying.verify(database_url, RING, folder=tmp_path, copy=copy)
        assert verdict.is_whole, verdict.findings
        return added, verdict.seals

    with Rows(database_url) as rows:
        assert sealed(rows, "one") == (1, 1)
        roll_back_to(database_url, "20250126000015")
        rows.add("categories", slug="two")  # told by the triggers, sealed by nobody for a while
        migrations.upgrade(database_url)
        added, seals = sealed(rows, "three")
        assert (added, seals) == (1, 2)
        assert rows.one("SELECT row_count FROM audit_seals WHERE number = 2") >= 2
        assert drift(database_url) == []


def test_a_trail_that_went_leaves_its_copy_under_another_name(database_url: str, tmp_path: Path) -> None:
    copy = tmp_path / "audit-seals.jsonl"
    with Rows(database_url) as rows:
        rows.add("categories")
        others_are_done(rows)
    sealing.seal(database_url, RING)
    sealing.copy_seals(database_url, copy)
    kept = copy.read_bytes()
    migrations.rollback(database_url, all=True)
    away = sealing.put_copy_away(database_url, copy)
    assert away is not None
    assert (away.read_bytes(), copy.exists()) == (kept, False)
    assert away.name.startswith("audit-seals-until-")
    assert sealing.put_copy_away(database_url, copy) is None
    migrations.upgrade(database_url)
    with Rows(database_url) as rows:
        rows.add("categories")
        others_are_done(rows)
    sealing.seal(database_url, RING)
    assert sealing.copy_seals(database_url, copy) == 1
    assert verifying.verify(database_url, RING, folder=tmp_path, copy=copy).is_whole
