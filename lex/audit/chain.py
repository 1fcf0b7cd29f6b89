"""The chain of seals over the audit trail: what is sealed, how, and what a look at it finds. Pure.

A row is its line of PostgreSQL's COPY text (`COLUMNS`): the live table and an archived file are read by the same code.
A seal covers the rows of the transactions [from, until): ids are not committed in their order, transactions
below the oldest running one are all there.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

import msgspec

ENTRY = 32  # bytes of a row in a seal: its id and half the SHA-256 of its line
FIRST = bytes(32)  # what the first seal has before it

#: What a row is, in this order; PostgreSQL writes jsonb the same way in every version.
COLUMNS: LiteralString = """id, transaction_id, created_at, user_id, acted_by, role, request_id, ip_address, action,
    resource, resource_id, database_user, changes"""

_TAG, _TAG_OF_ARCHIVE = b"lex audit seal 1", b"lex audit archive 1"


class Sealed(NamedTuple):
    """A row as the seals know it."""

    transaction: int
    id: bytes
    digest: bytes


class Link(msgspec.Struct, frozen=True):
    """One seal, as it stands in `audit_seals`."""

    number: int
    from_transaction: int
    until_transaction: int
    row_count: int
    entries: bytes
    previous: bytes
    key_id: str
    seal: bytes
    created_at: datetime

    def signed(self, key: bytes) -> bytes:
        """What its seal has to be under a key."""
        head = (self.number, self.from_transaction, self.until_transaction, self.row_count)
        text = "|".join((*map(str, head), self.key_id, _moment(self.created_at))).encode()
        return hmac.new(key, b"\0".join((_TAG, text, self.previous, self.entries)), hashlib.sha256).digest()


class Archive(msgspec.Struct, frozen=True):
    """A month that was archived, as it stands in `audit_archives`: ids in [lower_id, upper_id) are in a file."""

    partition: str
    lower_id: UUID
    upper_id: UUID
    file_name: str
    file_digest: bytes
    row_count: int
    key_id: str
    signature: bytes
    created_at: datetime

    def signed(self, key: bytes) -> bytes:
        """What its signature has to be under a key."""
        names = (self.partition, self.lower_id, self.upper_id, self.file_name, self.row_count, self.key_id)
        text = "|".join((*map(str, names), _moment(self.created_at))).encode()
        return hmac.new(key, b"\0".join((_TAG_OF_ARCHIVE, text, self.file_digest)), hashlib.sha256).digest()


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it was sealed. `subject` is the id of a row, the number of a seal, a month or a file."""

    kind: str
    subject: str
    sentence: str


class Kept(NamedTuple):
    """The seal before, as far as the next one has to fit it."""

    number: int
    until: int
    seal: bytes


START = Kept(0, 0, FIRST)


def sealed(line: bytes) -> Sealed:
    """A line of COPY text, without its end."""
    key, transaction, _ = line.split(b"\t", 2)
    return Sealed(int(transaction), bytes.fromhex(key.decode().replace("-", "")), hashlib.sha256(line).digest()[:16])


def linked(before: Kept, until: int, entries: bytes, ring: Mapping[str, bytes], moment: datetime) -> Link:
    """The next seal, under the newest key of the ring."""
    key_id = next(iter(ring))
    count = len(entries) // ENTRY
    link = Link(before.number + 1, before.until, until, count, entries, before.seal, key_id, b"", moment)
    return msgspec.structs.replace(link, seal=link.signed(ring[key_id]))


def witnessed(archive: Archive, ring: Mapping[str, bytes]) -> Archive:
    """The archive signed under the newest key of the ring."""
    key_id = next(iter(ring))
    named = msgspec.structs.replace(archive, key_id=key_id)
    return msgspec.structs.replace(named, signature=named.signed(ring[key_id]))


def faults(link: Link, before: Kept, ring: Mapping[str, bytes]) -> Iterator[Finding]:
    """What is wrong with a seal itself and its place in the chain."""
    if link.number != before.number + 1:
        gone = (
            f"{before.number + 1}" if link.number == before.number + 2 else f"{before.number + 1} to {link.number - 1}"
        )
        yield Finding("seal_missing", gone, f"Seal {gone} is missing: the chain has a gap before {link.number}.")
    elif link.previous != before.seal or link.from_transaction != before.until:
        yield Finding("seal_changed", str(link.number), f"Seal {link.number} does not follow from the one before it.")
    key = ring.get(link.key_id)
    if key is None:
        yield _without_key(str(link.number), f"Seal {link.number}", link.key_id)
    elif not hmac.compare_digest(link.signed(key), link.seal):
        yield Finding("seal_changed", str(link.number), f"Seal {link.number} is not as it was made.")


def faults_of_archive(archive: Archive, ring: Mapping[str, bytes]) -> Iterator[Finding]:
    """What is wrong with what `audit_archives` says of a month."""
    key = ring.get(archive.key_id)
    if key is None:
        yield _without_key(archive.partition, f"The archive of {archive.partition}", archive.key_id)
    elif not hmac.compare_digest(archive.signed(key), archive.signature):
        words = f"The row of audit_archives about {archive.partition} is not as it was made: its file proves nothing."
        yield Finding("archive_changed", archive.partition, words)


def _without_key(subject: str, what: str, key_id: str) -> Finding:
    words = f"{what} was made under the key “{key_id}”, which LEX_AUDIT_KEY does not hold."
    return Finding("key_missing", subject, words)


def _moment(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def differences(link: Link, rows: Iterable[Sealed], is_looked_at: Callable[[bytes], bool]) -> Iterator[Finding]:
    """What the rows of a seal's transactions are, against what was sealed. `is_looked_at` says of which ids."""
    expected = dict(_entries(link.entries, is_looked_at))
    for row in rows:
        digest = expected.pop(row.id, None)
        if digest is None:
            yield _of_row("row_inserted", row.id, "was put in after seal", link)
        elif digest != row.digest:
            yield _of_row("row_changed", row.id, "was changed after seal", link)
    for key in expected:
        yield _of_row("row_missing", key, "is missing; it was there at seal", link)


def cut(rows: Iterator[Sealed], link: Link, held: list[Sealed]) -> list[Sealed]:
    """The rows of a link from a stream in the order of transactions; `held` is the stream's next row, if it was read.

    Rows before the link belong to no seal that is there: the gap is a finding of its own. Before the first there are
    none, whatever a row says of its transaction.
    """
    found = [row for row in held if row.transaction < link.until_transaction]
    if found or not held:
        held.clear()
        for row in rows:
            if row.transaction >= link.until_transaction:
                held.append(row)
                break
            found.append(row)
    is_first = link.from_transaction == START.until
    return [row for row in found if is_first or row.transaction >= link.from_transaction]


def _entries(entries: bytes, is_looked_at: Callable[[bytes], bool]) -> Iterator[tuple[bytes, bytes]]:
    for place in range(0, len(entries), ENTRY):
        key = entries[place : place + 16]
        if is_looked_at(key):
            yield key, entries[place + 16 : place + ENTRY]


def _of_row(kind: str, key: bytes, words: str, link: Link) -> Finding:
    return Finding(kind, str(UUID(bytes=key)), f"Row {UUID(bytes=key)} {words} {link.number}.")
