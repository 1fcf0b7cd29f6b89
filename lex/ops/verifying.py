"""`lex audit verify`: every row and every seal against what was sealed, in one pass over both.

Months that were archived are read from their files. Where one is gone its rows cannot be proven, which is a finding;
only who says so leaves the archived months out, and then hears how many rows were not looked at.
"""

import gzip
import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg

from lex.audit import chain
from lex.audit.chain import Archive, Finding, Kept, Link, Sealed
from lex.core import ids
from lex.ops import sealing

_BATCH = 50_000  # rows of one look at the table
_MOST = 10_000  # findings that are told one by one

_LINKS: LiteralString = """
SELECT number, from_transaction, until_transaction, row_count, entries, previous, key_id, seal, created_at
FROM audit_seals WHERE created_at >= %s ORDER BY number
"""
_REACH: LiteralString = "SELECT until_transaction, row_count FROM audit_seals ORDER BY until_transaction"
_ARCHIVES: LiteralString = """
SELECT partition, lower_id, upper_id, file_name, file_digest, row_count, key_id, signature, created_at
FROM audit_archives ORDER BY lower_id
"""
_TAIL: LiteralString = "SELECT count(*), min(id::text)::uuid FROM audit_logs WHERE transaction_id >= %s"
# No transaction has these numbers yet, so that no seal would ever reach the rows.
_AHEAD: LiteralString = """
SELECT id FROM audit_logs
WHERE transaction_id >= greatest(%s, pg_snapshot_xmax(pg_current_snapshot())::text::bigint) ORDER BY id LIMIT 1000
"""
_STILL: LiteralString = "SELECT id FROM audit_logs WHERE id = ANY(%s)"

ARCHIVING = 0x4C4558_41524348  # "LEX ARCH": nothing is archived while the trail is read
EVER = datetime(1, 1, 1, tzinfo=UTC)


class Verdict(msgspec.Struct):
    """What a look at the whole trail says. `archived` are rows in files that were not looked at; `unsealed` come next.

    `findings` are the first ten thousand, `more` the number of those beyond.
    """

    seals: int = 0
    rows: int = 0
    archived: int = 0
    unsealed: int = 0
    unsealed_since: datetime | None = None
    findings: list[Finding] = []
    more: int = 0

    @property
    def is_whole(self) -> bool:
        """Nothing was changed, taken out or put in."""
        return not self.findings

    def add(self, found: list[Finding]) -> None:
        """A table that was emptied has as many findings as it had rows."""
        room = max(_MOST - len(self.findings), 0)
        self.findings += found[:room]
        self.more += len(found[room:])


def verify(
    database_url: str,
    ring: Mapping[str, bytes],
    *,
    folder: Path,
    copy: Path | None = None,
    with_archives: bool = True,
    told: Callable[[int, int], None] = lambda *_: None,
) -> Verdict:
    """Look at everything. `folder` holds the archived files, `copy` the seals as they were copied out.

    Without `with_archives` no archived month is read. `told` hears how many rows are done, and how many were sealed.
    Raises `Unavailable`.
    """
    verdict = Verdict(findings=[])
    known = sealing.read_copy(copy) if copy else {}
    with sealing.connected(database_url) as rows, sealing.connected(database_url) as seals:
        rows.execute("SELECT pg_advisory_lock_shared(%s)", (ARCHIVING,))
        reach = rows.execute(_REACH).fetchall()
        total = sum(count for _, count in reach)
        streams, away = _files(rows, ring, folder if with_archives else None, verdict)
        stream = heapq.merge(_of_table(rows, reach), *streams)
        last = chain.START
        for link, found in compared(seals, stream, ring, EVER, lambda key: not _is_in(away, key)):
            last = Kept(link.number, link.until_transaction, link.seal)
            verdict.seals += 1
            verdict.rows += link.row_count
            verdict.archived += sum(_is_in(away, link.entries[n : n + 16]) for n in _places(link)) if away else 0
            verdict.add(found + _rewritten(link, known))
            told(verdict.rows, total)
        lost = sorted(number for number in known if number > last.number)
        verdict.add([Finding("seal_missing", str(n), f"Seal {n} of the copy is missing.") for n in lost])
        verdict.findings = _moved(rows, verdict.findings)
        named = {finding.subject for finding in verdict.findings}
        ahead = [str(row_id) for (row_id,) in rows.execute(_AHEAD, (last.until,)).fetchall()]
        verdict.add([_of_nobody(row_id) for row_id in ahead if row_id not in named])
        verdict.unsealed, oldest = rows.execute(_TAIL, (last.until,)).fetchone() or (0, None)
    verdict.unsealed_since = ids.instant_of(oldest) if oldest else None
    verdict.rows -= verdict.archived
    return verdict


