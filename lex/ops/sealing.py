"""The sealer: each minute it seals the rows of `audit_logs` whose transactions are all over, and copies the seals out.

Transactions below the oldest running one have written all they will: that number, not the time, is how far a seal
reaches. A row of a transaction that commits late has an older id and belongs to a later seal, once.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from lex.audit import chain
from lex.audit.chain import Kept, Link, Sealed
from lex.core import clock
from lex.core.errors import Conflict, Invalid, Unavailable

COPY_NAME = "audit-seals.jsonl"  # in the home folder
PATIENCE = "5s"  # with whoever holds a table
_STEP = 20_000  # transactions of a seal at most
_LONGEST = 4096  # bytes that hold the last line of a copy

_LAST: LiteralString = """
SELECT number, from_transaction, until_transaction, row_count, entries, previous, key_id, seal, created_at
FROM audit_seals ORDER BY number DESC LIMIT 2
"""
_HORIZON: LiteralString = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# One sealer at a time. Not by an advisory lock: those anybody may hold who is connected.
_ALONE: LiteralString = "LOCK TABLE audit_seals IN SHARE ROW EXCLUSIVE MODE"
_NEXT: LiteralString = """
SELECT min(transaction_id) FROM audit_logs WHERE transaction_id >= %s AND transaction_id < %s
"""
_ROWS: LiteralString = (
    "COPY (SELECT "
    + chain.COLUMNS
    + """ FROM {source} WHERE transaction_id >= {low} AND transaction_id < {high}
