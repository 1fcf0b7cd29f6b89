"""Ways back into an account: a new password by a mail's key, and the end of a lock that strangers brought about.

Whoever asks gets one answer, at once; whether there is an account is found out in a job, and told to its mailbox alone.
"""

from lex.core.actor import Actor
from lex.db import jobs
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, lex_for, listed, listed_in, note
from lex.flows.accounts.ending import end_at_once, end_ways_in
from lex.flows.accounts.sign_in import may_mail
from lex.flows.accounts.sign_up import note_verified
from lex.flows.adopt_orders import adopt_orders
from lex.identity import accounts, passwords
from lex.identity.ciphers import blind_indexes, normal_email
from lex.identity.commands import checked_email
from lex.identity.logins import end_waits
from lex.identity.tokens import Purpose, open_token, use_token
from lex.notifications.commands import notify

_JOB = "mail_reset_link"


async def forgot_password(actor: Actor, email: str) -> None:
    """Have a link mailed by which a new password can be chosen. Raises `Invalid` for what is no e-mail."""
    address = listed(blind_indexes("email", normal_email(checked_email(email))))
    await transact(actor, lambda session: jobs.defer(session, _JOB, address=address))


@jobs.job(_JOB, customers=True)
async def mail_reset_link(who: Actor, *, address: str) -> None:
    """Mail the link, unless there is no such account, it is closed, or it had enough of them."""
    await transact(who, lambda session: _mail(session, listed_in(address)))


async def _mail(session: Session, email_indexes: list[bytes]) -> None:
    standing = await accounts.find_standing(session, email_indexes)
    if standing is not None and standing.is_active and await may_mail(session, standing.id, "reset_password"):
        await notify(session, user_id=standing.id, order_id=None, template="reset_password", data={}, priority="high")


async def reset_password(actor: Actor, token: str, password: str) -> None:
    """Choose a new password by a mail's key. The mailbox is proven with it; every session ends, and every wait.

    Raises `Gone` (`link_used`), `Invalid` (password), `Unavailable`.
    """
    passwords.check_size(password)
    who = lex_for(actor)

    async def read(session: Session) -> accounts.Profile:
        opened = await open_token(session, Purpose.RESET_PASSWORD, token)
        return await accounts.get_profile(session, opened.user_id)

    profile = await transact(who, read)
    kept = await passwords.keep(password, known=profile.known_words)

    async def work(session: Session) -> None:
        opened = await use_token(session, Purpose.RESET_PASSWORD, token)
        await note_verified(session, opened.user_id)
        await accounts.set_password(session, opened.user_id, kept)
        await end_waits(session, profile.email, actor.address)
        await note(session, Event.PASSWORD_RESET, opened.user_id)
        await end_ways_in(session, opened.user_id)
        await notify(session, user_id=opened.user_id, order_id=None, template="password_changed", data={})

    await transact(lex_for(actor, profile.id), work)
    await end_at_once(profile.id)
    await adopt_orders(profile.id)


async def unlock_account(actor: Actor, token: str) -> None:
    """End the wait strangers brought about; from this address it does not hold for a while. Raises `Gone`."""

    async def work(session: Session) -> None:
        opened = await use_token(session, Purpose.UNLOCK, token)
        profile = await accounts.get_profile(session, opened.user_id)
        await end_waits(session, profile.email, actor.address)
        await note(session, Event.ACCOUNT_UNLOCKED, opened.user_id)

    await transact(lex_for(actor), work)
