"""Change one's account: password, e-mail, close it. Each asks for the password again."""

from uuid import UUID

from lex.core.actor import Actor
from lex.core.errors import Invalid, Unauthenticated
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, lex_for, note
from lex.flows.accounts.ending import end_at_once, end_ways_in
from lex.flows.accounts.sign_in import may_mail, prove_again
from lex.flows.adopt_orders import adopt_orders
from lex.flows.reindex_people import reindex_while_turning
from lex.identity import accounts, passwords, sessions
from lex.identity.ciphers import blind_indexes, normal_email
from lex.identity.tokens import Purpose, revoke_tokens, use_token
from lex.notifications.commands import notify


async def change_password(actor: Actor, token: str, held: sessions.Session, current: str, wanted: str) -> str:
    """Take another password. This browser's session goes on under the new id that is returned; all others end.

    Raises `Invalid` (password), `WrongCredentials`, `SignInLocked`, `Gone`, `Unavailable`.
    """
    await sessions.require_store()
    login = await prove_again(actor, current, "current_password")
    user_id = held.user_id
    profile = await transact(lex_for(actor), lambda session: accounts.get_profile(session, user_id))
    kept = await passwords.keep(wanted, known=profile.known_words)

    async def work(session: Session) -> None:
        await accounts.set_password(session, user_id, kept, instead_of=login.password)
        await note(session, Event.PASSWORD_CHANGED, user_id)
        await end_ways_in(session, user_id, but=held.id)
        await notify(session, user_id=user_id, order_id=None, template="password_changed", data={})

    await transact(lex_for(actor), work)
    fresh = await sessions.renew(token, held)
    await end_at_once(user_id, but=held.id)
    return fresh


async def ask_email_change(actor: Actor, password: str, email: str) -> None:
    """Write to both addresses; the change is made when both have said yes. An address that is taken gets no account:
    its owner is told, and whoever asked is not. Raises `Invalid` (email, password), `WrongCredentials`, `SignInLocked`.
    """
    if actor.user_id is None:
        raise Unauthenticated("Sign in first.")
    user_id, address = actor.user_id, accounts.checked_account_email(email)
    login = await prove_again(actor, password)
    indexes = blind_indexes("email", normal_email(address))

    async def work(session: Session) -> None:
        other = await accounts.find_standing(session, indexes)
        if other is not None and other.id == login.user_id:
            raise Invalid("email", "This is the address your account has.", code="same")
        change_id = await accounts.ask_email_change(session, user_id, address)
        await note(session, Event.EMAIL_CHANGE_ASKED, user_id)
        data = {"email_change_id": str(change_id)}
        for template in ("confirm_old_email", "confirm_new_email"):
            receiver, told = user_id, data
            if other is not None and template == "confirm_new_email":
                receiver, template, told = other.id, "account_exists", {}
            if await may_mail(session, receiver, template):
                await notify(session, user_id=receiver, order_id=None, template=template, data=told, priority="high")

    await transact(lex_for(actor), work)


async def confirm_email_change(actor: Actor, purpose: Purpose, token: str) -> bool:
    """One of the two addresses says yes by its mail's key; whether the change is made with it.

    Raises `Gone` (`link_used`), `Conflict` (`email_taken`) when another account has the address by now.
    """

    async def work(session: Session) -> tuple[UUID, bool]:
        opened = await use_token(session, purpose, token)
        assert opened.email_change_id is not None
        is_new = purpose is Purpose.CONFIRM_NEW_EMAIL
        change = await accounts.confirm_email_change(session, opened.user_id, opened.email_change_id, is_new=is_new)
        if change.is_agreed:
            await reindex_while_turning(session, opened.user_id)
            await accounts.move_to(session, change)
            await note(session, Event.EMAIL_CHANGED, opened.user_id)
            await end_ways_in(session, opened.user_id)
            await notify(session, user_id=opened.user_id, order_id=None, template="email_changed", data={})
        return opened.user_id, change.is_agreed

    user_id, is_done = await transact(lex_for(actor), work)
    if is_done:
        await end_at_once(user_id)
        await adopt_orders(user_id)
    return is_done


async def close_account(actor: Actor, password: str) -> None:
    """Close one's account: nobody signs in to it any more, its keys and sessions end. The shop can open it again.

    Raises `Invalid` (password), `WrongCredentials`, `SignInLocked`.
    """
    login = await prove_again(actor, password)
    assert login.user_id is not None
    user_id = login.user_id

    async def work(session: Session) -> None:
        await accounts.set_active(session, user_id, is_active=False)
        await revoke_tokens(session, user_id)
        await note(session, Event.ACCOUNT_CLOSED, user_id)
        await notify(session, user_id=user_id, order_id=None, template="account_closed", data={})

    await transact(lex_for(actor), work)
    await end_at_once(user_id)
