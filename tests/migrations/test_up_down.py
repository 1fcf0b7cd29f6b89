"""Every migration goes up, down and up again while every table holds rows."""

from lex.ops import migrations
from lex.ops.drift import drift
from tests.support.rows import Rows, one_of_every_table

_LEFT = """
SELECT name FROM (
    SELECT oid, relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT oid, proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT oid, typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
) object
WHERE name !~ '^alembic_version'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = object.oid AND d.deptype = 'e')
"""


def fill(url: str) -> None:
    with Rows(url) as rows:
        one_of_every_table(rows)


def test_all_the_way_down_leaves_nothing_and_up_again_works(database_url: str) -> None:
    fill(database_url)

    taken_back = migrations.rollback(database_url, all=True)

    with Rows(database_url) as rows:
        assert rows.column(_LEFT) == []
    assert taken_back == sorted(taken_back, reverse=True)
    assert migrations.upgrade(database_url) == taken_back[::-1]
    fill(database_url)
    assert drift(database_url) == []


def test_each_migration_goes_down_and_up_with_rows_in_place(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url)
    fill(empty_database_url)

    for deep in range(1, len(migrations.status(empty_database_url)) + 1):
        down = [migrations.rollback(empty_database_url)[0] for _ in range(deep)]
        assert migrations.upgrade(empty_database_url) == down[::-1]

    assert drift(empty_database_url) == []
    assert migrations.is_current(empty_database_url)
