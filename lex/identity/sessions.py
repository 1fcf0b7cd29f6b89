"""Sessions: who is signed in, in which browser. They live in Redis alone, under the hash of an id the server chose.

A session holds what a request needs to know, so that a signed-in request reads once. It ends after a time without a
visit, at its last hour, at sign-out, and when what it says of its owner changes. docs/concepts/accounts.md tells more.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from lex.adapters.cache import UNAVAILABLE, Cache, Trouble
from lex.core import ids
from lex.core.actor import STAFF, Role
from lex.core.errors import Unauthenticated, Unavailable
from lex.core.settings import settings
from lex.identity.commands import hash_token

_HOUR, _DAY = 3600.0, 86400.0
#: How often a visit is written down, in seconds: a session is read at each request and written at few.
_SEEN_EVERY = 60.0
_LONGEST_TOKEN = 100
#: How long somebody may take over a step, in seconds, and what was proven counts as just now.
_WAITS = 900.0
#: How long one of the staff may act for a customer at a time.
ACTING_SECONDS = 60 * 60.0
#: How the id of such a session begins, so that every page can say so without asking Redis.
ACTING = "acting-"
#: Sessions of one account; with one more the one that was not seen the longest ends.
_MOST = 50
SECOND_FACTOR: Final = "second_factor"
#: The step of staff who have no second factor where the shop asks for one.
SET_UP: Final = "second_factor_set_up"
Unheard = Literal[Trouble.UNAVAILABLE]


class Session(msgspec.Struct, frozen=True):
    """A browser that somebody is signed in with. Times are seconds of the epoch; `id` names it in lists, opens nothing.

    `waits_for` names the step that is still to be done; until then its holder is nobody. `proven_at` is when the
    password, or another factor, was last given. `factors` are what was given at sign-in.

    While one of the staff acts as a customer, the session is the customer's, `acted_by` is the staff member until
    `acts_until`, and their own session waits under the key `aside`, whose id nobody holds: it ends with that one.
    """

    id: UUID
    user_id: UUID
    role: str
    began_at: float
    proven_at: float
    seen_at: float
    ends_at: float
    device: str = ""
    address: str = ""
    waits_for: str = ""
    factors: tuple[str, ...] = ()
    acted_by: UUID | None = None
    acts_until: float = 0.0
    aside: str = ""

    @property
    def step(self) -> str:
        """What is still to be done, or nothing."""
        return self.waits_for or (SET_UP if lacks_factor(Role(self.role), self.factors) else "")

    @property
    def is_complete(self) -> bool:
        """Nothing is left to be done: its holder acts."""
        return not self.step and (self.acted_by is None or time.time() < self.acts_until)

    @property
    def is_fresh(self) -> bool:
        """A factor was given just now."""
        return time.time() - self.proven_at < _WAITS

    @property
    def seen(self) -> datetime:
        """When it was seen last."""
        return datetime.fromtimestamp(self.seen_at, UTC)

    @property
    def began(self) -> datetime:
        """When somebody signed in."""
        return datetime.fromtimestamp(self.began_at, UTC)


@dataclass(frozen=True, slots=True)
class Device:
    """What a browser says of itself, in words, and where it is."""

    name: str
    address: str


def needs_two(role: Role) -> bool:
    """Whether the shop asks this role for two factors."""
    return settings().staff_needs_two_factors and role in STAFF


def lacks_factor(role: Role, factors: tuple[str, ...]) -> bool:
    """Whether it asks for two and only the password was given. A passkey is two: it asks for a finger or a PIN."""
    return needs_two(role) and set(factors) <= {"password"}


class _Store:
    cache: Cache | None = None


def connect(url: str) -> None:
    """Keep sessions in this Redis from now on."""
    _Store.cache = Cache(url)


async def disconnect() -> None:
    """Keep none any more."""
    cache, _Store.cache = _Store.cache, None
    if cache is not None:
        await cache.close()


def is_open() -> bool:
    """Whether this process has a store of sessions."""
    return _Store.cache is not None


async def require_store() -> None:
    """Before somebody signs in. Raises `Unavailable` while sessions cannot be kept."""
    if _Store.cache is None or not await _Store.cache.ping():
        raise trouble()


def trouble() -> Unavailable:
    """What is told while Redis is gone."""
    return Unavailable(
        "Signing in does not work at the moment; try again in a few minutes. You can buy without an account meanwhile.",
        code="sessions_unavailable",
    )


async def begin(user_id: UUID, role: Role, device: Device, *, factors: tuple[str, ...], waits_for: str = "") -> str:
    """A new session; returns its id, for the cookie alone. Raises `Unavailable`."""
    now = time.time()
    lasts = _WAITS if waits_for else _lasts(role)
    session = Session(
        *(ids.new_id(), user_id, role.value, now, now, now, now + lasts),
        *(device.name, device.address, waits_for, factors),
    )
    return await _keep_new(session)


def _lasts(role: Role) -> float:
    return settings().staff_session_hours * _HOUR if role in STAFF else settings().session_days * _DAY


async def _keep_new(session: Session) -> str:
    token = f"{ACTING if session.acted_by else ''}{ids.new_token()}"
    cache = store()
    number = await cache.set_in(
        *(_group(session.user_id), _key(token), msgspec.json.encode(session), _idle(session)),
        group_seconds=session.ends_at - time.time(),
    )
    if isinstance(number, Trouble):
        raise trouble()
    if number > _MOST:
        await _end(session.user_id, [key for key, _ in (await _newest_first(session.user_id))[_MOST:]])
    return token


async def find(token: str) -> Session | Unheard | None:
    """The living session of an id, or None; `UNAVAILABLE` while Redis is gone. One read; once a minute a write too.

    One in which somebody acts for a customer lives as long as their own, which is read and kept awake with it.
    """
    if not 0 < len(token) <= _LONGEST_TOKEN:
        return None
    session = await _visit(_key(token))
    if isinstance(session, Session) and session.aside:
        own = await _visit(session.aside)
        return session if isinstance(own, Session) else own
    return session


async def _visit(key: str) -> Session | Unheard | None:
    if _Store.cache is None:
        return UNAVAILABLE
    value = await _Store.cache.get(key)
    if value is None or isinstance(value, Trouble):
        return value
    session, now = msgspec.json.decode(value, type=Session), time.time()
    if session.ends_at <= now:
        return None
    if now - session.seen_at > _SEEN_EVERY:
        session = msgspec.structs.replace(session, seen_at=now)
        await _Store.cache.replace(key, msgspec.json.encode(session), _idle(session))
    return session


async def renew(token: str, session: Session, *, factor: str = "", waits_for: str = "") -> str:
    """The same session under another id, with a factor proven just now. The old id opens nothing from here on.

    For every step that gives more than there was: a second factor, a password given again. Raises `Unavailable`, and
    `Unauthenticated` when it has ended meanwhile or went on under another id: of two who renew it at once one does.
    """
    now = time.time()
    factors = (*session.factors, factor) if factor and factor not in session.factors else session.factors
    ends_at = now + _lasts(Role(session.role)) if session.waits_for and not waits_for else session.ends_at
    fresh = await _keep_new(
        msgspec.structs.replace(session, proven_at=now, factors=factors, waits_for=waits_for, ends_at=ends_at)
    )
    before = await store().take(_key(token))
    if before is None or isinstance(before, Trouble):
        await discard(fresh, session.user_id)
        raise trouble() if before else Unauthenticated("You were signed out meanwhile; sign in again.")
    await discard(token, session.user_id)
    return fresh


async def act_for(own: Session, user_id: UUID, device: str) -> tuple[str, Session]:
    """Begin a session in which the owner of `own` acts as a customer; `own` waits aside, and its id is still good: end
    it. `device` is what the customer reads in their list. Raises `Unavailable`.
    """
    now, aside = time.time(), _key(await _keep_new(own))
    session = Session(
        *(ids.new_id(), user_id, Role.USER.value, now, 0.0, now, own.ends_at, device),
        acted_by=own.user_id,
        acts_until=now + ACTING_SECONDS,
        aside=aside,
    )
    return await _keep_new(session), session


async def act_no_more(token: str, session: Session) -> tuple[str, Session] | None:
    """End the session of somebody who acts for a customer; their own, and the id it has now, or None when that is over
    too. Raises `Unavailable`.
    """
    own = await _visit(session.aside)
    if isinstance(own, Trouble):
        raise trouble()
    fresh = await _keep_new(own) if own is not None else ""
    await end(token, session)
    return (fresh, own) if own is not None else None


async def end(token: str, session: Session) -> None:
    """End this session, and what waits aside of it. Raises `Unavailable` when it cannot be."""
    await _end(session.user_id, [_key(token)])
    if session.acted_by is not None:
        await _end(session.acted_by, [session.aside])


async def discard(token: str, user_id: UUID) -> None:
    """End a session whose id nobody was told, if Redis can be told."""
    with suppress(Unavailable):
        await _end(user_id, [_key(token)])


async def list_of(user_id: UUID) -> list[Session]:
    """The sessions somebody is signed in with, last seen first. Raises `Unavailable`."""
    return [session for _, session in await _newest_first(user_id)]


async def end_one(user_id: UUID, session_id: UUID) -> bool:
    """End one of somebody's sessions, wherever it is; whether there was one. Raises `Unavailable`."""
    keys = [key for key, session in (await _all_of(user_id)).items() if session.id == session_id]
    await _end(user_id, keys)
    return bool(keys)


