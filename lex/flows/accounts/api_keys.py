"""Make and revoke API keys: personal tokens by their owner, keys of applications by staff who may set up the shop.

A key can do less than its owner and never more. It ends when it is revoked, when it expires, and with its owner's role
or account: that the database sees to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from lex.core import clock, ids
from lex.core.actor import STAFF, Actor, Role, system
from lex.core.errors import Conflict, FieldError, Invalid, NotFound
from lex.core.texts import fault_in_writing
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, lex_for, note
from lex.flows.accounts.sign_in import prove_again
from lex.identity import accounts, api_keys
from lex.identity.commands import KEY_LASTS, create_api_key
from lex.identity.key_forms import Kind, shown
from lex.identity.policy import Permission, demand, scopes_of
from lex.notifications.commands import notify

#: Days until a new key expires, unless it is told otherwise, and at most.
DEFAULT_DAYS, MOST_DAYS = KEY_LASTS.days, 365
#: Living keys of one kind that one person has.
MOST_KEYS = 50
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """A key somebody wants. `days` is when it expires; None is never, for an application alone."""

    name: str
    scopes: Sequence[str]
    days: int | None = DEFAULT_DAYS


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `secret` is told this once."""

    id: UUID
    secret: str
    prefix: str
    expires_at: datetime | None


async def make_token(actor: Actor, password: str, wish: Wish) -> NewKey:
    """A personal token of whoever is signed in, who gives the password once more and is told by mail.

    Raises `Invalid` (name, scopes, expires_in_days, password), `Conflict` (`too_many_keys`), `WrongCredentials`,
    `SignInLocked`.
    """
    check(Kind.PERSONAL, actor.role, wish)
    await prove_again(actor, password)
    return await transact(
        lex_for(actor), lambda session: _make(session, Kind.PERSONAL, actor.person, actor.role.value, wish)
    )


async def make_application_key(actor: Actor, password: str, wish: Wish) -> NewKey:
    """A key of an application, which acts for whoever makes it. Raises as `make_token`, and `Forbidden`."""
    demand(actor, Permission.SETTINGS_WRITE)
    check(Kind.APPLICATION, actor.role, wish)
    await prove_again(actor, password)
    return await transact(actor, lambda session: _make(session, Kind.APPLICATION, actor.person, actor.role.value, wish))


async def make_key_for(actor: Actor, email: str, kind: Kind, wish: Wish) -> NewKey:
    """A key of either kind for somebody with an account, from the command line.

    Raises `Invalid` (email, name, scopes, expires_in_days), `NotFound`, `Conflict`, `Forbidden`.
    """
    demand(actor, Permission.SYSTEM_WRITE)
    address = accounts.checked_account_email(email)

    async def work(session: Session) -> NewKey:
        standing = await accounts.find_by_email(session, address)
        if standing is None:
            raise NotFound("There is no account with this address.", code="account_not_found")
        check(kind, Role(standing.role), wish)
        return await _make(session, kind, standing.id, standing.role, wish)

    return await transact(actor, work)


async def revoke_token(actor: Actor, key_id: UUID) -> None:
    """End one of one's own keys. Raises `NotFound`: it is over already, or somebody else's."""
    await _revoke(lex_for(actor), key_id, user_id=actor.person)


async def revoke_application_key(actor: Actor, key_id: UUID) -> None:
    """End an application's key. Raises `NotFound`, `Forbidden`, and `Conflict` (`below`) for one of somebody of one's
    rank or above."""
    demand(actor, Permission.SETTINGS_WRITE)
    await _revoke(actor, key_id, kind=Kind.APPLICATION)


async def revoke_any_key(actor: Actor, key_id: UUID) -> None:
    """End any key, from the command line. Raises `NotFound`, `Forbidden`."""
    demand(actor, Permission.SYSTEM_WRITE)
    await _revoke(actor, key_id)


async def note_ended_use(actor: Actor, holder: api_keys.Holder) -> None:
    """Somebody presents a key that ended: the audit tells, once an hour. `actor` is whoever the request is from."""
    if api_keys.is_news(holder.key_id):
        told = {"key_id": str(holder.key_id), "ended": holder.ended}
        await transact(lex_for(actor), lambda session: note(session, Event.ENDED_TOKEN_USED, holder.user_id, **told))


async def write_uses() -> None:
    """Write down when keys were used, if any were."""
    if used := api_keys.take_uses():
        await transact(system(), lambda session: api_keys.write_uses(session, used))


def check(kind: Kind, role: Role, wish: Wish) -> None:
    """What a key may be for somebody with this role. Raises `Invalid` (name, scopes, expires_in_days): all there is."""
    if kind is Kind.APPLICATION and role not in STAFF:
        raise Invalid("email", "Only staff have keys for applications; make a personal token.", code="not_staff")
    allowed, faults = scopes_of(role), []
    if fault := fault_in_writing(wish.name, shortest=1, longest=LONGEST_NAME):
        faults.append(FieldError("name", fault if wish.name else "Give it a name, such as what uses it.", "text"))
    if not wish.scopes:
        faults.append(FieldError("scopes", "Choose at least one thing the key may do.", "missing"))
    for scope in [scope for scope in wish.scopes if scope not in allowed][:1]:
        told = f"“{scope[:40]}” is nothing your account can give; use {', '.join(allowed)}."
        faults.append(FieldError("scopes", told, "scope"))
    if wish.days is None and kind is Kind.PERSONAL:
        faults.append(FieldError("expires_in_days", f"A personal token expires; give 1 to {MOST_DAYS} days.", "expiry"))
    if wish.days is not None and not 1 <= wish.days <= MOST_DAYS:
        told = f"Give a whole number of days from 1 to {MOST_DAYS}."
        faults.append(FieldError("expires_in_days", told, "expiry"))
    if faults:
        raise Invalid.of(faults)


async def _make(session: Session, kind: Kind, user_id: UUID, role: str, wish: Wish) -> NewKey:
    if await api_keys.count_living(session, user_id, kind) >= MOST_KEYS:
        raise Conflict(f"You have {MOST_KEYS} keys; revoke one first.", code="too_many_keys")
    key_id, scopes = ids.new_id(), sorted(set(wish.scopes))
    expires_at = None if wish.days is None else clock.now() + timedelta(days=wish.days)
    secret = await create_api_key(
        *(session, user_id, wish.name),
        scopes=scopes,
        kind=kind,
        key_id=key_id,
        role=role,
        expires_at=expires_at,
    )
    prefix = shown(secret)
    await note(session, Event.TOKEN_MADE, user_id, key_id=str(key_id), kind=kind.value, scopes=scopes)
    await notify(session, user_id=user_id, order_id=None, template="token_made", data={"prefix": prefix})
    return NewKey(key_id, secret, prefix, expires_at)


async def _revoke(actor: Actor, key_id: UUID, *, kind: Kind | None = None, user_id: UUID | None = None) -> None:
    async def work(session: Session) -> None:
        owner = await api_keys.revoke(session, key_id, kind=kind, user_id=user_id)
        if owner is None:
            raise NotFound("There is no such key; it was revoked, or never was.", code="key_not_found")
        await note(session, Event.TOKEN_REVOKED, owner, key_id=str(key_id))

    await transact(actor, work)
