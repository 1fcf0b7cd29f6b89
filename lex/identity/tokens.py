"""Keys of links in mails: 256 bits, only the hash kept, for one purpose, good once and for a while."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.core.errors import Gone
from lex.db import sql
from lex.db.session import Session
from lex.identity.commands import hash_token

_HOUR = timedelta(hours=1)
_LONGEST = 100


class Purpose(StrEnum):
    """What a key is for; another purpose's key is none."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"
    UNLOCK = "unlock"
    CONFIRM_OLD_EMAIL = "confirm_old_email"
    CONFIRM_NEW_EMAIL = "confirm_new_email"


LASTS = {
    Purpose.VERIFY_EMAIL: 72 * _HOUR,
    Purpose.RESET_PASSWORD: _HOUR,
    Purpose.UNLOCK: 24 * _HOUR,
    Purpose.CONFIRM_OLD_EMAIL: 24 * _HOUR,
    Purpose.CONFIRM_NEW_EMAIL: 24 * _HOUR,
}

_ADD: LiteralString = """
INSERT INTO account_tokens (id, user_id, email_change_id, purpose, token_hash, expires_at)
VALUES (%(id)s, %(user_id)s, %(email_change_id)s, %(purpose)s, %(hash)s, %(expires_at)s)
"""

_FIND: LiteralString = """
SELECT t.user_id, t.email_change_id, u.role
FROM account_tokens t JOIN users u ON u.id = t.user_id
WHERE t.token_hash = %(hash)s AND t.purpose = %(purpose)s AND t.used_at IS NULL AND t.expires_at > %(now)s
  AND u.is_active AND u.deleted_at IS NULL
"""

# Its sisters, of mails that were sent twice, go with it.
_USE: LiteralString = """
WITH used AS (
    UPDATE account_tokens SET used_at = %(now)s
    WHERE token_hash = %(hash)s AND purpose = %(purpose)s AND used_at IS NULL AND expires_at > %(now)s
    RETURNING id, user_id, email_change_id
), sisters AS (
    UPDATE account_tokens t SET used_at = %(now)s FROM used
    WHERE t.user_id = used.user_id AND t.purpose = %(purpose)s AND t.used_at IS NULL AND t.id <> used.id
      AND t.email_change_id IS NOT DISTINCT FROM used.email_change_id
)
SELECT used.user_id, used.email_change_id, u.role
FROM used JOIN users u ON u.id = used.user_id WHERE u.is_active AND u.deleted_at IS NULL
"""

# What was asked for and waits for its mails ends too: their keys are made when they are sent.
_REVOKE: LiteralString = """
WITH ended AS (
    UPDATE email_changes SET expires_at = %(now)s
    WHERE user_id = %(user_id)s AND done_at IS NULL AND expires_at > %(now)s
)
UPDATE account_tokens SET used_at = %(now)s WHERE user_id = %(user_id)s AND used_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """Whose account a key opens."""

    user_id: UUID
    email_change_id: UUID | None
    role: str


async def add_token(
    session: Session,
    user_id: UUID,
    purpose: Purpose,
    *,
    email_change_id: UUID | None = None,
    lasts: timedelta | None = None,
) -> str:
    """A new key; earlier ones stay good. Told once: put it into the mail that goes out."""
    token = ids.new_token()
    await sql.execute(
        session,
        _ADD,
        id=ids.new_id(),
        user_id=user_id,
        email_change_id=email_change_id,
        purpose=purpose.value,
        hash=hash_token(token),
        expires_at=clock.now() + (lasts or LASTS[purpose]),
    )
    return token


async def open_token(session: Session, purpose: Purpose, token: str) -> Opened:
    """Whose it is, without using it. Raises `Gone` (`link_used`)."""
    return await _opened(session, _FIND, purpose, token)


async def use_token(session: Session, purpose: Purpose, token: str) -> Opened:
    """Use it up, with those of the same purpose. Of two who use it at once one is told `Gone` (`link_used`)."""
    return await _opened(session, _USE, purpose, token)


async def revoke_tokens(session: Session, user_id: UUID) -> None:
    """Every key that was mailed before opens nothing any more, and a change of e-mail that was asked for is over: who
    reads old mail, or asked for it, stays outside."""
    await sql.execute(session, _REVOKE, user_id=user_id, now=clock.now())


async def _opened(session: Session, statement: LiteralString, purpose: Purpose, token: str) -> Opened:
    if 0 < len(token) <= _LONGEST:
        params = {"hash": hash_token(token), "purpose": purpose.value, "now": clock.now()}
        opened = await sql.fetch_one(session, statement, Opened, **params)
        if opened is not None:
            return opened
    raise Gone("This link was used or has expired; ask for a new one.", code="link_used")
