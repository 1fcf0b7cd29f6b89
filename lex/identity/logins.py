"""What a sign-in is checked by, and how often it was tried in vain.

A stranger reaches one account by its address through `find_login` of the database and no other way. Attempts are
counted by account, by network address and by both, under HMACs: who fails often waits, longer each time. The account
itself waits for everybody only after many failures, and never where its owner signed in lately; a mail opens it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from lex.core import clock
from lex.core.errors import FieldError, Refusal, Unauthenticated
from lex.db import sql
from lex.db.documents import find_document
from lex.db.session import Session
from lex.identity.ciphers import blind_indexes, normal_email

#: Failures without a wait: of one account from one address, of an address, of an account.
FREE_OF_PAIR, FREE_OF_ADDRESS, FREE_OF_ACCOUNT = 5, 20, 50
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(days=1)
TRUSTED_FOR = timedelta(days=30)
#: What codes of a second factor are counted as.
SECOND = "second-factor"

_LOGIN: LiteralString = "find_login(%(email_indexes)s, %(account)s, %(pair)s, %(address)s, %(now)s)"
_FIND: LiteralString = f"SELECT row_to_json(l) FROM {_LOGIN} l"
_FIND_AGAIN: LiteralString = f"""
SELECT user_id, role, password, is_active, is_verified, two_factor_enabled, wait_until FROM {_LOGIN}
"""

# In one order, so that two who fail at once wait for each other and never for ever.
_FAILED: LiteralString = """
WITH subjects AS (
    SELECT * FROM unnest(%(subjects)s::bytea[], %(free)s::int[]) AS s (subject, free) ORDER BY subject
), counted AS (
    INSERT INTO sign_in_attempts AS a (subject, failures, failed_at)
    SELECT subject, 1, %(now)s FROM subjects
    ON CONFLICT (subject) DO UPDATE SET failed_at = excluded.failed_at,
        failures = CASE WHEN a.failed_at > %(forgotten)s THEN a.failures + 1 ELSE 1 END,
        locked_until = (
            SELECT %(now)s::timestamptz + least(%(longest)s::interval, %(first)s::interval
                * 2 ^ least(a.failures + 1 - s.free, 20))
            FROM subjects s WHERE s.subject = a.subject AND a.failed_at > %(forgotten)s AND a.failures + 1 >= s.free)
    RETURNING subject, locked_until
)
SELECT EXISTS (SELECT FROM counted WHERE subject = %(account)s AND locked_until IS NOT NULL)
"""

_SUBJECTS: LiteralString = """
INSERT INTO sign_in_attempts AS a (subject, trusted_until)
SELECT * FROM unnest(%(subjects)s::bytea[], %(trusted)s::timestamptz[]) AS s (subject, trusted_until)"""
_FORGIVEN: LiteralString = """
ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET failures = 0, locked_until = NULL, trusted_until = excluded.trusted_until
"""
_CLEAR: LiteralString = _SUBJECTS + _FORGIVEN

# The password that was proven must still be the account's: one that was changed meanwhile opens nothing. In one
# statement, since a sign-in is to cost little beside its hash.
_ADMIT: LiteralString = f"""
WITH admitted AS (
    UPDATE users SET last_login_at = %(now)s, password = coalesce(%(rehashed)s, password)
    WHERE id = %(user_id)s AND password = %(password)s AND is_active AND email_verified_at IS NOT NULL
      AND deleted_at IS NULL AND role = %(role)s AND two_factor_enabled = %(two_factor)s
    RETURNING id
), cleared AS ({_SUBJECTS} WHERE EXISTS (SELECT FROM admitted) {_FORGIVEN})
SELECT record_audit('sign_in', 'users', id::text, %(details)s) FROM admitted
"""


_FORGET: LiteralString = """
DELETE FROM sign_in_attempts WHERE subject IN (
    SELECT subject FROM sign_in_attempts
    WHERE updated_at < %(before)s AND (trusted_until < %(now)s) IS NOT FALSE AND (locked_until < %(now)s) IS NOT FALSE
    LIMIT %(most)s FOR UPDATE SKIP LOCKED)
"""


def network_of(address: str) -> str:
    """What one client counts as. Whoever has one IPv6 address has its whole network of 64 bits."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


class WrongCredentials(Unauthenticated):
    """One answer for an address without an account, a wrong password, and an account that is not open; or, at the
    `field` of whoever is signed in, for a wrong password."""

    code = "wrong_credentials"

    def __init__(self, field: str = "") -> None:
        if field:
            told = "This is not your password; type it again, or sign out and choose a new one by mail."
            super().__init__(told, errors=[FieldError(field, told, "wrong")])
            return
        super().__init__(
            "E-mail and password do not belong together, or the address is not confirmed yet. Check both, look for "
            "our mail, or choose a new password."
        )


