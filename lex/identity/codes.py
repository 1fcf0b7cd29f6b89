"""Codes of a second factor: those an authenticator app shows (TOTP, RFC 6238), and recovery codes.

The app's secret lies sealed with the person's data; the step of the last code that was taken beside it, so that no code
counts twice. Recovery codes are 80 random bits each, kept as hashes, good once. Takes a session, never commits.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from lex.core import clock, ids
from lex.core.errors import Invalid
from lex.core.settings import settings
from lex.db import sql
from lex.db.session import Session
from lex.identity.queries import get_cipher

#: Seconds a code is shown, and how many steps before and after this one count: clocks differ.
_SECONDS, _WINDOW = 30, 1
RECOVERY_CODES = 10
_CELL = "users.two_factor_secret"

_LOCK: LiteralString = """
SELECT u.two_factor_enabled AS is_on, u.two_factor_step IS NOT NULL AS has_app,
       (SELECT count(*)::int FROM passkeys p WHERE p.user_id = u.id) AS passkeys,
       (SELECT count(*)::int FROM recovery_codes c WHERE c.user_id = u.id AND c.used_at IS NULL) AS recovery_codes
FROM users u WHERE u.id = %(user_id)s AND u.deleted_at IS NULL FOR NO KEY UPDATE OF u
"""
_GET: LiteralString = _LOCK.replace(" FOR NO KEY UPDATE OF u", "")

_SECRET: LiteralString = """
SELECT two_factor_secret FROM users WHERE id = %(user_id)s AND two_factor_step IS NOT NULL AND deleted_at IS NULL
"""

# Of two who give one code at once the second finds the step taken.
_TAKE_STEP: LiteralString = """
UPDATE users SET two_factor_step = %(step)s
WHERE id = %(user_id)s AND two_factor_step < %(step)s AND is_active AND deleted_at IS NULL
"""

_KEEP_APP: LiteralString = """
UPDATE users SET two_factor_secret = %(secret)s, two_factor_step = %(step)s
WHERE id = %(user_id)s AND is_active AND deleted_at IS NULL
"""

_DROP_APP: LiteralString = """
UPDATE users SET two_factor_secret = NULL, two_factor_step = NULL WHERE id = %(user_id)s AND deleted_at IS NULL
"""

_SETTLE: LiteralString = """
UPDATE users u SET two_factor_enabled = u.two_factor_step IS NOT NULL
    OR EXISTS (SELECT FROM passkeys p WHERE p.user_id = u.id)
WHERE u.id = %(user_id)s AND u.deleted_at IS NULL RETURNING u.two_factor_enabled
"""

_DROP_CODES: LiteralString = "DELETE FROM recovery_codes WHERE user_id = %(user_id)s"

_ADD_CODES: LiteralString = """
INSERT INTO recovery_codes (id, user_id, code_hash)
SELECT c.id, %(user_id)s, c.hash FROM unnest(%(ids)s::uuid[], %(hashes)s::bytea[]) AS c (id, hash)
"""

_USE_CODE: LiteralString = """
WITH used AS (
    UPDATE recovery_codes SET used_at = %(now)s
    WHERE user_id = %(user_id)s AND code_hash = %(hash)s AND used_at IS NULL RETURNING id
)
SELECT (SELECT count(*)::int FROM recovery_codes c
        WHERE c.user_id = %(user_id)s AND c.used_at IS NULL AND c.id <> used.id)
FROM used
"""


@dataclass(frozen=True, slots=True)
class Factors:
    """What somebody can prove themself by beside the password, and how many recovery codes are left."""

    is_on: bool
    has_app: bool
    passkeys: int
    recovery_codes: int


def new_secret() -> str:
    """A secret for an app: 160 bits, as people type it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def address_of(secret: str, email: str) -> str:
    """What the QR code holds (`otpauth://`): the secret, the shop's name, whose account it is."""
    return _totp(secret).get_provisioning_uri(email, settings().shop_name)


