"""Passkeys: add, name and remove them, and sign in with one, without a password.

Each ceremony answers a challenge that was asked for it within the last minutes, and no challenge is answered twice.
"""

from typing import Any
from uuid import UUID

from lex.core.actor import Actor, Role
from lex.core.errors import Conflict
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, lex_for, note
from lex.flows.accounts.ending import end_at_once, end_ways_in
from lex.flows.accounts.factors import go_on, prove_owner, turn_off, turn_on
from lex.flows.accounts.sign_in import Admitted, prove_again
from lex.identity import accounts, ceremonies, codes, passkeys, pending, sessions
from lex.identity.passkeys import Passkey, PasskeyRefused, WrongPasskey
from lex.identity.sessions import Device

_SIGN_IN = "sign-in"


def _adding(held: sessions.Session) -> str:
    return f"add:{held.id}"


async def ask_for_new(actor: Actor, held: sessions.Session) -> dict[str, Any]:
    """What this browser is to make a passkey by. Raises `Unavailable`."""
    user_id = held.user_id

    async def read(session: Session) -> tuple[str, list[Passkey]]:
        profile = await accounts.get_profile(session, user_id)
        return profile.email, await passkeys.list_passkeys(session, user_id)

    email, known = await transact(lex_for(actor, user_id), read)
    return ceremonies.asked_to_make(await pending.new_challenge(_adding(held)), user_id, email, known)


async def add_passkey(
    actor: Actor, token: str, held: sessions.Session, password: str, name: str, answer: str
) -> tuple[str, list[str]]:
    """Keep the passkey a browser made. Returns the id this session goes on under, and recovery codes with the first.

    Raises `Invalid` (name, password), `PasskeyRefused`, `Conflict` (`passkey_taken`, `too_many`), `WrongCredentials`,
    `SignInLocked`, `Unavailable`.
    """
    user_id, name = held.user_id, passkeys.checked_name(name)
    await prove_owner(actor, held, password)
    read = ceremonies.read_answer(answer)
    made = ceremonies.made_by(read) if read and await pending.take_challenge(_adding(held), read.challenge) else None
    if made is None:
        raise PasskeyRefused

    async def work(session: Session) -> list[str]:
        before = await codes.lock_factors(session, user_id)
        if before.passkeys >= passkeys.MOST:
            raise Conflict(f"An account has at most {passkeys.MOST} passkeys; remove one first.", code="too_many")
        await passkeys.add_passkey(session, user_id, name, made)
        return await turn_on(session, held, before, Event.PASSKEY_ADDED, "passkey_added")

    told = await transact(lex_for(actor, user_id), work)
    return await go_on(token, held, "passkey", told), told


async def passkeys_of(actor: Actor, user_id: UUID) -> list[Passkey]:
    """Somebody's."""
    return await transact(lex_for(actor, user_id), lambda session: passkeys.list_passkeys(session, user_id))


async def rename_passkey(actor: Actor, user_id: UUID, passkey_id: UUID, name: str) -> None:
    """Call one of one's passkeys otherwise. Raises `Invalid` (name), `NotFound`."""
    name = passkeys.checked_name(name)
    await transact(lex_for(actor), lambda session: passkeys.rename_passkey(session, user_id, passkey_id, name))


async def remove_passkey(actor: Actor, token: str, held: sessions.Session, password: str, passkey_id: UUID) -> str:
    """One signs in no more; whoever is signed in elsewhere, with it perhaps, is signed out. This browser's session goes
    on under the new id that is returned.

    Raises `Invalid` (password), `NotFound`, `Conflict` (`second_factor_needed`), `WrongCredentials`, `SignInLocked`.
    """
    await prove_again(actor, password)

    async def work(session: Session) -> None:
        await codes.lock_factors(session, held.user_id)
        await passkeys.remove_passkey(session, held.user_id, passkey_id)
        await turn_off(session, held, Event.PASSKEY_REMOVED, "passkey_removed")
        await end_ways_in(session, held.user_id, but=held.id)

    await transact(lex_for(actor), work)
    fresh = await sessions.renew(token, held)
    await end_at_once(held.user_id, but=held.id)
    return fresh


async def ask_to_sign_in() -> dict[str, Any]:
    """What a browser is to sign in by. Raises `Unavailable`."""
    return ceremonies.asked_to_sign(await pending.new_challenge(_SIGN_IN))


async def sign_in_with_passkey(actor: Actor, answer: str, device: Device) -> Admitted:
    """Sign in by what a browser's passkey signed. Raises `WrongPasskey`, `Unavailable` while Redis is gone.

    The session is begun first, as with a password: what changes meanwhile refuses it here, or ends it there.
    """
    await sessions.require_store()
    read = ceremonies.read_answer(answer)
    if read is None or not await pending.take_challenge(_SIGN_IN, read.challenge):
        raise WrongPasskey
    known = await transact(lex_for(actor), lambda session: passkeys.find_passkey(session, read.credential_id))
    count = ceremonies.signed_by(read, known) if known else None
    if known is None or count is None:
        user_id = known.user_id if known else None
        await transact(lex_for(actor), lambda session: note(session, Event.SIGN_IN_FAILED, user_id, reason="passkey"))
        raise WrongPasskey
    user_id, role = known.user_id, Role(known.role)
    token = await sessions.begin(user_id, role, device, factors=("passkey",))

    async def work(session: Session) -> None:
        if not await passkeys.admit(session, known, count, {"role": role.value, "factor": "passkey"}):
            raise WrongPasskey

    try:
        await transact(lex_for(actor, user_id), work)
    except BaseException:
        await sessions.discard(token, user_id)
        raise
    return Admitted(token, user_id, role, "")
