"""Which changes give the catalogue a new version, whoever makes them and in whatever order they commit."""

from collections.abc import Iterator
from itertools import combinations

import psycopg
import pytest
from sqlalchemy.engine import make_url

from lex.ops.models import metadata
from tests.conftest import with_database
from tests.support.cluster import Cluster
from tests.support.rows import Rows

_VERSION = "SELECT sum(mark)::text FROM catalogue_changes"
SHOWN = [
    *("products", "categories", "digital_files", "services", "service_categories", "service_resources", "resources"),
    *("subscription_plans", "shipping_methods"),
]
#: left before → left after, and whether lists show it
STOCK = [(9, 8, False), (9, 4, False), (4, 9, False), (4, 3, True), (3, 2, True), (1, 0, True), (0, 7, True)]


@pytest.fixture
def second(database_url: str) -> Iterator[psycopg.Connection]:
    """Another writer."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("table", SHOWN)
def test_every_kind_of_statement_gives_a_new_version(own_rows: Rows, table: str) -> None:
    own_rows.add(table)
    column = next(c for c in ("name", "kind", "service_id") if c in metadata.tables[table].columns)
    versions = [own_rows.one(_VERSION)]
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        own_rows.run(statement)
        versions.append(own_rows.one(_VERSION))
    own_rows.add(table)
    versions.append(own_rows.one(_VERSION))
    assert len(set(versions)) == len(versions)


@pytest.mark.parametrize(("before", "after", "is_shown"), STOCK)
def test_a_sale_counts_only_when_lists_show_it(own_rows: Rows, before: int, after: int, is_shown: bool) -> None:
    own_rows.add("products", stock_quantity=before + 2, reserved_quantity=2)
    version = own_rows.one(_VERSION)
    own_rows.run("UPDATE products SET reserved_quantity = reserved_quantity, stock_quantity = %s", after + 2)
    assert (own_rows.one(_VERSION) != version) is is_shown


def test_a_transaction_leaves_one_mark_and_a_rolled_back_one_none(own_rows: Rows) -> None:
    own_rows.add("products")
    (marks,) = own_rows.column("SELECT count(*) FROM catalogue_changes")
    with own_rows.connection.transaction():
        with own_rows.connection.transaction(force_rollback=True):
            own_rows.run("UPDATE products SET name = 'lost'")
        for price in (1, 2, 3):
            own_rows.run("UPDATE products SET price = %s", price)
    assert own_rows.one("SELECT count(*) FROM catalogue_changes") == marks + 1
    with own_rows.connection.transaction(force_rollback=True):
        own_rows.run("UPDATE products SET name = 'lost'")
    assert own_rows.one("SELECT count(*) FROM catalogue_changes") == marks + 1


def test_transactions_that_commit_out_of_order_never_bring_a_version_back(
    own_rows: Rows, second: psycopg.Connection
) -> None:
    """The first writer begins first and commits last: a counter taken at its change would go backwards."""
    first_product = own_rows.add("products", name="first")["id"]
    second_product = own_rows.add("products", name="second")["id"]
    versions = [own_rows.one(_VERSION)]
    for _ in range(3):
        with second.transaction():
            second.execute("UPDATE products SET price = price + 1 WHERE id = %s", (second_product,))
            assert own_rows.one(_VERSION) == versions[-1], "what is not committed is not seen"
            own_rows.run("UPDATE products SET price = price + 1 WHERE id = %s", first_product)
            versions.append(own_rows.one(_VERSION))
        versions.append(own_rows.one(_VERSION))
    assert all(one != other for one, other in combinations(versions, 2))


def test_a_replica_role_does_not_slip_through(own_rows: Rows, cluster: Cluster, database_url: str) -> None:
    own_rows.add("products", stock_quantity=5)
    version = own_rows.one(_VERSION)
    name = str(make_url(database_url).database)
    with psycopg.connect(with_database(cluster.superuser_url, name), autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE public.products SET name = 'copied'")
        copied = own_rows.one(_VERSION)
        superuser.execute("UPDATE public.products SET stock_quantity = 0")
    assert len({version, copied, own_rows.one(_VERSION)}) == 3
