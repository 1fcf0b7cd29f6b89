"""Make people and keys. Takes a session, never commits."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from cryptography.exceptions import InvalidTag
from email_validator import EmailNotValidError, validate_email

from lex.core import clock, ids
from lex.core.errors import Conflict, Invalid
from lex.db import sql
from lex.db.session import Session
from lex.identity import key_forms, keyring
from lex.identity.ciphers import (
    Cipher,
    WrappedKey,
    blind_index,
    blind_indexes,
    blind_tokens,
    cipher_of,
    new_cipher,
    normal_email,
    normal_phone,
    rewrap,
)
from lex.identity.key_forms import Kind

#: How long a personal token is good unless it is told otherwise.
KEY_LASTS = timedelta(days=90)
_LONGEST_EMAIL = 320

_INSERT_PERSON: LiteralString = """
WITH person AS (
    INSERT INTO users (id, role, email, email_blind_index, first_name, last_name, phone, phone_blind_index, password)
    SELECT %(id)s, %(role)s, %(email)s, %(email_index)s, %(first_name)s, %(last_name)s, %(phone)s, %(phone_index)s,
           %(password)s
    FROM set_config('lex.user_id', coalesce(%(acting)s, current_setting('lex.user_id', true), ''), true)
    RETURNING id
), key AS (
    INSERT INTO person_keys (user_id, wrapped_key, key_id, blind_key_id)
    SELECT id, %(wrapped_key)s, %(key_id)s, %(blind_key_id)s FROM person
)
INSERT INTO blind_tokens (user_id, token) SELECT id, unnest(%(tokens)s::bytea[]) FROM person
"""

# While two keys make blind indexes, the unique index alone would let an e-mail in twice.
_CLAIM: LiteralString = "SELECT claim_email(%(indexes)s)"

_LOCK_OLD_KEYS: LiteralString = """
SELECT user_id, wrapped_key, key_id FROM person_keys
WHERE wrapped_key IS NOT NULL AND key_id <> %(newest)s AND user_id > %(last)s
ORDER BY user_id LIMIT %(most)s FOR NO KEY UPDATE
"""

_NEXT_KEYS: LiteralString = """
SELECT user_id, wrapped_key, key_id FROM person_keys WHERE wrapped_key IS NOT NULL AND user_id > %(last)s
ORDER BY user_id LIMIT %(most)s
"""

_REWRAP: LiteralString = """
UPDATE person_keys k SET wrapped_key = n.wrapped_key, key_id = n.key_id
FROM unnest(%(users)s::uuid[], %(wrapped)s::bytea[], %(key_ids)s::text[]) AS n (user_id, wrapped_key, key_id)
WHERE k.user_id = n.user_id
"""

# The owner must still be what the scopes were checked against: a role that is changed at the same moment waits, or is
# waited for, and then ends the key (`end_sessions`).
_INSERT_API_KEY: LiteralString = """
WITH owner AS (
    SELECT id FROM users
    WHERE id = %(user_id)s AND role = coalesce(%(role)s::text, role) AND is_active AND deleted_at IS NULL FOR SHARE
)
INSERT INTO api_keys (id, user_id, kind, name, prefix, token_hash, scopes, expires_at)
SELECT %(id)s, id, %(kind)s, %(name)s, %(prefix)s, %(hash)s, %(scopes)s, %(expires_at)s FROM owner
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody just made: the id and the cipher of their data."""

    id: UUID
    cipher: Cipher


def checked_email(email: str, field: str = "email") -> str:
    """The address as it is written to. Raises `Invalid` naming `field`; no network is asked."""
    if len(email) > _LONGEST_EMAIL:  # before it is looked at: looking at a million letters takes half a second
        raise Invalid(field, f"An e-mail address has at most {_LONGEST_EMAIL} characters.", code="email")
    try:
        return validate_email(email, check_deliverability=False, test_environment=True, strict=True).normalized
    except EmailNotValidError as error:
        raise Invalid(field, f"This is not an e-mail address: {error}", code="email") from None


async def claim_email(session: Session, indexes: list[bytes]) -> None:
    """Before an account gets an e-mail, by its blind indexes. Raises `Conflict` (`email_taken`)."""
    if len(indexes) > 1:  # while one key makes them the unique index sees to it
        await sql.execute(session, _CLAIM, indexes=indexes)


async def create_user(
    session: Session,
    *,
    role: str,
    email: str,
    first_name: str | None = None,
    last_name: str | None = None,
    phone: str | None = None,
    password: str | None = None,
    known_as: Sequence[str | None] = (),
    acting: bool = False,
) -> Person:
    """A new person with a key of their own, in one statement, which goes out with the next. A guest is made so at every
    checkout. `email` is as `checked_email` returns it.

    `known_as` are further names staff can find the person by, such as that on the parcel; they are not stored. When
    `acting`, whoever acts in this transaction is this person from here on. `password` is a hash (`passwords.keep`).

    Raises `Conflict` (`email_taken`) when a living account has the address, or the next statement does.
    """
    user_id = ids.new_id()
    ring, cipher = keyring.fresh(), new_cipher(user_id)
    if role != "guest":
        await claim_email(session, blind_indexes("email", normal_email(email)))
    sql.execute_soon(
        session,
        _INSERT_PERSON,
        id=user_id,
        role=role,
        email=cipher.seal("users.email", user_id, email),
        email_index=blind_index("email", normal_email(email)),
        first_name=cipher.seal_optional("users.first_name", user_id, first_name),
        last_name=cipher.seal_optional("users.last_name", user_id, last_name),
        phone=cipher.seal_optional("users.phone", user_id, phone),
        phone_index=blind_index("phone", normal_phone(phone)) if phone else None,
        wrapped_key=cipher.wrapped.wrapped_key,
        key_id=cipher.wrapped.key_id,
        blind_key_id=next(iter(ring.blind_keys)),
        password=password,
        acting=str(user_id) if acting else None,
        tokens=blind_tokens(first_name, last_name, email, phone, *known_as),
    )
    return Person(user_id, cipher)


@dataclass(frozen=True, slots=True)
class _OldKey:
    user_id: UUID
    wrapped_key: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class Turned:
    """One batch of turning a ring: whose rows were made anew, and whose could not be, each in the order of ids."""

    done: list[UUID]
    bad: list[UUID]

    @property
    def last(self) -> UUID | None:
        """After whom the next batch begins; None when there was nobody left."""
        return max([*self.done[-1:], *self.bad[-1:]], default=None)


async def rewrap_keys(session: Session, newest: str, last: UUID, most: int) -> Turned:
    """Wrap the next `most` persons' keys after `last` under the newest key. One that does not open stays as it is.

    Raises `Unavailable` (`key_missing`) when the ring lacks a key one of them is wrapped under.
    """
    old = await sql.fetch_all(session, _LOCK_OLD_KEYS, _OldKey, newest=newest, last=last, most=most)
    new: dict[UUID, WrappedKey] = {}
    for key in old:
        with suppress(InvalidTag):
            new[key.user_id] = rewrap(key.user_id, WrappedKey(key.wrapped_key, key.key_id))
    if new:
        wrapped, key_ids = [key.wrapped_key for key in new.values()], [key.key_id for key in new.values()]
        await sql.execute(session, _REWRAP, users=list(new), wrapped=wrapped, key_ids=key_ids)
    return Turned(list(new), [key.user_id for key in old if key.user_id not in new])


async def check_keys(session: Session, last: UUID, most: int) -> Turned:
    """Open the next `most` persons' keys after `last`. Raises `Unavailable` (`key_missing`)."""
    done, bad = [], []
    for key in await sql.fetch_all(session, _NEXT_KEYS, _OldKey, last=last, most=most):
        try:
            cipher_of(key.user_id, WrappedKey(key.wrapped_key, key.key_id))
            done.append(key.user_id)
        except InvalidTag:
            bad.append(key.user_id)
    return Turned(done, bad)


