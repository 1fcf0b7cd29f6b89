"""Where the mails about accounts lead: each carries a key of its own, made when it is sent."""

from datetime import timedelta
from uuid import UUID

from lex.core.settings import settings
from lex.db.session import Session
from lex.identity.accounts import find_new_email
from lex.identity.tokens import Purpose, add_token
from lex.notifications.queries import Facts

#: template → what its key is for, and the page that uses it
_KEYED = {
    "verify_email": (Purpose.VERIFY_EMAIL, "verify"),
    "reset_password": (Purpose.RESET_PASSWORD, "reset"),
    "choose_password": (Purpose.RESET_PASSWORD, "reset"),
    "account_exists": (Purpose.RESET_PASSWORD, "reset"),
    "second_factor_failed": (Purpose.RESET_PASSWORD, "reset"),
    "account_locked": (Purpose.UNLOCK, "unlock"),
    "confirm_old_email": (Purpose.CONFIRM_OLD_EMAIL, "email/old"),
    "confirm_new_email": (Purpose.CONFIRM_NEW_EMAIL, "email/new"),
}


async def address_of(session: Session, facts: Facts) -> str:
    """The page a mail leads to, with its key where it needs one; none where there is nothing left to open."""
    if facts.template in ("account_closed", "closed_by_shop"):
        return ""
    if facts.template in ("export_ready", "erasure_asked"):
        return f"{settings().address}/account/data"
    if facts.template == "token_made":
        return f"{settings().address}/account/tokens"
    if facts.template not in _KEYED:
        return f"{settings().address}/account"
    purpose, page = _KEYED[facts.template]
    lasts = timedelta(days=3) if facts.template == "choose_password" else None
    token = await add_token(session, facts.user_id, purpose, email_change_id=_change_of(facts), lasts=lasts)
    return f"{settings().address}/account/{page}?token={token}"


async def new_address(session: Session, facts: Facts) -> str | None:
    """The address an account is to have; None once the change is over."""
    change_id = _change_of(facts)
    return await find_new_email(session, facts.user_id, change_id) if change_id else None


def _change_of(facts: Facts) -> UUID | None:
    told = facts.data.get("email_change_id")
    return UUID(told) if told else None
