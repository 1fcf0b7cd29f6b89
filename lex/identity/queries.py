"""Whose data a cipher opens."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from lex.core.errors import Gone
from lex.db import sql
from lex.db.session import Session
from lex.identity.ciphers import Cipher, WrappedKey, cipher_of
from lex.identity.keyring import BLIND, WRAPPING, Ring

_PERSON_KEY: LiteralString = "SELECT wrapped_key, key_id FROM person_keys WHERE user_id = %(user_id)s"

_KEYS: LiteralString = """
SELECT key_id, count(*)::int AS persons FROM person_keys WHERE wrapped_key IS NOT NULL GROUP BY key_id
"""

_BLIND_KEYS: LiteralString = """
SELECT blind_key_id AS key_id, count(*)::int AS persons FROM person_keys WHERE wrapped_key IS NOT NULL
GROUP BY blind_key_id
"""


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
