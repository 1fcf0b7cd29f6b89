"""Change accounts: passwords, addresses, whether they are open. Lex itself does it; the flow has asked who may."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.core.errors import Conflict, Gone, Invalid, NotFound
from lex.db import sql
from lex.db.session import Session
from lex.identity.ciphers import blind_indexes, blind_tokens, normal_email
from lex.identity.commands import checked_email, claim_email
from lex.identity.queries import get_cipher, open_cipher
from lex.identity.tokens import LASTS, Purpose

_STANDING: LiteralString = """
SELECT id, role, is_active, email_verified_at IS NOT NULL AS is_verified, locale FROM users
WHERE role <> 'guest' AND deleted_at IS NULL
"""

_BY_EMAIL: LiteralString = f"{_STANDING} AND email_blind_index = ANY(%(indexes)s)"

_LOCK: LiteralString = f"{_STANDING} AND id = %(user_id)s FOR NO KEY UPDATE"

_PROFILE: LiteralString = """
SELECT u.id, u.role, u.email, u.first_name, u.last_name, u.locale,
       u.password IS NOT NULL AS has_password, u.last_login_at, u.created_at, k.wrapped_key, k.key_id
FROM users u JOIN person_keys k ON k.user_id = u.id
WHERE u.id = %(user_id)s AND u.deleted_at IS NULL
"""

_SET_PASSWORD: LiteralString = """
UPDATE users SET password = %(password)s, email_verified_at = coalesce(email_verified_at, %(proven)s)
WHERE id = %(user_id)s AND is_active AND deleted_at IS NULL
  AND (%(instead_of)s::text IS NULL OR password = %(instead_of)s)
"""

_VERIFY: LiteralString = """
UPDATE users SET email_verified_at = %(now)s WHERE id = %(user_id)s AND email_verified_at IS NULL AND deleted_at IS NULL
"""

# With either the database ends the keys, and has the sessions ended (`end_sessions`).
_CLOSE: LiteralString = """
UPDATE users SET is_active = %(is_active)s WHERE id = %(user_id)s AND is_active <> %(is_active)s AND deleted_at IS NULL
"""

_APPOINT: LiteralString = "UPDATE users SET role = %(role)s WHERE id = %(user_id)s AND deleted_at IS NULL"

# One change at a time: asking anew ends what was asked before.
_ASK: LiteralString = """
WITH ended AS (
    UPDATE email_changes SET expires_at = %(now)s
    WHERE user_id = %(user_id)s AND done_at IS NULL AND expires_at > %(now)s
)
INSERT INTO email_changes (id, user_id, email, expires_at)
VALUES (%(id)s, %(user_id)s, %(email)s, %(expires_at)s)
"""

_CONFIRM: LiteralString = """
UPDATE email_changes SET old_confirmed_at = CASE WHEN %(is_new)s THEN old_confirmed_at ELSE %(now)s END,
    new_confirmed_at = CASE WHEN %(is_new)s THEN %(now)s ELSE new_confirmed_at END
WHERE id = %(id)s AND user_id = %(user_id)s AND done_at IS NULL AND expires_at > %(now)s
RETURNING id, user_id, email, old_confirmed_at, new_confirmed_at
"""

_MOVE: LiteralString = """
WITH done AS (
    UPDATE email_changes SET done_at = %(now)s, email = NULL
    WHERE id = %(change_id)s AND user_id = %(user_id)s
), words AS (
    DELETE FROM blind_tokens WHERE user_id = %(user_id)s AND token = ANY(%(old_words)s::bytea[])
)
UPDATE users SET email = %(email)s, email_blind_index = %(index)s, email_verified_at = %(now)s
WHERE id = %(user_id)s AND is_active AND deleted_at IS NULL
"""

_KNOW: LiteralString = """
INSERT INTO blind_tokens (user_id, token) SELECT %(user_id)s, unnest(%(words)s::bytea[]) ON CONFLICT DO NOTHING
"""

_PENDING: LiteralString = """
SELECT email FROM email_changes WHERE id = %(id)s AND user_id = %(user_id)s AND done_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """The account of an address, without anything personal."""

    id: UUID
    role: str
    is_active: bool
    is_verified: bool
    locale: str


@dataclass(frozen=True, slots=True)
class Profile:
    """An account as its owner sees it."""

    id: UUID
    role: str
    email: str
    first_name: str | None
    last_name: str | None
    locale: str
    has_password: bool
    last_login_at: datetime | None
    created_at: datetime

    @property
    def known_words(self) -> tuple[str | None, ...]:
        """What an attacker knows of the person: no password."""
        return self.email, self.first_name, self.last_name


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    role: str
    email: bytes
    first_name: bytes | None
    last_name: bytes | None
    locale: str
    has_password: bool
    last_login_at: datetime | None
    created_at: datetime
    wrapped_key: bytes | None
    key_id: str


@dataclass(frozen=True, slots=True)
class EmailChange:
    """A change of address one side of which said yes just now."""

    id: UUID
    user_id: UUID
    email: bytes
    old_confirmed_at: datetime | None
    new_confirmed_at: datetime | None

    @property
    def is_agreed(self) -> bool:
        """Both addresses have said yes."""
        return self.old_confirmed_at is not None and self.new_confirmed_at is not None


#: Scripts with letters that look like Latin ones.
_LIKE_LATIN = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})


