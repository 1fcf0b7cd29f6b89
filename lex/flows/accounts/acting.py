"""What is changed in an account is changed by Lex itself, for whoever asked: the audit tells both."""

from dataclasses import replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from lex.audit.commands import record
from lex.core.actor import Actor, Role
from lex.db.session import Session


class Event(StrEnum):
    """What the audit tells of accounts beside the changes of rows, and `sign_in` (`identity/logins`)."""

    SIGN_UP = "sign_up"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_OUT = "sign_out"
    SESSION_ENDED = "session_ended"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_RESET = "password_reset"
    EMAIL_VERIFIED = "email_verified"
    EMAIL_CHANGE_ASKED = "email_change_asked"
    EMAIL_CHANGED = "email_changed"
    ACCOUNT_UNLOCKED = "account_unlocked"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_OPENED = "account_opened"
    TWO_FACTOR_ON = "enable_two_factor"
    TWO_FACTOR_OFF = "disable_two_factor"
    SECOND_FACTOR_GIVEN = "second_factor_given"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    RECOVERY_CODES_MADE = "make_recovery_codes"
    RECOVERY_CODE_USED = "use_recovery_code"
    PASSKEY_ADDED = "add_passkey"
    PASSKEY_REMOVED = "remove_passkey"
    STAFF_APPOINTED = "staff_appointed"
    ROLE_CHANGED = "role_changed"
    ACTING_STARTED = "acting_started"
    ACTING_ENDED = "acting_ended"
    TOKEN_MADE = "make_token"
    TOKEN_REVOKED = "revoke_token"
    ENDED_TOKEN_USED = "use_ended_token"


def lex_for(actor: Actor, user_id: UUID | None = None) -> Actor:
    """Lex itself, for this actor, or for whom the request turned out to be of: for them nobody acts."""
    acted_by = None if user_id not in (None, actor.user_id) else actor.acted_by
    return replace(actor, role=Role.SYSTEM, user_id=user_id or actor.user_id, acted_by=acted_by)


async def note(session: Session, event: Event, user_id: UUID | None, **details: Any) -> None:
    """Tell the audit what happened to somebody's account. `details` hold nothing personal."""
    await record(session, event.value, "users", user_id, details)


def listed(email_indexes: list[bytes]) -> str:
    """Blind indexes of an address as a job takes them, which is told ids alone."""
    return " ".join(index.hex() for index in email_indexes)


def listed_in(told: str) -> list[bytes]:
    """The same, read by the job."""
    return [bytes.fromhex(one) for one in told.split()]
