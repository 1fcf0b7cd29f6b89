"""One's own account: who one is; another password, another address, its end."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post

from lex.core.actor import Role
from lex.db.session import transact
from lex.flows.accounts.acting import lex_for
from lex.flows.accounts.change import ask_email_change, change_password, close_account, confirm_email_change
from lex.identity import accounts
from lex.identity.tokens import Purpose
from lex.web.api.account import Accepted, Email, Key, Password
from lex.web.kit import rates
from lex.web.kit.actors import held_session, session_token
from lex.web.kit.guards import by_session, public, signed_in
from lex.web.kit.inputs import CurrentActor, JSONBody
from lex.web.kit.openapi import ACCOUNT, SESSION
from lex.web.kit.problems import problems
from lex.web.kit.signing import forget_session, keep_session


class AccountView(msgspec.Struct, frozen=True):
    """An account as its owner sees it."""

    id: UUID
    role: str
    email: str
    first_name: str | None
    last_name: str | None
    last_login_at: datetime | None
    created_at: datetime


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The present password and the one that is to count."""

    current_password: Password
    password: Password


class EmailWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address that is to be the account's, and the password."""

    email: Email
    password: Password


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password, once more."""

    password: Password


class Confirmed(msgspec.Struct, frozen=True):
    """Whether the change is made: it is when both addresses are confirmed."""

    is_done: bool


@get(
    "/account",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="getAccount",
    summary="Read one's account",
)
async def read(actor: CurrentActor) -> AccountView:
    """By session or by API key."""
    user_id = actor.user_id
    assert user_id is not None
    found = await transact(lex_for(actor), lambda session: accounts.get_profile(session, user_id))
    names = (found.email, found.first_name, found.last_name)
    return AccountView(found.id, found.role, *names, found.last_login_at, found.created_at)


@post(
    "/account/password",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="changePassword",
    summary="Change the password",
    status_code=204,
    responses=problems(429),
)
async def password(
    request: Request[Any, Any, Any], data: JSONBody[PasswordChange], actor: CurrentActor
) -> Response[None]:
    """This session goes on under another id; all others end."""
    await rates.count_for_accounts("sign-in", request)
    held = await held_session(request)
    fresh = await change_password(actor, session_token(request), held, data.current_password, data.password)
    answer: Response[None] = Response(None, status_code=204)
    keep_session(answer, fresh, Role(held.role))
    return answer


@post(
    "/account/email",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="changeEmail",
    summary="Ask for another e-mail address",
    status_code=202,
    responses=problems(429),
)
async def email(request: Request[Any, Any, Any], data: JSONBody[EmailWish], actor: CurrentActor) -> Accepted:
    """Both addresses are mailed; the change is made when both are confirmed."""
    await rates.count_for_accounts("link", request)
    await ask_email_change(actor, data.password, data.email)
    return Accepted("Both addresses have a mail with a link; the change is made when both are confirmed.")


def _confirming(side: str, purpose: Purpose) -> Any:
    @post(
        f"/account/email/{side}",
        guards=[public],
        tags=["account"],
        operation_id=f"confirm{side.capitalize()}Email",
        summary=f"Confirm the change at the {side} address",
        status_code=200,
        responses=problems(409, 410, 429),
    )
    async def confirm(request: Request[Any, Any, Any], data: JSONBody[Key], actor: CurrentActor) -> Confirmed:
        """With the key of the mail's link. When it is done every session of the account ends."""
        await rates.count_for_accounts("link", request)
        return Confirmed(await confirm_email_change(actor, purpose, data.token))

    return confirm


@post(
    "/account/closing",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="closeAccount",
    summary="Close the account",
    status_code=204,
    responses=problems(429),
)
async def close(request: Request[Any, Any, Any], data: JSONBody[Proof], actor: CurrentActor) -> Response[None]:
    """Nobody signs in to it any more; its sessions and API keys end. The shop can open it again."""
    await rates.count_for_accounts("sign-in", request)
    await close_account(actor, data.password)
    answer: Response[None] = Response(None, status_code=204)
    forget_session(answer)
    return answer


_SIDES = {"old": Purpose.CONFIRM_OLD_EMAIL, "new": Purpose.CONFIRM_NEW_EMAIL}

routes = [read, password, email, *(_confirming(side, purpose) for side, purpose in _SIDES.items()), close]
