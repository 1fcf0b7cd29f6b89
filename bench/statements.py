"""How many statements were sent, as pg_stat_statements counts them; those inside triggers are not counted."""

from typing import LiteralString

import psycopg

_CALLS = """
SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %s)
"""


class Counter:
    """Reads the count for one database; None where the extension is not loaded or may not be read."""

    def __init__(self, admin_url: str, database: str) -> None:
        self._database = database
        self._connection = psycopg.connect(admin_url, autocommit=True) if admin_url else None
        try:
            self._run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            self._run("SELECT pg_stat_statements_reset()")
        except psycopg.Error:
            self._connection = None

    def _run(self, statement: LiteralString) -> None:
        if self._connection is not None:
            self._connection.execute(statement)

    def read(self) -> int | None:
        """Statements so far."""
        if self._connection is None:
            return None
        row = self._connection.execute(_CALLS, (self._database,)).fetchone()
        return int(row[0]) if row else None