def checked_account_email(email: str, field: str = "email") -> str:
    """An address an account can go by. Raises `Invalid` for what is none, and for letters that only look like others:
    within one name, Latin is not mixed with a script it could be taken for."""
    address = checked_email(email, field)
    for name in unicodedata.normalize("NFKC", address).replace("@", ".").split("."):
        scripts = {unicodedata.name(letter, "?").split()[0] for letter in name if letter.isalpha()}
        if "LATIN" in scripts and scripts & _LIKE_LATIN:
            raise Invalid(field, "This address mixes letters that look alike; type it anew.", code="mixed")
    return address


async def find_standing(session: Session, email_indexes: list[bytes]) -> Standing | None:
    """The account of an address by its blind indexes; guests have none."""
    return await sql.fetch_one(session, _BY_EMAIL, Standing, indexes=email_indexes)


async def find_by_email(session: Session, email: str) -> Standing | None:
    """The account of an address; guests have none."""
    return await find_standing(session, blind_indexes("email", normal_email(email)))


async def lock_standing(session: Session, user_id: UUID) -> Standing:
    """Lock an account before its role or standing is judged. Raises `NotFound`, for guests too: they have none."""
    standing = await sql.fetch_one(session, _LOCK, Standing, user_id=user_id)
    if standing is None:
        raise NotFound("There is no such account.", code="account_not_found")
    return standing


async def get_profile(session: Session, user_id: UUID) -> Profile:
    """Somebody's account, opened. Raises `NotFound` when it was erased."""
    row = await sql.fetch_one(session, _PROFILE, _Row, user_id=user_id)
    cipher = open_cipher(row.id, row.wrapped_key, row.key_id) if row else None
    if row is None or cipher is None:
        raise NotFound("There is no such account.", code="account_not_found")
    return Profile(
        row.id,
        row.role,
        cipher.open("users.email", row.id, row.email),
        cipher.open_optional("users.first_name", row.id, row.first_name),
        cipher.open_optional("users.last_name", row.id, row.last_name),
        row.locale,
        row.has_password,
        row.last_login_at,
        row.created_at,
    )


async def set_password(
    session: Session, user_id: UUID, kept: str, *, is_email_proven: bool = False, instead_of: str | None = None
) -> None:
    """Keep a new password's hash; who came by a mail's key has proven the address too. Raises `Gone`.

    `instead_of` is the hash that was proven just now: of two who change a password at once the second is refused.
    """
    params = {"proven": clock.real_now() if is_email_proven else None, "instead_of": instead_of}
    if not await sql.execute(session, _SET_PASSWORD, user_id=user_id, password=kept, **params):
        raise Gone("This account was closed, or its password changed, a moment ago.", code="account_closed")


async def verify_email(session: Session, user_id: UUID) -> bool:
    """The address is theirs; whether that is news."""
    return await sql.execute(session, _VERIFY, user_id=user_id, now=clock.real_now()) == 1


async def set_active(session: Session, user_id: UUID, *, is_active: bool) -> bool:
    """Close or open an account; whether that changed anything. What it was signed in with ends, its keys for good."""
    return await sql.execute(session, _CLOSE, user_id=user_id, is_active=is_active) == 1


async def set_role(session: Session, user_id: UUID, role: str) -> None:
    """Give somebody another role; what they were signed in with ends, and keys made under the old one."""
    await sql.execute(session, _APPOINT, user_id=user_id, role=role)


async def ask_email_change(session: Session, user_id: UUID, email: str) -> UUID:
    """Write down the wish for another address, instead of any before. Raises `Invalid` for what is none."""
    address, change_id, now = checked_account_email(email), ids.new_id(), clock.now()
    cipher = await get_cipher(session, user_id)
    await sql.execute(
        session,
        _ASK,
        id=change_id,
        user_id=user_id,
        email=cipher.seal("email_changes.email", change_id, address),
        now=now,
        expires_at=now + LASTS[Purpose.CONFIRM_NEW_EMAIL],
    )
    return change_id


async def find_new_email(session: Session, user_id: UUID, change_id: UUID) -> str | None:
    """The address somebody wants, while it is not theirs."""
    sealed: bytes | None = await sql.fetch_value(session, _PENDING, id=change_id, user_id=user_id)
    cipher = await get_cipher(session, user_id)
    return cipher.open_optional("email_changes.email", change_id, sealed)


async def confirm_email_change(session: Session, user_id: UUID, change_id: UUID, *, is_new: bool) -> EmailChange:
    """One of the two addresses says yes. Raises `Gone` when the change is over."""
    params = {"id": change_id, "user_id": user_id, "is_new": is_new, "now": clock.now()}
    change = await sql.fetch_one(session, _CONFIRM, EmailChange, **params)
    if change is None:
        raise Gone("This change of e-mail is over; ask for it again in your account.", code="link_used")
    return change


async def move_to(session: Session, change: EmailChange) -> None:
    """The account goes by its new address from here on. Raises `Conflict` (`email_taken`): another has it now."""
    if not change.is_agreed:
        raise Conflict("Both addresses have to confirm the change.", code="email_unconfirmed")
    cipher, old = await get_cipher(session, change.user_id), await get_profile(session, change.user_id)
    address = cipher.open("email_changes.email", change.id, change.email)
    indexes = blind_indexes("email", normal_email(address))
    await claim_email(session, indexes)
    names = (old.first_name, old.last_name)
    kept = blind_tokens(*names, address)
    await sql.execute(
        session,
        _MOVE,
        change_id=change.id,
        user_id=change.user_id,
        email=cipher.seal("users.email", change.user_id, address),
        index=indexes[0],
        now=clock.real_now(),
        old_words=[word for word in blind_tokens(old.email) if word not in kept],
    )
    await sql.execute(session, _KNOW, user_id=change.user_id, words=kept)