class SignInLocked(Refusal):
    """It was tried in vain too often, by somebody: an account that is there is told how to go on by mail."""

    status = 429
    code = "sign_in_locked"

    def __init__(self, until: datetime) -> None:
        seconds = max((until - clock.now()).total_seconds(), 1)
        wait = f"{round(seconds / 60)} min" if seconds > 90 else f"{seconds:.0f} s"
        super().__init__(
            f"That was tried in vain too often; try again in {wait}, or choose a new password by the link we mail you."
        )
        self.headers = {"Retry-After": str(int(seconds) + 1)}


@dataclass(frozen=True, slots=True)
class Login:
    """The account of an address, or nobody's (`user_id` None). `wait_until` stands for both."""

    user_id: UUID | None
    role: str | None
    password: str | None
    is_active: bool | None
    is_verified: bool | None
    two_factor_enabled: bool | None
    wait_until: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who is tried from where, as the counters know them: under each blind index key, since a wait does not end when
    the ring turns. Counted is under the newest, the first."""

    email_indexes: list[bytes]
    account: list[bytes]
    pair: list[bytes]
    address: list[bytes]

    @classmethod
    def of(cls, email: str, address: str, *, what: str = "sign-in") -> "Attempt":
        """An address is counted as the network of whoever has it (`network_of`). `what` is tried is counted apart: a
        password that is right does not make up for codes that are wrong (`SECOND`)."""
        net, account = network_of(address), normal_email(email)
        names = (account, f"{account} {net}", net)
        return cls(blind_indexes("email", account), *(blind_indexes(what, name) for name in names))

    @property
    def sought(self) -> dict[str, Any]:
        """What `find_login` of the database takes."""
        named = {"account": self.account, "pair": self.pair, "address": self.address}
        return {"email_indexes": self.email_indexes, **named, "now": clock.now()}

    @property
    def forgiven(self) -> dict[str, list[Any]]:
        """What a success clears, and until when it is trusted."""
        trusted = [clock.now() + TRUSTED_FOR] * len(self.pair) + [None] * len(self.account)
        return {"subjects": [*self.pair, *self.account], "trusted": trusted}


async def find_login(attempt: Attempt) -> Login:
    """The login of an address, as a stranger. Raises `SignInLocked` while it has to wait: nothing is hashed then."""
    found = await find_document(_FIND, attempt.sought, is_quick=True)
    assert found is not None
    return _open(msgspec.json.decode(found, type=Login))


async def find_login_again(session: Session, attempt: Attempt) -> Login:
    """The same within a transaction, behind a lock: of many who try at once none slips by the count."""
    return _open(await sql.fetch_one(session, _FIND_AGAIN, Login, **attempt.sought))


def _open(login: Login | None) -> Login:
    assert login is not None
    if login.wait_until is not None:
        raise SignInLocked(login.wait_until)
    return login


async def note_failure(session: Session, attempt: Attempt) -> bool:
    """Count it; whether the account has to wait for everybody from now on."""
    now = clock.now()
    locked: bool = await sql.fetch_value(
        session,
        _FAILED,
        subjects=[attempt.pair[0], attempt.address[0], attempt.account[0]],
        free=[FREE_OF_PAIR, FREE_OF_ADDRESS, FREE_OF_ACCOUNT],
        account=attempt.account[0],
        now=now,
        forgotten=now - FORGOTTEN_AFTER,
        first=FIRST_WAIT,
        longest=LONGEST_WAIT,
    )
    return locked


async def note_success(session: Session, attempt: Attempt) -> None:
    """What was tried in vain is forgotten, and the account's lock does not hold at this address for a while."""
    await sql.execute(session, _CLEAR, **attempt.forgiven)


async def end_waits(session: Session, email: str, address: str) -> None:
    """For whoever reads the mailbox: nobody waits any more, for a password or for codes."""
    for what in ("sign-in", SECOND):
        await note_success(session, Attempt.of(email, address, what=what))


async def admit(
    session: Session, attempt: Attempt, login: Login, *, rehashed: str | None, details: Mapping[str, Any]
) -> bool:
    """Write down a sign-in, as `note_success` and for the audit; whether hash and role still are what was proven."""
    entry: UUID | None = await sql.fetch_value(
        session,
        _ADMIT,
        user_id=login.user_id,
        role=login.role,
        password=login.password,
        two_factor=login.two_factor_enabled,
        rehashed=rehashed,
        now=clock.real_now(),
        details=sql.json(dict(details)),
        **attempt.forgiven,
    )
    return entry is not None


async def forget_attempts(session: Session, most: int) -> int:
    """Drop counters that say nothing any more; returns how many."""
    now = clock.now()
    return await sql.execute(session, _FORGET, now=now, before=now - FORGOTTEN_AFTER, most=most)
