"""Sign in: the password is proven, the browser gets a session.

An address without an account, a wrong password and an account that is closed or not confirmed get one answer, after
the same work: one look-up, one hash, one transaction that counts the failure. Who has to wait is told before anything
is hashed. With a second factor the session waits for it and its holder is nobody meanwhile (`Admitted.waits_for`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import LiteralString
from uuid import UUID

from lex.carts.merging import OwnCart, find_own_cart, merge_carts
from lex.core.actor import Actor, Role
from lex.core.errors import Conflict, FieldError, Gone, Invalid, NotFound, Unauthenticated, gathered
from lex.db import jobs, sql
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, lex_for, listed, listed_in, note
from lex.identity import accounts, logins, passwords, sessions
from lex.identity.commands import checked_email
from lex.identity.logins import Attempt, Login, WrongCredentials, find_login, note_failure
from lex.identity.policy import demand_owner
from lex.identity.sessions import SECOND_FACTOR, SET_UP, Device
from lex.notifications.commands import notify

#: Mails about a locked account that go out within an hour.
MOST_MAILS = 3
_JOB = "mail_locked_account"

_MAILED: LiteralString = """
SELECT count(*) FROM notifications
WHERE user_id = %(user_id)s AND template = %(template)s AND created_at > now() - interval '1 hour'
  AND deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Somebody is signed in: the session's id for the cookie, and the step it still waits for, if there is one."""

    token: str
    user_id: UUID
    role: Role
    waits_for: str


async def sign_in(actor: Actor, email: str, password: str, device: Device) -> Admitted:
    """Prove e-mail and password, and begin a session.

    Raises `Invalid` (email, password), `WrongCredentials`, `SignInLocked`, `Unavailable` while Redis is gone.
    """
    errors: list[FieldError] = []
    with gathered(errors):
        email = checked_email(email)
    with gathered(errors):
        passwords.check_size(password)
    if errors:
        raise Invalid.of(errors)
    await sessions.require_store()
    login, attempt = await prove(actor, email, password)
    return await admit(actor, login, attempt, password, device)


async def prove(actor: Actor, email: str, password: str, *, is_verifying: bool = False) -> tuple[Login, Attempt]:
    """The open account of an address, by its password; `is_verifying` by the key of our mail to an unproven one.

    Raises `WrongCredentials`, `SignInLocked`.
    """
    attempt = Attempt.of(email, actor.address)
    login = await find_login(attempt)
    is_right = await passwords.fits(password, login.password)
    if is_right and login.is_active and (login.is_verified or is_verifying):
        return login, attempt
    reason = "unknown" if login.user_id is None else "password" if not is_right else "closed"
    await _fail(actor, attempt, login.user_id, reason)
    raise WrongCredentials


async def _fail(actor: Actor, attempt: Attempt, user_id: UUID | None, reason: str) -> None:
    async def work(session: Session) -> None:
        is_locked = await note_failure(session, attempt)
        await note(session, Event.SIGN_IN_FAILED, user_id, reason=reason, is_locked=is_locked)
        if is_locked:  # whether there is such an account is found out in a job
            await jobs.defer(session, _JOB, address=listed(attempt.email_indexes))

    await transact(lex_for(actor), work)


async def admit(
    actor: Actor,
    login: Login,
    attempt: Attempt,
    password: str,
    device: Device,
    also: Callable[[Session], Awaitable[None]] | None = None,
) -> Admitted:
    """Begin a session for whom `prove` found; `also` happens in the same transaction.

    The session is begun first: a password changed after it was proven either refuses it here, or ends it there.
    """
    assert login.user_id is not None
    assert login.role is not None
    assert login.password is not None
    user_id, role, kept = login.user_id, Role(login.role), login.password
    waits_for = SECOND_FACTOR if login.two_factor_enabled else ""
    token = await sessions.begin(user_id, role, device, factors=("password",), waits_for=waits_for)
    rehashed = await passwords.rehash(password, kept)

    async def work(session: Session) -> None:
        if also is not None:
            await also(session)
        details = {"role": role.value, "waits_for": waits_for}
        if not await logins.admit(session, attempt, login, rehashed=rehashed, details=details):
            raise WrongCredentials

    try:
        await transact(lex_for(actor, user_id), work)
    except BaseException:
        await sessions.discard(token, user_id)
        raise
    return Admitted(token, user_id, role, waits_for or (SET_UP if sessions.lacks_factor(role, ()) else ""))


async def carry_cart(actor: Actor, user_id: UUID, guest_cart_id: UUID | None) -> OwnCart | None:
    """Bring a guest's open cart, whose key the actor holds, into the customer's; returns the customer's, if any."""
    customer = replace(actor, role=Role.USER, user_id=user_id, key=f"user:{user_id}")

    async def merge(session: Session) -> OwnCart | None:
        if guest_cart_id is not None:
            await merge_carts(session, customer, guest_cart_id)
        return await find_own_cart(session, user_id)

    try:
        return await transact(customer, merge)
    except (NotFound, Gone, Conflict):  # that cart is over; the customer's own stays
        return await transact(customer, lambda session: find_own_cart(session, user_id))


@jobs.job(_JOB)
async def mail_locked_account(who: Actor, *, address: str) -> None:
    """Tell the owner of a locked account, if there is one, how to open it; a few times an hour."""
    await transact(who, lambda session: _mail_locked(session, listed_in(address)))


async def _mail_locked(session: Session, email_indexes: list[bytes]) -> None:
    standing = await accounts.find_standing(session, email_indexes)
    if standing is None or not standing.is_active:
        return
    if await may_mail(session, standing.id, "account_locked"):
        await notify(session, user_id=standing.id, order_id=None, template="account_locked", data={}, priority="high")


async def may_mail(session: Session, user_id: UUID, template: str) -> bool:
    """Whether somebody's mailbox had fewer than `MOST_MAILS` such mails this hour: nobody floods it through us."""
    count: int = await sql.fetch_value(session, _MAILED, user_id=user_id, template=template)
    return count < MOST_MAILS


async def prove_again(actor: Actor, password: str, field: str = "password") -> Login:
    """Before something that counts: whoever is signed in gives the password once more.

    Raises `Invalid` for none, `WrongCredentials`, `SignInLocked`, `Unauthenticated`, `Forbidden` (`acting`).
    """
    demand_owner(actor)
    if actor.user_id is None:
        raise Unauthenticated("Sign in first.")
    passwords.check_size(password, field)
    user_id = actor.user_id
    profile = await transact(lex_for(actor), lambda session: accounts.get_profile(session, user_id))
    try:
        login, _ = await prove(actor, profile.email, password)
    except WrongCredentials:
        raise WrongCredentials(field) from None
    if login.user_id != actor.user_id:
        raise WrongCredentials(field)
    return login