async def create_api_key(
    session: Session,
    user_id: UUID,
    name: str,
    *,
    scopes: Sequence[str] | None = None,
    kind: Kind = Kind.PERSONAL,
    key_id: UUID | None = None,
    role: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """A key for programs acting as this user. The secret is returned once; only its hash is stored.

    Without scopes it does all its owner's role may. A personal token expires, after 90 days unless it is told when.
    Raises `Conflict` (`account_changed`) when the account is closed or has another role than `role`.
    """
    secret = key_forms.new_key(kind)
    if expires_at is None and kind is Kind.PERSONAL:
        expires_at = clock.now() + KEY_LASTS
    made = await sql.execute(
        session,
        _INSERT_API_KEY,
        id=key_id or ids.new_id(),
        user_id=user_id,
        role=role,
        kind=kind.value,
        name=name,
        prefix=key_forms.shown(secret),
        hash=hash_token(secret),
        scopes=list(scopes or ()),
        expires_at=expires_at,
    )
    if not made:
        raise Conflict("The account was closed or changed a moment ago; sign in again.", code="account_changed")
    return secret


def hash_token(token: str) -> bytes:
    """How tokens of 256 random bits are stored: SHA-256 is enough, there is nothing to guess."""
    return hashlib.sha256(token.encode()).digest()
