"""Passkeys as they are kept: names, and the public halves of their keys. Takes a session, never commits.

What browsers are asked and what their answers prove is in `ceremonies`, the challenges are in `pending`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.core.errors import Invalid, NotFound, Refusal, Unauthenticated
from lex.core.texts import fault_in_writing
from lex.db import sql
from lex.db.session import Session
from lex.identity.queries import get_cipher

LONGEST_NAME = 60
#: Of one account.
MOST = 20

_LIST: LiteralString = """
SELECT id, name, credential_id, last_used_at, created_at FROM passkeys WHERE user_id = %(user_id)s ORDER BY id
"""

_FIND: LiteralString = """
SELECT p.id, p.user_id, p.public_key, p.sign_counter, u.role FROM passkeys p JOIN users u ON u.id = p.user_id
WHERE p.credential_id = %(credential_id)s AND u.is_active AND u.deleted_at IS NULL
"""

_ADD: LiteralString = """
INSERT INTO passkeys (id, user_id, name, credential_id, public_key, sign_counter)
VALUES (%(id)s, %(user_id)s, %(name)s, %(credential_id)s, %(public_key)s, %(sign_counter)s)
"""

_RENAME: LiteralString = "UPDATE passkeys SET name = %(name)s WHERE id = %(id)s AND user_id = %(user_id)s"

_REMOVE: LiteralString = "DELETE FROM passkeys WHERE id = %(id)s AND user_id = %(user_id)s"

_REMOVE_ALL: LiteralString = "DELETE FROM passkeys WHERE user_id = %(user_id)s"

# Of two answers that say the same count one gets in; what was proven of the account must still be so.
_ADMIT: LiteralString = """
WITH used AS (
    UPDATE passkeys SET sign_counter = %(sign_counter)s, last_used_at = %(now)s
    WHERE id = %(id)s AND sign_counter = %(before)s RETURNING user_id
), admitted AS (
    UPDATE users u SET last_login_at = %(now)s FROM used
    WHERE u.id = used.user_id AND u.role = %(role)s AND u.is_active AND u.email_verified_at IS NOT NULL
      AND u.deleted_at IS NULL
    RETURNING u.id
)
SELECT record_audit('sign_in', 'users', id::text, %(details)s) FROM admitted
"""


class PasskeyRefused(Refusal):
    """What the browser sent proves no passkey that can be added."""

    status = 422
    code = "passkey_refused"

    def __init__(self) -> None:
        super().__init__("This passkey could not be added: it took too long, or it is of another page. Try again.")


class WrongPasskey(Unauthenticated):
    """One answer for a passkey that is not known, was answered before, or is of an account that is closed."""

    code = "wrong_passkey"

    def __init__(self) -> None:
        super().__init__(
            "This passkey does not sign in here: it was removed, or it took too long. Try again, or use your password."
        )


@dataclass(frozen=True, slots=True)
class Passkey:
    """One as its owner sees it."""

    id: UUID
    name: str
    credential_id: bytes
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    name: bytes
    credential_id: bytes
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """One by what it calls itself, and the account it signs in to."""

    id: UUID
    user_id: UUID
    public_key: bytes
    sign_counter: int
    role: str


@dataclass(frozen=True, slots=True)
class Made:
    """The public half of a new one."""

    credential_id: bytes
    public_key: bytes
    sign_counter: int


def checked_name(name: str, field: str = "name") -> str:
    """What somebody calls a passkey. Raises `Invalid`."""
    if not name.strip():
        raise Invalid(field, "Give the passkey a name you know it by, such as “telephone”.", code="missing")
    if fault := fault_in_writing(name, longest=LONGEST_NAME):
        raise Invalid(field, fault, code="text")
    return name.strip()


async def list_passkeys(session: Session, user_id: UUID) -> list[Passkey]:
    """Somebody's, oldest first."""
    rows = await sql.fetch_all(session, _LIST, _Row, user_id=user_id)
    if not rows:
        return []
    cipher = await get_cipher(session, user_id)
    return [
        Passkey(
            row.id,
            cipher.open("passkeys.name", row.id, row.name),
            row.credential_id,
            row.last_used_at,
            row.created_at,
        )
        for row in rows
    ]


async def find_passkey(session: Session, credential_id: bytes) -> Known | None:
    """The passkey of an open account by what it calls itself."""
    return await sql.fetch_one(session, _FIND, Known, credential_id=credential_id)


async def add_passkey(session: Session, user_id: UUID, name: str, made: Made) -> UUID:
    """Keep a new one. Raises `Conflict` (`passkey_taken`)."""
    passkey_id, cipher = ids.new_id(), await get_cipher(session, user_id)
    await sql.execute(
        session,
        _ADD,
        id=passkey_id,
        user_id=user_id,
        name=cipher.seal("passkeys.name", passkey_id, name),
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_counter=made.sign_counter,
    )
    return passkey_id


async def rename_passkey(session: Session, user_id: UUID, passkey_id: UUID, name: str) -> None:
    """Call it otherwise. Raises `NotFound`."""
    sealed = (await get_cipher(session, user_id)).seal("passkeys.name", passkey_id, name)
    if not await sql.execute(session, _RENAME, id=passkey_id, user_id=user_id, name=sealed):
        raise no_passkey()


async def remove_passkey(session: Session, user_id: UUID, passkey_id: UUID) -> None:
    """It signs in no more. Raises `NotFound`."""
    if not await sql.execute(session, _REMOVE, id=passkey_id, user_id=user_id):
        raise no_passkey()


async def remove_all(session: Session, user_id: UUID) -> None:
    """None of theirs signs in any more."""
    await sql.execute(session, _REMOVE_ALL, user_id=user_id)


def no_passkey() -> NotFound:
    """It is not there, or somebody else's."""
    return NotFound("Your account has no such passkey.", code="passkey_not_found")


async def admit(session: Session, known: Known, sign_counter: int, details: Mapping[str, Any]) -> bool:
    """Write down a sign-in, for the audit too; whether passkey and account still are what was proven."""
    entry: UUID | None = await sql.fetch_value(
        session,
        _ADMIT,
        id=known.id,
        before=known.sign_counter,
        sign_counter=sign_counter,
        role=known.role,
        now=clock.real_now(),
        details=sql.json(dict(details)),
    )
    return entry is not None
