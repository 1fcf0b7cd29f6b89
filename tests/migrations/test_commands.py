import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lex.core.errors import Invalid, Unavailable
from lex.ops import migrations
from tests.support.rows import Rows

#: Its tables are made through it, so it comes before them.
LANGUAGE = "20250126000000_create_search_language"
NAMED_BY_THE_SPECIFICATION = [
    "20250126000001_create_initial_tables",
    "20250126000002_create_order_payment_tables",
    "20250126000003_create_user_feature_tables",
    "20250126000004_create_subscription_coupon_tables",
]
FILES = sorted((migrations.SCRIPTS / "versions").glob("*.py"))


def test_status_tells_applied_from_pending(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url, "20250126000003")

    found = migrations.status(empty_database_url)

    assert [migration.name for migration in found][:5] == [LANGUAGE, *NAMED_BY_THE_SPECIFICATION]
    assert [migration.applied for migration in found][:6] == [True, True, True, True, False, False]
    assert {migration.kind for migration in found} <= {"schema", "data"}
    assert all(migration.about.endswith(".") for migration in found)


def test_current_only_at_the_newest(empty_database_url: str) -> None:
    assert not migrations.is_current(empty_database_url)
    migrations.upgrade(empty_database_url)
    assert migrations.is_current(empty_database_url)
    migrations.rollback(empty_database_url)
    assert not migrations.is_current(empty_database_url)


def test_rollback_takes_back_the_last_one_only(database_url: str) -> None:
    assert migrations.rollback(database_url) == [migrations.head()]


def test_rollback_of_nothing_says_so(empty_database_url: str) -> None:
    with pytest.raises(Invalid, match="nothing to take back"):
        migrations.rollback(empty_database_url)


def test_two_upgrades_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(migrations.upgrade, [empty_database_url] * 4))

    assert sorted(len(done) for done in applied) == [0, 0, 0, len(FILES)]
    assert migrations.is_current(empty_database_url)


def test_a_failing_migration_leaves_those_before_it(empty_database_url: str) -> None:
    with Rows(empty_database_url) as rows:
        rows.run("CREATE TABLE coupons (in_the_way int)")

    with pytest.raises(Exception, match='relation "coupons" already exists'):
        migrations.upgrade(empty_database_url)

    applied = [migration.name for migration in migrations.status(empty_database_url) if migration.applied]
    assert applied == [LANGUAGE, *NAMED_BY_THE_SPECIFICATION[:3]]


def test_each_step_is_told(empty_database_url: str) -> None:
    told: list[str] = []
    assert migrations.upgrade(empty_database_url, told=told.append) == told


def test_an_unknown_target_is_named(database_url: str) -> None:
    with pytest.raises(Invalid, match="no migration “yesterday”"):
        migrations.upgrade(database_url, "yesterday")


def test_a_silent_database_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        migrations.upgrade("postgresql://nobody@127.0.0.1:1/none")


@pytest.mark.parametrize("data", [False, True])
def test_new_writes_a_file_after_the_newest(tmp_path: Path, data: bool) -> None:
    path = migrations.new("Add gift_cards", data=data, folder=tmp_path)

    text = path.read_text()
    assert path.parent == tmp_path
    assert path.name.endswith("_add_gift_cards.py")
    assert f'down_revision = "{migrations.head()}"' in text
    assert f'kind = "{"data" if data else "schema"}"' in text
    assert ("rowcount" in text) == data
    ast.parse(text)


def test_new_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="Name the migration"):
        migrations.new("…", folder=tmp_path)
    for outside in ("../x", "a/b", "Add cards!", "_"):
        with pytest.raises(Invalid):
            migrations.new(outside, folder=tmp_path)
    assert not list(tmp_path.parent.glob("*_x.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_keeps_the_house_rules(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    imported = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    ]
    bodies = {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.FunctionDef)}

    assert not [name for name in imported if name.split(".")[0] == "lex"]
    assert "SET LOCAL lock_timeout" in text
    assert "SET LOCAL statement_timeout" in text
    for direction in ("upgrade", "downgrade"):
        assert "TIMEOUTS" in bodies[direction]
    assert path.stem == f"{path.stem.split('_')[0]}_{path.stem.split('_', 1)[1].lower()}"
    assert path.stem.split("_")[0].isdigit()
