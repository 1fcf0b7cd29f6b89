"""Get into an account: sign up, confirm the address, sign in and out, choose a new password."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec

from lex.core.actor import Actor
from lex.flows.accounts.ending import make_way, sign_out, sign_out_elsewhere, sign_out_there
from lex.flows.accounts.recover import forgot_password, reset_password, unlock_account
from lex.flows.accounts.sign_in import Admitted, sign_in
from lex.flows.accounts.sign_up import sign_up, verify_email
from lex.identity import sessions
from lex.web.kit import rates
from lex.web.kit.actors import current_session, held_session, session_token
from lex.web.kit.guards import by_any_session, by_session, public
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import SESSION
from lex.web.kit.problems import problems
from lex.web.kit.signing import device_of, forget_session, keep_session

Email = Annotated[str, msgspec.Meta(min_length=3, max_length=254)]
#: As long as any: the story itself says what a password may be.
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Name = Annotated[str, msgspec.Meta(max_length=100)]


class NewAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants an account."""

    email: Email
    password: Password
    first_name: Name | None = None
    last_name: Name | None = None


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who signs in."""

    email: Email
    password: Password


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose password is forgotten."""

    email: Email


class KeyAndPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key of a mail's link, and a password."""

    token: Token
    password: Password


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key of a mail's link."""

    token: Token


class Accepted(msgspec.Struct, frozen=True):
    """It was heard; what comes of it is told by mail."""

    detail: str


class SignedIn(msgspec.Struct, frozen=True):
    """Who is signed in. `waits_for` names the step that is still to be done: `second_factor`,
    `second_factor_set_up` for staff who need one and have none; else it is null."""

    user_id: UUID
    role: str
    waits_for: str | None


class SessionView(msgspec.Struct, frozen=True):
    """A browser or program that is signed in."""

    id: UUID
    device: str
    address: str
    began_at: datetime
    seen_at: datetime
    is_this: bool


SIGNED_IN = {201: ResponseSpec(SignedIn, description="Signed in; the session is a cookie.")}
_MAILED = Accepted("If it can be, a mail with a link is on its way.")


@post(
    "/account",
    guards=[public],
    tags=["account"],
    operation_id="signUp",
    summary="Sign up",
    status_code=202,
    responses=problems(429),
)
async def create(request: Request[Any, Any, Any], data: JSONBody[NewAccount], actor: CurrentActor) -> Accepted:
    """One answer for every address: a mail tells its owner how to go on, or that there is an account already."""
    await rates.count_for_accounts("sign-up", request)
    await sign_up(actor, data.email, data.password, first_name=data.first_name, last_name=data.last_name)
    return _MAILED


@post(
    "/account/verification",
    guards=[public],
    tags=["account"],
    operation_id="verifyEmail",
    summary="Confirm the address and sign in",
    responses={**SIGNED_IN, **problems(410, 429)},
)
async def verify(
    request: Request[Any, Any, Any], data: JSONBody[KeyAndPassword], actor: CurrentActor
) -> Response[SignedIn]:
    """With the key of the mail's link and the password chosen at sign-up."""
    await rates.count_for_accounts("link", request)
    return await entered(request, actor, await verify_email(actor, data.token, data.password, device_of(request)))


@post(
    "/account/sessions",
    guards=[public],
    tags=["account"],
    operation_id="signIn",
    summary="Sign in",
    responses={**SIGNED_IN, **problems(401, 429)},
)
async def enter(
    request: Request[Any, Any, Any], data: JSONBody[Credentials], actor: CurrentActor
) -> Response[SignedIn]:
    """One answer for a wrong password, an address without an account and one that is not confirmed."""
    await rates.count_for_accounts("sign-in", request)
    return await entered(request, actor, await sign_in(actor, data.email, data.password, device_of(request)))


async def entered(request: Request[Any, Any, Any], actor: Actor, admitted: Admitted) -> Response[SignedIn]:
    """The session of whom was admitted, as a cookie; the one before ends."""
    before = await current_session(request)
    if before is not None:
        await make_way(actor, session_token(request), before)
    told = SignedIn(admitted.user_id, admitted.role.value, admitted.waits_for or None)
    answer = Response(told, status_code=201)
    keep_session(answer, admitted.token, admitted.role)
    return answer


@get(
    "/account/sessions",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="listSessions",
    summary="Where one is signed in",
)
async def list_sessions(request: Request[Any, Any, Any]) -> list[SessionView]:
    """Last seen first."""
    held = await held_session(request)
    return [
        SessionView(one.id, one.device, one.address, one.began, one.seen, one.id == held.id)
        for one in await sessions.list_of(held.user_id)
    ]


@delete(
    "/account/sessions/current",
    guards=[by_any_session],
    security=SESSION,
    tags=["account"],
    operation_id="signOut",
    summary="Sign out",
    status_code=204,
)
async def leave(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[None]:
    """Ends this session; its cookie opens nothing from here on."""
    await sign_out(actor, session_token(request), await held_session(request))
    answer: Response[None] = Response(None, status_code=204)
    forget_session(answer)
    return answer


@delete(
    "/account/sessions/others",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="signOutElsewhere",
    summary="Sign out everywhere but here",
    status_code=204,
)
async def end_others(request: Request[Any, Any, Any], actor: CurrentActor) -> None:
    """Ends every other session of the account."""
    held = await held_session(request)
    await sign_out_elsewhere(actor, held.user_id, held.id)


@delete(
    "/account/sessions/{session_id:uuid}",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="endSession",
    summary="Sign out there",
    status_code=204,
    responses=problems(404),
)
async def end_session(request: Request[Any, Any, Any], session_id: FromPath[UUID], actor: CurrentActor) -> None:
    """Ends one session of the account."""
    await sign_out_there(actor, (await held_session(request)).user_id, session_id)


@post(
    "/account/password/forgotten",
    guards=[public],
    tags=["account"],
    operation_id="forgotPassword",
    summary="Ask for a link to choose a new password",
    status_code=202,
    responses=problems(429),
)
async def forgot(request: Request[Any, Any, Any], data: JSONBody[Address], actor: CurrentActor) -> Accepted:
    """One answer for every address."""
    await rates.count_for_accounts("forgot", request)
    await forgot_password(actor, data.email)
    return _MAILED


@post(
    "/account/password/reset",
    guards=[public],
    tags=["account"],
    operation_id="resetPassword",
    summary="Choose a new password by the mail's link",
    status_code=204,
    responses=problems(410, 429),
)
async def reset(request: Request[Any, Any, Any], data: JSONBody[KeyAndPassword], actor: CurrentActor) -> None:
    """Ends every session of the account; sign in with the new password then."""
    await rates.count_for_accounts("link", request)
    await reset_password(actor, data.token, data.password)


@post(
    "/account/unlock",
    guards=[public],
    tags=["account"],
    operation_id="unlockAccount",
    summary="Open an account that wrong passwords have locked",
    status_code=204,
    responses=problems(410, 429),
)
async def unlock(request: Request[Any, Any, Any], data: JSONBody[Key], actor: CurrentActor) -> None:
    """With the key of the mail's link."""
    await rates.count_for_accounts("link", request)
    await unlock_account(actor, data.token)


routes = [create, verify, enter, list_sessions, leave, end_others, end_session, forgot, reset, unlock]
