"""Old months of `audit_logs`: taken off the table, written to a compressed file, dropped when the file says the same.

The seals stay, and a file holds the very lines they were made of: `lex audit verify` reads it in place of the month.
Whatever breaks this off, doing it again goes on where it was.
"""

import gzip
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from lex.audit import chain
from lex.audit.chain import Archive, Finding, Sealed, sealed
from lex.core import clock, codec, ids
from lex.core.errors import Conflict, Invalid
from lex.ops import sealing, verifying

# Those that were taken off and not dropped yet are among them.
_OLD: LiteralString = """
SELECT c.relname::text AS partition, i.inhparent IS NOT NULL AS is_attached FROM pg_class c
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^audit_logs_p[0-9]{6}$'
  AND (i.inhparent IS NULL OR i.inhparent = 'public.audit_logs'::regclass) ORDER BY c.relname
"""
_PENDING: LiteralString = """
SELECT coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false) FROM pg_inherits i
WHERE inhrelid = to_regclass(%s)
"""
_EXTENT: LiteralString = """
SELECT count(*), coalesce(min(transaction_id), 0), coalesce(max(transaction_id), -1) FROM {}
"""
_SEALED_UNTIL: LiteralString = "SELECT coalesce(max(until_transaction), 0) FROM audit_seals"
_KEEP: LiteralString = """
INSERT INTO audit_archives
    (id, partition, lower_id, upper_id, file_name, file_digest, row_count, key_id, signature, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_RECORD: LiteralString = "SELECT record_audit('archive', 'audit_logs', %s, %s)"

#: A month stays for a whole month more at the least: what just happened is searched, and may not be sealed yet.
LEAST = timedelta(days=31)


class Archived(msgspec.Struct, frozen=True):
    """A month that is in a file now."""

    partition: str
    file: str
    rows: int
    bytes: int


class _Month(msgspec.Struct, frozen=True):
    partition: str
    is_attached: bool
    lower: UUID
    upper: UUID

    @property
    def start(self) -> datetime:
        return ids.instant_of(self.lower)

    def holds(self, key: bytes) -> bool:
        return self.lower.bytes <= key < self.upper.bytes


def archive(
    database_url: str,
    ring: Mapping[str, bytes],
    *,
    before: datetime,
    folder: Path,
    told: Callable[[str], None] = lambda _: None,
) -> list[Archived]:
    """Archive every month that ended before an instant; returns those done, oldest first.

    Raises `Invalid` for an instant within the last month. Raises `Conflict` and leaves the month where it is when some
    of its rows are not sealed yet or not as they were sealed, and leaves the table beside the file when that does not
    say the same.
    """
    if before > clock.real_now() - LEAST:
        raise Invalid("older-than", f"--older-than is at least {LEAST.days}d: the last full month stays in the table.")
    done: list[Archived] = []
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with sealing.connected(database_url) as connection, sealing.connected(database_url) as seals:
        connection.execute("SELECT pg_advisory_lock(%s)", (verifying.ARCHIVING,))
        for month in _months(connection, before):
            told(month.partition)
            rows = _checked(connection, seals, month, ring)
            _take_off(connection, month)
            path = _write(connection, month, folder)
            findings = _compare(seals, month, ring, verifying.read_file(path))
            if findings or sum(1 for _ in verifying.read_file(path)) != rows:
                raise Conflict(f"{path} does not say what {month.partition} does; it was not dropped.", code="archive")
            _drop(connection, month, path, rows, ring)
            done.append(Archived(month.partition, str(path), rows, path.stat().st_size))
    return done


def _months(connection: psycopg.Connection[Any], before: datetime) -> list[_Month]:
    found = []
    for partition, is_attached in connection.execute(_OLD).fetchall():
        year, month = int(partition[-6:-2]), int(partition[-2:])
        start = before.replace(year=year, month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
        end = start.replace(year=year + month // 12, month=month % 12 + 1)
        if end <= before:
            found.append(_Month(partition, is_attached, *ids.id_bounds(start, end)))
    return found


def _checked(
    connection: psycopg.Connection[Any], seals: psycopg.Connection[Any], month: _Month, ring: Mapping[str, bytes]
) -> int:
    """How many rows a month has, all of them sealed and unchanged. Raises `Conflict`."""
    extent = sql.SQL(_EXTENT).format(sql.Identifier("public", month.partition))
    rows, low, high = connection.execute(extent).fetchall()[0]
    (until,) = connection.execute(_SEALED_UNTIL).fetchall()[0]
    if high >= until:
        words = f"{month.partition} has rows that are not sealed yet; run lex jobs run seal_audit."
        raise Conflict(words, code="unsealed")
    findings = _compare(seals, month, ring, _of_partition(connection, month, low, until))
    if findings:
        raise Conflict(
            f"{month.partition} is not as it was sealed: {findings[0].sentence} Look at lex audit verify.",
            code="audit_changed",
        )
    return int(rows)


def _of_partition(connection: psycopg.Connection[Any], month: _Month, low: int, high: int) -> Iterator[Sealed]:
    with sealing.transaction(connection):
        yield from map(sealed, sealing.lines(connection, low, high, month.partition))


def _compare(
    seals: psycopg.Connection[Any], month: _Month, ring: Mapping[str, bytes], rows: Iterator[Sealed]
) -> list[Finding]:
    """What is wrong with a month's rows and the seals since it began, whoever's clock is a little off."""
    looked = verifying.compared(seals, rows, ring, month.start - timedelta(days=1), month.holds)
    return [finding for _, found in looked for finding in found]


def _take_off(connection: psycopg.Connection[Any], month: _Month) -> None:
    """Detach it, while the table is read and written where PostgreSQL can (14 and later)."""
    if not month.is_attached:
        return
    row = connection.execute(_PENDING, (f"public.{month.partition}",)).fetchone()
    how: LiteralString = "FINALIZE" if row and row[0] else "CONCURRENTLY"
    if connection.info.server_version < 140000:
        how = ""
    statement = "ALTER TABLE public.audit_logs DETACH PARTITION {} " + how
    connection.execute(sql.SQL(statement).format(sql.Identifier("public", month.partition)))


def _write(connection: psycopg.Connection[Any], month: _Month, folder: Path) -> Path:
    path = folder / f"{month.partition}.tsv.gz"
    draft = path.with_suffix(f".{os.getpid()}")
    with draft.open("wb") as raw:
        draft.chmod(0o600)
        with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file, sealing.transaction(connection):
            for line in sealing.lines(connection, 0, 2**63 - 1, month.partition):
                file.write(line + b"\n")
        raw.flush()
        os.fsync(raw.fileno())
    draft.replace(path)
    return path


def _drop(connection: psycopg.Connection[Any], month: _Month, path: Path, rows: int, ring: Mapping[str, bytes]) -> None:
    """The month goes and the trail says where to: both or neither."""
    digest = verifying.digest_of(path)
    details = {"file": path.name, "sha256": digest.hex(), "rows": rows}
    now = clock.real_now()
    archive = Archive(month.partition, month.lower, month.upper, path.name, digest, rows, "", b"", now)
    with sealing.transaction(connection):
        connection.execute(_KEEP, (ids.new_id(), *msgspec.structs.astuple(chain.witnessed(archive, ring))))
        connection.execute(_RECORD, (month.partition, codec.encode(details).decode()))
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("public", month.partition)))