def _totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), 6, SHA1(), _SECONDS)


def step_of(secret: str, code: str) -> int | None:
    """The step an app shows this code at, of now and the one before and after; None when it shows it at none."""
    now = int(clock.real_now().timestamp()) // _SECONDS
    totp, found = _totp(secret), None
    for step in range(now - _WINDOW, now + _WINDOW + 1):
        if hmac.compare_digest(totp.generate(step * _SECONDS), code.encode()):
            found = step
    return found


def read(text: str) -> str:
    """A code as it was typed: six digits of an app, or the sixteen letters and digits of a recovery code.

    Raises `Invalid` (code) for what is neither.
    """
    code = re.sub(r"[\s-]", "", text).upper()
    if re.fullmatch("[0-9]{6}|[A-Z2-7]{16}", code):
        return code
    said = "Enter the six digits that your app shows, or one of your recovery codes."
    raise Invalid("code", said, code="code" if code else "missing")


def is_recovery(code: str) -> bool:
    """Whether a code that was `read` is a recovery code."""
    return len(code) == 16


async def get_factors(session: Session, user_id: UUID) -> Factors:
    """What somebody has."""
    return await _factors(session, _GET, user_id)


async def lock_factors(session: Session, user_id: UUID) -> Factors:
    """The same, before it is changed: one at a time."""
    return await _factors(session, _LOCK, user_id)


async def _factors(session: Session, statement: LiteralString, user_id: UUID) -> Factors:
    return await sql.fetch_one(session, statement, Factors, user_id=user_id) or Factors(False, False, 0, 0)


async def settle(session: Session, user_id: UUID) -> bool:
    """After a change: whether sign-in asks for a second factor now. Without one recovery codes open nothing and go."""
    is_on: bool | None = await sql.fetch_value(session, _SETTLE, user_id=user_id)
    if not is_on:
        await sql.execute(session, _DROP_CODES, user_id=user_id)
    return bool(is_on)


async def keep_app(session: Session, user_id: UUID, secret: str, step: int) -> None:
    """The app that shows codes from this secret from now on, instead of any before; the code of `step` is used."""
    cipher = await get_cipher(session, user_id)
    await sql.execute(session, _KEEP_APP, user_id=user_id, secret=cipher.seal(_CELL, user_id, secret), step=step)


async def drop_app(session: Session, user_id: UUID) -> None:
    """No app shows codes any more."""
    await sql.execute(session, _DROP_APP, user_id=user_id)


async def use_app_code(session: Session, user_id: UUID, code: str) -> bool:
    """Whether the app shows it about now, and neither it nor a later one was taken before."""
    sealed: bytes | None = await sql.fetch_value(session, _SECRET, user_id=user_id)
    if sealed is None:
        return False
    step = step_of((await get_cipher(session, user_id)).open(_CELL, user_id, sealed), code)
    return step is not None and await sql.execute(session, _TAKE_STEP, user_id=user_id, step=step) == 1


async def make_recovery_codes(session: Session, user_id: UUID) -> list[str]:
    """Ten new ones instead of all before. Told once: only their hashes are kept."""
    codes = [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    await sql.execute(session, _DROP_CODES, user_id=user_id)
    hashes = [_hash(user_id, code) for code in codes]
    await sql.execute(session, _ADD_CODES, user_id=user_id, ids=[ids.new_id() for _ in codes], hashes=hashes)
    return ["-".join(code[start : start + 4] for start in range(0, 16, 4)).lower() for code in codes]


async def use_recovery_code(session: Session, user_id: UUID, code: str) -> int | None:
    """Use one up; how many are left, or None when there is no such code. Of two who use it at once one does."""
    left: int | None = await sql.fetch_value(
        session, _USE_CODE, user_id=user_id, hash=_hash(user_id, code), now=clock.real_now()
    )
    return left


def _hash(user_id: UUID, code: str) -> bytes:
    return hashlib.sha256(user_id.bytes + code.encode()).digest()
