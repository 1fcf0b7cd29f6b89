from collections.abc import Iterator

import pytest

from tests.conftest import temporary_database
from tests.support.cluster import Cluster
from tests.support.rows import Rows


@pytest.fixture(scope="module")
def shared_database_url(cluster: Cluster, template: str) -> Iterator[str]:
    """One migrated database for the tests of a file that leave nothing behind."""
    yield from temporary_database(cluster, template)


@pytest.fixture
def rows(shared_database_url: str) -> Iterator[Rows]:
    """Rows straight into the tables, taken back at the end of the test."""
    with Rows(shared_database_url) as rows, rows.connection.transaction(force_rollback=True):
        yield rows


@pytest.fixture
def own_rows(database_url: str) -> Iterator[Rows]:
    """Rows that commit, in a database of this test alone: for tests with two connections or several transactions."""
    with Rows(database_url) as rows:
        yield rows
