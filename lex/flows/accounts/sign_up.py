"""Sign up, and prove the address.

Whoever signs up is told to look into the mailbox, whether the address has an account or not: its owner is mailed, and
only there it is told which. Nobody gets in before the link of that mail was opened and the password chosen at sign-up
was given once more: who signs up with an address of somebody else's never gets in, not even when its owner follows the
link. Then the orders placed as a guest with this address are theirs.
"""

from uuid import UUID

from lex.core.actor import Actor, Role
from lex.core.errors import Conflict, FieldError, Invalid, gathered
from lex.core.texts import fault_in_writing
from lex.db import jobs
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, lex_for, note
from lex.flows.accounts.sign_in import Admitted, admit, may_mail, prove
from lex.flows.adopt_orders import ADOPT, adopt_orders
from lex.identity import accounts, passwords, sessions
from lex.identity.ciphers import blind_indexes, normal_email
from lex.identity.commands import create_user
from lex.identity.sessions import Device
from lex.identity.tokens import Purpose, open_token, use_token
from lex.notifications.commands import notify

_LONGEST_NAME = 100


async def sign_up(
    actor: Actor, email: str, password: str, *, first_name: str | None = None, last_name: str | None = None
) -> None:
    """Make an account that waits for its address to be proven, or tell the owner of the one there is. One answer.

    Raises `Invalid` (email, password, first_name, last_name), `Unavailable` in a flood.
    """
    errors: list[FieldError] = []
    address = ""
    first_name, last_name = first_name or None, last_name or None
    with gathered(errors):
        address = accounts.checked_account_email(email)
    for field, name in (("first_name", first_name), ("last_name", last_name)):
        if fault := fault_in_writing(name or "", longest=_LONGEST_NAME):
            errors.append(FieldError(field, fault, "text"))
    with gathered(errors):
        kept = await passwords.keep(password, known=(address, first_name, last_name))
    if errors:
        raise Invalid.of(errors)
    indexes = blind_indexes("email", normal_email(address))

    async def work(session: Session) -> None:
        standing = await accounts.find_standing(session, indexes)
        if standing is None:
            person = await create_user(
                session, role=Role.USER, email=address, password=kept, first_name=first_name, last_name=last_name
            )
            user_id, template, is_mailed = person.id, "verify_email", True
        else:
            user_id, template = standing.id, "account_exists"
            is_mailed = await may_mail(session, user_id, template) and standing.is_active
        if is_mailed:
            await notify(session, user_id=user_id, order_id=None, template=template, data={}, priority="high")
        await note(session, Event.SIGN_UP, user_id, is_new=standing is None)

    try:
        await transact(lex_for(actor), work)
    except Conflict as refusal:
        if refusal.code != "email_taken":
            raise
        await transact(lex_for(actor), work)  # somebody was first a moment ago: now there is one to tell


async def verify_email(actor: Actor, token: str, password: str, device: Device) -> Admitted:
    """Prove the address by the key of our mail and the password chosen at sign-up; signs in.

    Raises `Gone` (`link_used`), `WrongCredentials`, `SignInLocked`, `Invalid` (password), `Unavailable`.
    """
    passwords.check_size(password)
    await sessions.require_store()

    async def read(session: Session) -> accounts.Profile:
        opened = await open_token(session, Purpose.VERIFY_EMAIL, token)
        return await accounts.get_profile(session, opened.user_id)

    profile = await transact(lex_for(actor), read)
    login, attempt = await prove(actor, profile.email, password, is_verifying=True)

    async def also(session: Session) -> None:
        await use_token(session, Purpose.VERIFY_EMAIL, token)
        await note_verified(session, profile.id)

    admitted = await admit(actor, login, attempt, password, device, also)
    await adopt_orders(profile.id)
    return admitted


async def note_verified(session: Session, user_id: UUID) -> None:
    """The address is proven: what was ordered with it as a guest follows, now or by a job."""
    if await accounts.verify_email(session, user_id):
        await note(session, Event.EMAIL_VERIFIED, user_id)
        await jobs.defer(session, ADOPT, person_id=user_id)
