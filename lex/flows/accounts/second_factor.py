"""The second step of a sign-in: a code of an authenticator app, or a recovery code.

Wrong ones are counted as wrong passwords are, but apart: whoever knows the password gets no further guesses by giving
it again. A passkey needs no second step (`passkeys`).
"""

from uuid import UUID

from lex.core.actor import Actor, Role
from lex.core.errors import Invalid, Unauthenticated
from lex.db import jobs
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, lex_for, note
from lex.flows.accounts.sign_in import Admitted, may_mail
from lex.identity import accounts, codes, sessions
from lex.identity.logins import SECOND, Attempt, find_login_again, note_failure, note_success
from lex.notifications.commands import notify

_JOB = "mail_second_factor_failed"


def wrong_code() -> Invalid:
    """One answer for a code that is wrong, over, or was used before."""
    return Invalid(
        "code",
        "This code is wrong, or was used before. Wait for the next one of your app; check that your device tells the "
        "right time.",
        code="wrong_code",
    )


async def give_code(actor: Actor, token: str, held: sessions.Session, text: str) -> Admitted:
    """Give a code for a session that waits for it; it goes on under another id, and its holder is somebody from there.

    Raises `Invalid` (code), `SignInLocked`, `Unauthenticated` when the session ended meanwhile, `Unavailable`.
    """
    code, user_id = codes.read(text), held.user_id
    await sessions.require_store()

    async def work(session: Session) -> str | None:
        await codes.lock_factors(session, user_id)
        profile = await accounts.get_profile(session, user_id)
        attempt = Attempt.of(profile.email, actor.address, what=SECOND)
        login = await find_login_again(session, attempt)
        if not login.is_active:
            raise Unauthenticated("This account is closed.")
        factor = await _use(session, user_id, code)
        if factor is None:
            await _fail(session, user_id, attempt)
        else:
            await note_success(session, attempt)
            await note(session, Event.SECOND_FACTOR_GIVEN, user_id, factor=factor)
        return factor

    factor = await transact(lex_for(actor, user_id), work)
    if factor is None:
        raise wrong_code()
    fresh = await sessions.renew(token, held, factor=factor)
    return Admitted(fresh, user_id, Role(held.role), "")


async def _use(session: Session, user_id: UUID, code: str) -> str | None:
    """What it is, or None for a wrong one."""
    if not codes.is_recovery(code):
        return "totp" if await codes.use_app_code(session, user_id, code) else None
    left = await codes.use_recovery_code(session, user_id, code)
    if left is None:
        return None
    await note(session, Event.RECOVERY_CODE_USED, user_id, left=left)
    await notify(session, user_id=user_id, order_id=None, template="recovery_code_used", data={"left": left})
    return "recovery_code"


async def _fail(session: Session, user_id: UUID, attempt: Attempt) -> None:
    is_locked = await note_failure(session, attempt)
    await note(session, Event.SECOND_FACTOR_FAILED, user_id, is_locked=is_locked)
    if is_locked:
        await jobs.defer(session, _JOB, user_id=user_id)


@jobs.job(_JOB)
async def mail_second_factor_failed(who: Actor, *, user_id: UUID) -> None:
    """Tell somebody whose password another one knows; a few times an hour."""

    async def work(session: Session) -> None:
        if await may_mail(session, user_id, "second_factor_failed"):
            await notify(session, user_id=user_id, order_id=None, template="second_factor_failed", data={})

    await transact(who, work)
