"""Set up and take away what an account is proven by beside its password: an app that shows codes, recovery codes.

Each asks for the password again, but for staff who come to set up what the shop asks of them and gave it just now. Who
has a first factor gets recovery codes with it, told once. The last one stays where the shop asks for two.
"""

from dataclasses import dataclass
from uuid import UUID

from lex.core.actor import Actor, Role
from lex.core.errors import Conflict, Invalid, Unauthenticated
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, lex_for, note
from lex.flows.accounts.ending import end_at_once, end_sessions_soon, end_ways_in
from lex.flows.accounts.second_factor import wrong_code
from lex.flows.accounts.sign_in import prove_again
from lex.identity import accounts, codes, passkeys, pending, sessions
from lex.identity.codes import Factors
from lex.identity.policy import Permission, demand
from lex.notifications.commands import notify


async def prove_owner(actor: Actor, held: sessions.Session, password: str) -> None:
    """The password once more, unless it was given just now and the step at hand is to set up a factor.

    Raises as `prove_again`.
    """
    if held.step != sessions.SET_UP:
        await prove_again(actor, password)
    elif not held.is_fresh:
        raise Unauthenticated("You gave your password a while ago: sign out, sign in again, and set it up then.")


async def factors_of(actor: Actor, user_id: UUID) -> Factors:
    """What somebody has."""
    return await transact(lex_for(actor, user_id), lambda session: codes.get_factors(session, user_id))


@dataclass(frozen=True, slots=True)
class OfferedApp:
    """The key for an app: as typed, and as the address that a QR code holds; `email` is what the app calls it."""

    secret: str
    address: str
    email: str


async def offer_app(actor: Actor, held: sessions.Session) -> OfferedApp:
    """A key for an app that shows codes. It counts once a code of it was given (`set_up_app`), within a quarter of an
    hour. Raises `Unavailable`."""
    user_id = held.user_id
    profile = await transact(lex_for(actor, user_id), lambda session: accounts.get_profile(session, user_id))
    secret = await pending.offer_secret(held.id)
    return OfferedApp(secret, codes.address_of(secret, profile.email), profile.email)


async def set_up_app(
    actor: Actor, token: str, held: sessions.Session, password: str, text: str
) -> tuple[str, list[str]]:
    """Take the app whose secret was offered (`offer_app`), instead of any before, by a code it shows.

    Returns the id this session goes on under, and recovery codes where there were none. Raises `Invalid` (code,
    password), `WrongCredentials`, `SignInLocked`, `Unavailable`.
    """
    user_id, code = held.user_id, codes.read(text)
    await prove_owner(actor, held, password)
    secret = await pending.find_secret(held.id)
    if secret is None:
        raise Invalid("code", "That took too long: put the new key into your app and enter its code.", code="over")
    step = codes.step_of(secret, code)
    if step is None:
        raise wrong_code()

    async def work(session: Session) -> list[str]:
        before = await codes.lock_factors(session, user_id)
        await codes.keep_app(session, user_id, secret, step)
        return await turn_on(session, held, before, Event.TWO_FACTOR_ON, "two_factor_on")

    made = await transact(lex_for(actor, user_id), work)
    await pending.drop_secret(held.id)
    return await go_on(token, held, "totp", made), made


async def turn_on(session: Session, held: sessions.Session, before: Factors, event: Event, template: str) -> list[str]:
    """A factor was added: sign-in asks for one from here on. Recovery codes come with the first, and every other
    session, begun without one, ends.

    Raises `Unauthenticated` for who comes to set up the first by the password alone when there is one by now.
    """
    if held.step == sessions.SET_UP and before.is_on:
        raise Unauthenticated("Your account has a second factor by now: sign in again, and give it.")
    user_id = held.user_id
    await codes.settle(session, user_id)
    await note(session, event, user_id)
    await notify(session, user_id=user_id, order_id=None, template=template, data={})
    if before.is_on:
        return []
    await end_sessions_soon(session, user_id, but=held.id)
    return await codes.make_recovery_codes(session, user_id)


async def go_on(token: str, held: sessions.Session, factor: str, made: list[str]) -> str:
    """After that commit: this session goes on under the id that is returned, alone where codes were `made`."""
    fresh = await sessions.renew(token, held, factor=factor)
    if made:
        await end_at_once(held.user_id, but=held.id)
    return fresh


async def turn_off(session: Session, held: sessions.Session, event: Event, template: str) -> None:
    """A factor was taken away. Raises `Conflict` (`second_factor_needed`) for the last one of staff who need it."""
    if not await codes.settle(session, held.user_id) and sessions.needs_two(Role(held.role)):
        raise Conflict(
            "Your role needs a second factor here: set up another one first, then take this one away.",
            code="second_factor_needed",
        )
    await note(session, event, held.user_id)
    await notify(session, user_id=held.user_id, order_id=None, template=template, data={})


async def take_app(actor: Actor, held: sessions.Session, password: str) -> None:
    """No app shows codes for this account any more.

    Raises `Conflict` (`no_app`, `second_factor_needed`), `Invalid` (password), `WrongCredentials`, `SignInLocked`.
    """
    await prove_again(actor, password)

    async def work(session: Session) -> None:
        if not (await codes.lock_factors(session, held.user_id)).has_app:
            raise Conflict("No app shows codes for your account.", code="no_app")
        await codes.drop_app(session, held.user_id)
        await turn_off(session, held, Event.TWO_FACTOR_OFF, "two_factor_off")

    await transact(lex_for(actor), work)


async def renew_recovery_codes(actor: Actor, held: sessions.Session, password: str) -> list[str]:
    """Ten new recovery codes instead of those before, told once.

    Raises `Conflict` (`no_second_factor`), `Invalid` (password), `WrongCredentials`, `SignInLocked`.
    """
    await prove_again(actor, password)
    user_id = held.user_id

    async def work(session: Session) -> list[str]:
        if not (await codes.lock_factors(session, user_id)).is_on:
            raise Conflict("Recovery codes come with an app or a passkey: set one up first.", code="no_second_factor")
        await note(session, Event.RECOVERY_CODES_MADE, user_id)
        await notify(session, user_id=user_id, order_id=None, template="recovery_codes_made", data={})
        return await codes.make_recovery_codes(session, user_id)

    return await transact(lex_for(actor), work)


async def take_all(actor: Actor, email: str) -> bool:
    """For somebody who lost app, passkeys and recovery codes: the password alone lets them in again. Whoever is signed
    in is signed out. Whether there was anything. Raises `Invalid` for what is no e-mail, `Forbidden`.
    """
    demand(actor, Permission.STAFF_WRITE)
    address = accounts.checked_account_email(email)

    async def work(session: Session) -> bool:
        standing = await accounts.find_by_email(session, address)
        if standing is None or not (await codes.lock_factors(session, standing.id)).is_on:
            return False
        await codes.drop_app(session, standing.id)
        await passkeys.remove_all(session, standing.id)
        await codes.settle(session, standing.id)
        await note(session, Event.TWO_FACTOR_OFF, standing.id, all=True)
        await notify(session, user_id=standing.id, order_id=None, template="two_factor_off", data={})
        await end_ways_in(session, standing.id)
        return True

    return await transact(actor, work)
