"""Find people as staff do: by e-mail, by whole words of name, mail domain or phone, or by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from lex.audit import commands as audit
from lex.core.errors import Invalid, NotFound
from lex.db import sql
from lex.db.session import Session
from lex.identity.ciphers import blind_indexes, normal_email, sought_tokens, sought_words
from lex.identity.queries import open_cipher

_PERSON: LiteralString = """
SELECT u.id, u.role, u.email, u.first_name, u.last_name, u.phone, u.created_at, u.is_active, u.last_login_at,
       u.email_verified_at IS NOT NULL AS is_verified, u.two_factor_enabled AS has_two_factor, k.wrapped_key, k.key_id,
       k.destroyed_at AS erased_at
FROM users u JOIN person_keys k ON k.user_id = u.id
WHERE (u.deleted_at IS NULL OR %(with_deleted)s) AND (%(with_staff)s OR u.role IN ('user', 'guest'))
"""

_BY_ID: LiteralString = f"{_PERSON} AND u.id = %(id)s"

_BY_EMAIL: LiteralString = f"{_PERSON} AND u.email_blind_index = ANY(%(indexes)s) ORDER BY u.id DESC LIMIT %(most)s"

_BY_WORDS: LiteralString = f"""{_PERSON} AND u.id IN (
    SELECT t.user_id FROM blind_tokens t WHERE t.token = ANY(%(tokens)s)
    GROUP BY t.user_id HAVING count(*) = %(words)s)
ORDER BY u.id DESC LIMIT %(most)s
"""

_STAFF: LiteralString = f"""{_PERSON} AND u.role IN ('super_admin', 'admin', 'moderator')
    AND (%(before)s::uuid IS NULL OR u.id < %(before)s)
ORDER BY u.id DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody, opened. What was erased is None. A guest is made at every checkout, so one person may be several."""

    id: UUID
    role: str
    name: str
    email: str | None
    phone: str | None
    created_at: datetime
    erased_at: datetime | None
    is_active: bool
    is_verified: bool
    has_two_factor: bool
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    role: str
    email: bytes | None
    first_name: bytes | None
    last_name: bytes | None
    phone: bytes | None
    created_at: datetime
    is_active: bool
    last_login_at: datetime | None
    is_verified: bool
    has_two_factor: bool
    wrapped_key: bytes | None
    key_id: str
    erased_at: datetime | None


async def find_people(
    session: Session, who: str, *, limit: int = 50, with_deleted: bool = False, with_staff: bool = True
) -> list[Found]:
    """People by id, by exact e-mail, or by whole words of name, mail domain or phone; newest first.

    With an id, those who were erased are found too: somebody asks whether it was done.
    Raises `Invalid` for a text without a word in it.
    """
    among = {"with_deleted": with_deleted, "with_staff": with_staff}
    if (user_id := _id_of(who)) is not None:
        rows = await sql.fetch_all(session, _BY_ID, _Row, id=user_id, **among | {"with_deleted": True})
    elif _is_email(who):
        indexes = blind_indexes("email", normal_email(who))
        rows = await sql.fetch_all(session, _BY_EMAIL, _Row, indexes=indexes, most=limit, **among)
    else:
        words = sought_words(who)
        if not words:
            raise Invalid("who", "Give an e-mail, an id, or whole words of the name, mail domain or phone number.")
        sought = {"tokens": sought_tokens(words), "words": len(words)}
        rows = await sql.fetch_all(session, _BY_WORDS, _Row, **sought, most=limit, **among)
    return [_opened(row) for row in rows]


async def list_staff(session: Session, *, before: UUID | None = None, limit: int = 50) -> list[Found]:
    """The staff, those who were appointed with an account made for it and others, newest account first; also closed
    accounts. `before` is where the page before ended."""
    rows = await sql.fetch_all(session, _STAFF, _Row, before=before, most=limit, with_deleted=False, with_staff=True)
    return [_opened(row) for row in rows]


async def get_person(session: Session, user_id: UUID) -> Found:
    """Somebody by id, also who was erased; the audit is told. Raises `NotFound`."""
    found = await find_people(session, str(user_id))
    if not found:
        raise NotFound("There is nobody of this id.", code="person_not_found")
    await audit.record(session, "read", "users", user_id)
    return found[0]


async def record_list(session: Session, people: Sequence[Found]) -> None:
    """Say in the audit whose data a list shows, 500 ids at most. What was looked for may be a name and is not said."""
    listed = [str(one.id) for one in people[:500]]
    await audit.record(session, "read", "users", None, {"listed": listed, "number": len(people)})


def is_exact(who: str) -> bool:
    """Whether a text names somebody, by id or e-mail, and does not look for them."""
    return _is_email(who) or _id_of(who) is not None


def _is_email(who: str) -> bool:
    return "@" in who.strip()[1:]


def _id_of(who: str) -> UUID | None:
    try:
        return UUID(who.strip())
    except ValueError:
        return None


def _opened(row: _Row) -> Found:
    cipher = open_cipher(row.id, row.wrapped_key, row.key_id)

    def text(column: str, sealed: bytes | None) -> str | None:
        return cipher.open_optional(f"users.{column}", row.id, sealed) if cipher else None

    names = text("first_name", row.first_name), text("last_name", row.last_name)
    return Found(
        row.id,
        row.role,
        " ".join(filter(None, names)),
        text("email", row.email),
        text("phone", row.phone),
        row.created_at,
        row.erased_at,
        row.is_active,
        row.is_verified,
        row.has_two_factor,
        row.last_login_at,
    )
