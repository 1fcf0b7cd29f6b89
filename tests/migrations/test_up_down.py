"""Every migration goes up, down and up again while every table holds rows, and what is kept comes through unchanged."""

import json
from collections import Counter
from typing import Any

import pytest

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
_COLUMNS = """
SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname <> 'alembic_version' AND a.attnum > 0 AND NOT a.attisdropped
"""
#: The first migration after those the specification names.
LATER = "20250126000005"
#: Lines of a plan go with the plans, and what was handed over of one; a step takes nothing else of a table that stays.
GOES = {"20250126000004": ["cart_items", "fulfilment_items", "order_items"]}

Content = dict[str, list[dict[str, Any]]]


def content(url: str) -> tuple[set[str], Content]:
    """`table.column` of every table the database has now, the job queue's too, and all their rows."""
    with Rows(url) as rows:
        columns = set(rows.column(_COLUMNS))
        tables = {name.partition(".")[0] for name in columns}
        return columns, {table: rows.column(f'SELECT to_jsonb(t) FROM "{table}" t') for table in tables}


def lost(before: tuple[set[str], Content], after: tuple[set[str], Content]) -> list[str]:
    """The rows that are not what they were, in the tables and columns that are there before and after."""
    kept = before[0] & after[0]
    told = []
    for table in before[1].keys() & after[1].keys():
        was, now = (
            Counter(json.dumps({key: row[key] for key in sorted(row) if f"{table}.{key}" in kept}) for row in rows)
            for rows in (before[1][table], after[1][table])
        )
        told += [f"{table}: {row}" for row in was - now]
    return told


def fill(url: str) -> None:
    """A row in every table of the live catalogue, whoever writes it."""
    with Rows(url) as rows:
        one_of_every_table(rows)
    assert [table for table, rows in content(url)[1].items() if not rows] == []


def test_all_the_way_down_leaves_nothing_and_up_again_works(database_url: str) -> None:
    fill(database_url)

    taken_back = migrations.rollback(database_url, all=True)

    with Rows(database_url) as rows:
        assert rows.column(_LEFT) == []
    assert taken_back == sorted(taken_back, reverse=True)
    assert migrations.upgrade(database_url) == taken_back[::-1]
    fill(database_url)
    assert drift(database_url) == []


@pytest.mark.timeout(300)  # every migration goes three ways
def test_each_migration_goes_down_and_up_with_rows_in_place(database_url: str) -> None:
    fill(database_url)

    while any(migration.applied for migration in migrations.status(database_url)):
        before = content(database_url)
        down = migrations.rollback(database_url)
        below = content(database_url)
        assert [table for table, rows in below[1].items() if not rows] == [], f"{down}: emptied on the way down"
        gone = lost(before, below)
        assert sorted(line.partition(":")[0] for line in gone) == GOES.get(down[0], []), gone
        assert migrations.upgrade(database_url, down[0]) == down
        assert lost(below, content(database_url)) == [], down
        assert migrations.rollback(database_url) == down
        assert content(database_url)[0] == below[0], down

    assert migrations.upgrade(database_url)[-1] == migrations.head()
    assert drift(database_url) == []


def test_a_shop_of_the_first_tables_comes_up_to_date_with_its_rows(database_url: str) -> None:
    fill(database_url)
    while migrations.rollback(database_url) != [LATER]:
        pass
    before = content(database_url)

    migrations.upgrade(database_url)

    assert lost(before, content(database_url)) == []
    assert drift(database_url) == []
    assert migrations.is_current(database_url)
