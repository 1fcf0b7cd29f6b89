"""Who holds a key, and whose data a cipher opens."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from lex.core import clock
from lex.core.errors import Gone
from lex.db import sql
from lex.db.session import Session, reading
from lex.identity.ciphers import Cipher, WrappedKey, cipher_of
from lex.identity.commands import API_KEY_PREFIX, hash_token
from lex.identity.keyring import BLIND, WRAPPING, Ring

_API_KEY: LiteralString = "SELECT key_id, user_id, role, scopes FROM api_key_holder(%(hash)s, %(now)s)"

_PERSON_KEY: LiteralString = "SELECT wrapped_key, key_id FROM person_keys WHERE user_id = %(user_id)s"

_KEYS: LiteralString = """
SELECT key_id, count(*)::int AS persons FROM person_keys WHERE wrapped_key IS NOT NULL GROUP BY key_id
"""

_BLIND_KEYS: LiteralString = """
SELECT blind_key_id AS key_id, count(*)::int AS persons FROM person_keys WHERE wrapped_key IS NOT NULL
GROUP BY blind_key_id
"""


@dataclass(frozen=True, slots=True)
class ApiKeyHolder:
    """Who a valid API key acts for."""

    key_id: UUID
    user_id: UUID
    role: str
    scopes: list[str]


async def find_api_key(token: str) -> ApiKeyHolder | None:
    """The holder of a living key of an active person, or None."""
    if not token.startswith(API_KEY_PREFIX) or len(token) > 100:
        return None
    async with reading() as connection, connection.cursor(row_factory=class_row(ApiKeyHolder)) as cursor:
        await cursor.execute(_API_KEY, {"hash": hash_token(token), "now": clock.now()})
        return await cursor.fetchone()


async def get_cipher(session: Session, user_id: UUID) -> Cipher:
    """The cipher of a person's data. Raises `Gone` when the person was erased."""
    row = await sql.fetch_one(session, _PERSON_KEY, _Key, user_id=user_id)
    cipher = open_cipher(user_id, row.wrapped_key, row.key_id) if row else None
    if cipher is None:
        raise Gone("This person's data was erased.", code="person_erased")
    return cipher


def open_cipher(user_id: UUID, wrapped_key: bytes | None, key_id: str) -> Cipher | None:
    """The cipher of a `person_keys` row, or None when the person was erased."""
    return None if wrapped_key is None else cipher_of(user_id, WrappedKey(wrapped_key, key_id))


async def count_keys(session: Session, ring: Ring = WRAPPING) -> dict[str, int]:
    """How many persons' keys are wrapped under which key of the ring, or how many are found by it."""
    statement = _BLIND_KEYS if ring is BLIND else _KEYS
    return {row.key_id: row.persons for row in await sql.fetch_all(session, statement, _Wrapping)}


@dataclass(frozen=True, slots=True)
class _Wrapping:
    key_id: str
    persons: int


@dataclass(frozen=True, slots=True)
class _Key:
    wrapped_key: bytes | None
    key_id: str
