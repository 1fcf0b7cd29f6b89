from hashlib import sha256
from importlib.resources import files

from lex.ops import migrations
from tests.support.rows import Rows

SCHEMA_OF_3_10 = "c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009"


def test_the_pinned_schema_is_the_one_the_migration_was_written_for() -> None:
    """A newer Procrastinate needs a migration for the databases that exist; then this digest moves with it."""
    schema = files("procrastinate").joinpath("sql", "schema.sql").read_bytes()
    assert sha256(schema).hexdigest() == SCHEMA_OF_3_10


def test_taking_it_back_drops_exactly_its_objects(database_url: str) -> None:
    while migrations.rollback(database_url) != ["20250126000005"]:
        pass
    with Rows(database_url) as rows:
        for catalogue, name in (("pg_class", "relname"), ("pg_proc", "proname"), ("pg_type", "typname")):
            assert rows.column(f"SELECT {name} FROM {catalogue} WHERE {name} LIKE '%%procrastinate%%'") == []
        assert rows.one("SELECT count(*) FROM coupons") == 0
