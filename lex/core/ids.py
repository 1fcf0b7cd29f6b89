"""Ids: UUIDv7, ordered by the time they carry. They partition orders and audit_logs and stay the only key."""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uuid_utils.compat

# No 0/O, 1/I/L, U: read aloud and typed without mistakes.
_READABLE = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def new_id() -> UUID:
    """A new UUIDv7 of the real time."""
    return uuid_utils.compat.uuid7()


def usable_request_id(text: object) -> str | None:
    """The id of a request as somebody else gave it, when it is a plain one; the audit takes no other."""
    return text if isinstance(text, str) and _REQUEST_ID.fullmatch(text) else None


def instant_of(id_: UUID) -> datetime:
    """The instant a UUIDv7 carries, to the millisecond, in UTC. The database checks `created_at` against it."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=id_.int >> 80)


def floor_id(instant: datetime) -> UUID:
    """The smallest id of an instant."""
    milliseconds = (instant - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return UUID(int=max(milliseconds, 0) << 80)


def id_bounds(start: datetime, end: datetime) -> tuple[UUID, UUID]:
    """Half-open id range [low, high) of the instants [start, end): what prunes partitions.

    Every time range over orders or audit_logs goes through here; a range on `created_at` alone reads every partition.
    """
    return floor_id(start), floor_id(end)


def order_number(order_id: UUID, choose: Callable[[str], str] = secrets.choice) -> str:
    """A number for people, `LEX-20261105-7F3K9QTB`: the UTC day of the id and eight random characters.

    The day makes a per-partition unique index global (docs/concepts/partitions.md). Never a credential.
    """
    tail = "".join(choose(_READABLE) for _ in range(8))
    return f"LEX-{instant_of(order_id):%Y%m%d}-{tail}"


def new_token() -> str:
    """An unguessable token of 256 bits for links, carts and keys. Only its hash is stored."""
    return secrets.token_urlsafe(32)