async def end_all(user_id: UUID, *, before: float | None = None, but: UUID | None = None) -> int:
    """End all sessions of somebody (that began `before`), `but` one; returns how many. Raises `Unavailable`."""
    keys = [
        key
        for key, session in (await _all_of(user_id)).items()
        if session.id != but and (before is None or session.began_at < before)
    ]
    await _end(user_id, keys)
    return len(keys)


async def _newest_first(user_id: UUID) -> list[tuple[str, Session]]:
    return sorted((await _all_of(user_id)).items(), key=lambda held: held[1].seen_at, reverse=True)


async def _all_of(user_id: UUID) -> dict[str, Session]:
    cache, group = store(), _group(user_id)
    keys = await cache.keys_in(group)
    if isinstance(keys, Trouble):
        raise trouble()
    values = await cache.get_many(*keys) if keys else []
    if isinstance(values, Trouble):
        raise trouble()
    await cache.delete_in(group, *(key for key, value in zip(keys, values, strict=True) if value is None))
    pairs = zip(keys, values, strict=True)
    return {key: msgspec.json.decode(value, type=Session) for key, value in pairs if value is not None}


async def _end(user_id: UUID, keys: list[str]) -> None:
    if not await store().delete_in(_group(user_id), *keys):
        raise trouble()


def store() -> Cache:
    """Where sessions are, and what is asked of them meanwhile. Raises `Unavailable`."""
    if _Store.cache is None:
        raise trouble()
    return _Store.cache


def _idle(session: Session) -> float:
    """Seconds until it ends by itself when nobody comes."""
    is_staff = Role(session.role) in STAFF
    idle = settings().staff_idle_minutes * 60.0 if is_staff else settings().session_idle_days * _DAY
    return max(min(idle, session.ends_at - time.time()), 0.001)


def _key(token: str) -> str:
    return f"session:{hash_token(token).hex()}"


def _group(user_id: UUID) -> str:
    return f"sessions:{user_id}"