def _of_nobody(row_id: str) -> Finding:
    words = f"Row {row_id} names a transaction that has not been: no change of the shop wrote it."
    return Finding("row_inserted", row_id, words)


def compared(
    connection: psycopg.Connection[Any],
    rows: Iterator[Sealed],
    ring: Mapping[str, bytes],
    since: datetime,
    is_looked_at: Callable[[bytes], bool],
) -> Iterator[tuple[Link, list[Finding]]]:
    """Every seal made since then, in order, with what is wrong with it and its rows. `rows` are in that order too."""
    before: Kept | None = chain.START if since is EVER else None
    held: list[Sealed] = []
    with sealing.transaction(connection), connection.cursor(name="seals") as cursor:
        cursor.itersize = 20
        for row in cursor.execute(_LINKS, (since,)):
            link = Link(*row)
            before = before or Kept(link.number - 1, link.from_transaction, link.previous)
            found = list(chain.faults(link, before, ring))
            found += chain.differences(link, chain.cut(rows, link, held), is_looked_at)
            before = Kept(link.number, link.until_transaction, link.seal)
            yield link, found


def _of_table(connection: psycopg.Connection[Any], reach: Iterable[tuple[int, int]]) -> Iterator[Sealed]:
    """The sealed part of the table, some ten thousand rows a statement."""
    low, number = -(2**63), 0
    until = low
    for until, count in reach:
        number += count
        if number >= _BATCH:
            yield from _between(connection, low, until)
            low, number = until, 0
    yield from _between(connection, low, until)


def _between(connection: psycopg.Connection[Any], low: int, high: int) -> Iterator[Sealed]:
    if low < high:
        with sealing.transaction(connection):
            yield from map(chain.sealed, sealing.lines(connection, low, high))


def read_file(path: Path) -> Iterator[Sealed]:
    """The rows of an archived month."""
    with gzip.open(path, "rb") as file:
        for line in file:
            yield chain.sealed(line.rstrip(b"\n"))


def digest_of(path: Path) -> bytes:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _files(
    connection: psycopg.Connection[Any], ring: Mapping[str, bytes], folder: Path | None, verdict: Verdict
) -> tuple[list[Iterator[Sealed]], list[Archive]]:
    """The archived months that are read, and those that are not. What we did not sign counts for nothing."""
    streams, away = [], []
    for row in connection.execute(_ARCHIVES).fetchall():
        archive = Archive(*row)
        faults = list(chain.faults_of_archive(archive, ring))
        if faults:
            verdict.add(faults)
        elif folder is None:
            away.append(archive)
        elif finding := _of_file(folder / archive.file_name, archive):
            verdict.add([finding])
            away.append(archive)
        else:
            streams.append(read_file(folder / archive.file_name))
    return streams, away


def _of_file(path: Path, archive: Archive) -> Finding | None:
    if not path.exists():
        words = f"{path}, the archive of {archive.partition} ({archive.row_count} rows), is missing. Name its folder "
        words += "with --archives, or leave archived months out with --without-archives."
        return Finding("file_missing", str(path), words)
    if digest_of(path) != archive.file_digest:
        return Finding("file_changed", str(path), f"{path} is not the file that was archived.")
    return None


def _is_in(archives: list[Archive], key: bytes) -> bool:
    return any(archive.lower_id.bytes <= key < archive.upper_id.bytes for archive in archives)


def _places(link: Link) -> range:
    return range(0, len(link.entries), chain.ENTRY)


def _rewritten(link: Link, known: Mapping[int, bytes]) -> list[Finding]:
    if known.get(link.number, link.seal) == link.seal:
        return []
    return [Finding("seal_rewritten", str(link.number), f"Seal {link.number} is another than its copy says.")]


def _moved(connection: psycopg.Connection[Any], findings: list[Finding]) -> list[Finding]:
    """A row that is missing at its seal and there all the same was given to another transaction: it was changed."""
    missing = [UUID(finding.subject) for finding in findings if finding.kind == "row_missing"]
    there = {str(row[0]) for row in connection.execute(_STILL, (missing,)).fetchall()} if missing else set()
    told: list[Finding] = []
    for finding in findings:
        if finding.subject in there and finding.kind == "row_missing":
            words = f"Row {finding.subject} says another transaction than when it was sealed."
            told.append(Finding("row_changed", finding.subject, words))
        elif finding.kind != "row_inserted" or finding.subject not in there:
            told.append(finding)
    return told
