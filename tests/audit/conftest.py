import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from lex.ops import sealing, verifying
from lex.ops.verifying import Verdict
from tests.conftest import temporary_database, with_database
from tests.support.cluster import Cluster
from tests.support.rows import Rows

_place = count(1)
RING = {"k1": b"1" * 32}
TABLES = ("audit_logs", "audit_seals", "audit_archives")
_OFF = """
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT oid::regclass FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname ~ '^audit_' LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', name);
    END LOOP;
END
$$
"""


def others_are_done(rows: Rows) -> None:
    """Wait for transactions of other tests on the same server: seals reach as far as the oldest that runs."""
    mine = rows.one("SELECT pg_current_xact_id()::text::bigint")
    patience = time.monotonic() + 100
    while rows.one("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") <= mine:
        assert time.monotonic() < patience
        time.sleep(0.05)


class Trail:
    """A trail of its own: rows through the tables, seals, and somebody who rules the database."""

    def __init__(self, url: str, superuser_url: str, folder: Path) -> None:
        self.url, self.superuser_url, self.folder = url, superuser_url, folder
        self.rows = Rows(url)

    def changes(self, number: int = 3) -> list[str]:
        """Make some rows, each its own transaction; the ids of their entries."""
        for _ in range(number):
            self.rows.add("categories")
        found = self.rows.column("SELECT id::text FROM audit_logs ORDER BY id DESC LIMIT %s", number)
        return found[::-1]

    def seal(self, ring: dict[str, bytes] = RING) -> int:
        """How many rows were sealed, of all there are."""
        others_are_done(self.rows)
        return sealing.seal(self.url, ring)

    def verify(self, ring: dict[str, bytes] = RING, copy: Path | None = None) -> Verdict:
        """What a look at all of it says."""
        return verifying.verify(self.url, ring, folder=self.folder, copy=copy)

    def findings(self, **given: Path | None) -> list[tuple[str, str]]:
        """Kinds and subjects of what is not as it was."""
        return [(finding.kind, finding.subject) for finding in self.verify(**given).findings]  # type: ignore[arg-type]

    def attack(self, *statements: str) -> None:
        """As superuser, with every trigger of the trail off."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(_OFF)
            for statement in statements:
                connection.execute(statement.encode())

    @contextmanager
    def attacked(self, *statements: str) -> Iterator[None]:
        """The same for a while: afterwards the trail is as it was."""
        place = next(_place)  # an attack within an attack
        self.attack(*(f"CREATE TABLE kept{place}_{table} AS TABLE {table}" for table in TABLES))
        try:
            self.attack(*statements)
            yield
        finally:
            for table in TABLES:
                put_back = f"INSERT INTO {table} TABLE kept{place}_{table}"
                self.attack(f"TRUNCATE {table}", put_back, f"DROP TABLE kept{place}_{table}")


@pytest.fixture(scope="module")
def trail(cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trail]:
    """One trail for a module."""
    for url in temporary_database(cluster, template):
        name = url.split("?")[0].rsplit("/", 1)[1]
        made = Trail(url, with_database(cluster.superuser_url, name), tmp_path_factory.mktemp("archive"))
        with made.rows:
            yield made