ORDER BY transaction_id, id) TO STDOUT (FORMAT text, ENCODING 'UTF8')"""
)
_INSERT: LiteralString = """
INSERT INTO audit_seals
    (number, from_transaction, until_transaction, row_count, entries, previous, key_id, seal, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_SEAL: LiteralString = "SELECT seal FROM audit_seals WHERE number = %s"
_NEWER: LiteralString = "SELECT number, seal, created_at FROM audit_seals WHERE number > %s ORDER BY number"


@contextmanager
def connected(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that writes rows as they are digested everywhere. Raises `Unavailable`."""
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise Unavailable(f"The audit trail could not be read: {error}. Try again.") from error


@contextmanager
def transaction(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction that may take its time and writes instants in UTC."""
    with connection.transaction():
        connection.execute(
            "SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),"
            " set_config('statement_timeout', '10min', true), set_config('lock_timeout', %s, true)",
            (PATIENCE,),
        )
        yield


def lines(connection: psycopg.Connection[Any], low: int, high: int, source: str = "audit_logs") -> Iterator[bytes]:
    """The rows of the transactions [low, high), in their order, then that of their ids; inside `transaction`."""
    statement = sql.SQL(_ROWS).format(source=sql.Identifier("public", source), low=low, high=high)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        rest = b""
        for block in copy:
            *whole, rest = (rest + bytes(block)).split(b"\n")
            yield from whole


def seal(database_url: str, ring: Mapping[str, bytes]) -> int:
    """Seal all that can be sealed, under the newest key; returns the number of rows.

    Where another sealer is at work there is nothing to do. Raises `Conflict` when the last seal is not as it was made,
    so that nothing is built upon it, and when the database counts its transactions from anew, as one does that was
    filled from a dump.
    """
    rows = 0
    with connected(database_url) as connection, suppress(psycopg.errors.LockNotAvailable):
        while (sealed := _seal_next(connection, ring)) is not None:
            rows += sealed
    return rows


def _seal_next(connection: psycopg.Connection[Any], ring: Mapping[str, bytes]) -> int | None:
    """Write the next seal; None when nothing is left for one."""
    with transaction(connection):
        connection.execute(_ALONE)
        last = _last(connection, ring)
        horizon = _number(connection, _HORIZON)
        assert horizon is not None
        if horizon < last.until:
            raise Conflict(
                f"The database counts its transactions from {horizon}, the last seal reaches {last.until}: it was "
                "filled from a dump. Stop it, run pg_resetwal --next-transaction-id with a higher number, start it.",
                code="transactions_restarted",
            )
        first = _number(connection, _NEXT, last.until, horizon)
        if first is None:
            return None
        until = min(horizon, first + _STEP)
        rows = [chain.sealed(line) for line in lines(connection, last.until, until)]
        link = chain.linked(last, until, _entries(rows), ring, clock.real_now())
        connection.execute(_INSERT, tuple(getattr(link, field) for field in Link.__struct_fields__))
        return len(rows)


def _last(connection: psycopg.Connection[Any], ring: Mapping[str, bytes]) -> Kept:
    """The end of the chain, if it is what was sealed and follows from the seal before it. Raises `Conflict`."""
    found = [Link(*row) for row in connection.execute(_LAST).fetchall()]
    ends = [Kept(link.number, link.until_transaction, link.seal) for link in found] + [chain.START]
    for finding in chain.faults(found[0], ends[1], ring) if found else ():
        raise Conflict(f"{finding.sentence} Nothing is sealed upon it; run lex audit verify.", code="chain_broken")
    return ends[0]


def _entries(rows: list[Sealed]) -> bytes:
    return b"".join(part for row in rows for part in (row.id, row.digest))


def _number(connection: psycopg.Connection[Any], statement: LiteralString, *values: int) -> int | None:
    row = connection.execute(statement, values).fetchone()
    return None if row is None else row[0]


def copy_seals(database_url: str, path: Path) -> int:
    """Add the seals a file does not have yet, a line each; returns how many. It is only ever added to.

    Kept where whoever rules the database cannot write, it shows a chain that was made anew. Raises `Invalid`, and
    `Conflict` when its last seal is another in the database: one file tells of one chain.
    """
    number, known = _end_of(path) if path.exists() else (0, b"")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with connected(database_url) as connection, path.open("a", encoding="utf-8") as file:
        if number and connection.execute(_SEAL, (number,)).fetchone() != (known,):
            raise Conflict(
                f"Seal {number} is another than {path} says, or gone: run lex audit verify. If this trail was begun "
                "anew on purpose, put the file away; a new one is begun.",
                code="chain_rewritten",
            )
        found = connection.execute(_NEWER, (number,)).fetchall()
        file.writelines(_told(*row) for row in found)
    return len(found)


def _told(number: int, seal: bytes, moment: datetime) -> str:
    return json.dumps({"number": number, "seal": seal.hex(), "created_at": moment.isoformat()}) + "\n"


def read_copy(path: Path) -> dict[int, bytes]:
    """The seals of a copy by number. Raises `Invalid` naming the line that is none."""
    found: dict[int, bytes] = {}
    if not path.is_file():
        raise Invalid("copy", f"No such file: {path}.")
    with path.open(encoding="utf-8") as file:
        for place, line in enumerate(file, 1):
            number, seal = _read(line, f"Line {place} of {path}")
            found.setdefault(number, seal)
    return found


def _end_of(path: Path) -> tuple[int, bytes]:
    """The last seal of a copy, which grows by one a minute for years and is not read whole for it."""
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _LONGEST, 0))
        last = file.read().rstrip().rpartition(b"\n")[2]
    return _read(last, f"The last line of {path}") if last else (0, b"")


def _read(line: str | bytes, what: str) -> tuple[int, bytes]:
    try:
        told = json.loads(line)
        return int(told["number"]), bytes.fromhex(told["seal"])
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid("copy", f"{what} is no seal.") from error


def put_copy_away(database_url: str, path: Path) -> Path | None:
    """Where the trail itself went with its table, its copy gets a name of its own, for the next chain to begin anew."""
    with connected(database_url) as connection:
        if not path.exists() or connection.execute("SELECT to_regclass('public.audit_seals')").fetchone() != (None,):
            return None
    return path.rename(path.with_stem(f"{path.stem}-until-{clock.real_now():%Y%m%dT%H%M%S%f}"))
