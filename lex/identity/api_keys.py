"""API keys: whom one acts for, what there are, their end, and when they were used.

A key is looked up at each request in one statement that nothing keeps: a key that was revoked is refused at the very
next one. Looked up is the hash of it, so that the time an answer takes tells nothing of any key. That it was used is
written down once a minute, apart from requests.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, LiteralString
from uuid import UUID

import msgspec

from lex.core import clock
from lex.db import sql
from lex.db.documents import find_document
from lex.db.session import Session
from lex.identity.commands import hash_token
from lex.identity.key_forms import Kind, is_key

_HOLDER: LiteralString = "SELECT row_to_json(h) FROM api_key_holder(%(hash)s, %(now)s) h"

_COLUMNS: LiteralString = """
SELECT k.id, k.user_id, k.kind, k.name, k.prefix, k.scopes, k.created_at, k.expires_at, k.last_used_at,
       coalesce(k.expires_at <= %(now)s, false) AS is_expired
FROM api_keys k WHERE k.revoked_at IS NULL
"""
_OF_PERSON: LiteralString = f"{_COLUMNS} AND k.user_id = %(user_id)s ORDER BY k.id DESC"
_OF_ALL: LiteralString = f"{_COLUMNS} ORDER BY k.id DESC"
_OF_SHOP: LiteralString = f"{_COLUMNS} AND k.kind = 'application' ORDER BY k.id DESC"

_COUNT: LiteralString = """
SELECT count(*)::int FROM api_keys
WHERE user_id = %(user_id)s AND kind = %(kind)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
"""

_REVOKE: LiteralString = """
UPDATE api_keys SET revoked_at = %(now)s
WHERE id = %(id)s AND revoked_at IS NULL AND kind = coalesce(%(kind)s::text, kind)
  AND user_id = coalesce(%(user_id)s::uuid, user_id)
RETURNING user_id
"""

# In the order of ids, so that two processes wait for each other and never for ever.
_USED: LiteralString = """
WITH used AS (
    SELECT k.id, u.at FROM api_keys k JOIN unnest(%(ids)s::uuid[], %(instants)s::timestamptz[]) AS u (id, at) USING (id)
    WHERE k.last_used_at IS NULL OR k.last_used_at <= u.at - interval '1 minute'
    ORDER BY k.id FOR NO KEY UPDATE OF k
)
UPDATE api_keys k SET last_used_at = used.at FROM used WHERE k.id = used.id
"""

#: How often the refusal of one ended key is told.
_TOLD_EVERY = timedelta(hours=1)
_MOST_TOLD = 10_000


class Holder(msgspec.Struct, frozen=True):
    """Whom a key acts for; `ended` is why it is no longer good."""

    key_id: UUID
    user_id: UUID
    role: str
    scopes: tuple[str, ...]
    ended: Literal["revoked", "expired", "closed"] | None


class ApiKey(msgspec.Struct, frozen=True):
    """A key that is not revoked, as it is listed. Without `scopes` it does all its owner's role may."""

    id: UUID
    user_id: UUID
    kind: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    is_expired: bool


class _Noted:
    used: dict[UUID, datetime] = {}
    told: OrderedDict[UUID, datetime] = OrderedDict()


async def find_holder(token: str) -> Holder | None:
    """Whom a key acts for, also one that ended; None when there is none."""
    if not is_key(token):
        return None
    found = await find_document(_HOLDER, {"hash": hash_token(token), "now": clock.now()}, is_quick=True)
    return msgspec.json.decode(found, type=Holder) if found else None


async def find_api_key(token: str) -> Holder | None:
    """Whom a key acts for that is good, or None."""
    holder = await find_holder(token)
    return holder if holder and holder.ended is None else None


async def list_of_person(session: Session, user_id: UUID) -> list[ApiKey]:
    """The keys that act for somebody, newest first."""
    return await sql.fetch_all(session, _OF_PERSON, ApiKey, user_id=user_id, now=clock.now())


async def list_of_shop(session: Session) -> list[ApiKey]:
    """The keys of applications, whoever made them, newest first."""
    return await sql.fetch_all(session, _OF_SHOP, ApiKey, now=clock.now())


async def list_of_all(session: Session) -> list[ApiKey]:
    """Every key, newest first."""
    return await sql.fetch_all(session, _OF_ALL, ApiKey, now=clock.now())


async def count_living(session: Session, user_id: UUID, kind: Kind) -> int:
    """How many keys of a kind somebody has that are good."""
    count: int = await sql.fetch_value(session, _COUNT, user_id=user_id, kind=kind.value, now=clock.now())
    return count


async def revoke(
    session: Session, key_id: UUID, *, kind: Kind | None = None, user_id: UUID | None = None
) -> UUID | None:
    """End a key, of a kind or an owner if they are named; whose it was, or None when there is none to end."""
    owner: UUID | None = await sql.fetch_value(
        session, _REVOKE, id=key_id, kind=kind and kind.value, user_id=user_id, now=clock.real_now()
    )
    return owner


def note_use(key_id: UUID) -> None:
    """It was used just now; whoever takes the uses writes them down."""
    _Noted.used[key_id] = clock.real_now()


def take_uses() -> dict[UUID, datetime]:
    """Which keys were used since this was last asked, and when."""
    used, _Noted.used = _Noted.used, {}
    return used


async def write_uses(session: Session, used: Mapping[UUID, datetime]) -> int:
    """Write down when keys were used, each at most once a minute; returns how many rows that changed."""
    return await sql.execute(session, _USED, ids=list(used), instants=list(used.values()))


def is_news(key_id: UUID) -> bool:
    """Whether the use of an ended key is to be told: each process tells of a key once an hour, whoever hammers."""
    now, told = clock.real_now(), _Noted.told
    if key_id in told and now - told[key_id] < _TOLD_EVERY:
        return False
    told[key_id] = now
    told.move_to_end(key_id)
    if len(told) > _MOST_TOLD:
        told.popitem(last=False)
    return True
