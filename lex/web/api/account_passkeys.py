"""Passkeys of one's account, and signing in with one (WebAuthn: what the browser's API takes and gives, as JSON)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, patch, post

from lex.core import codec
from lex.core.actor import Role
from lex.flows.accounts import passkeys
from lex.web.api.account import SIGNED_IN, Password, SignedIn, entered
from lex.web.api.account_changes import Proof
from lex.web.kit import rates
from lex.web.kit.actors import current_actor, held_session, session_token
from lex.web.kit.guards import by_session, may_set_up, public
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import SESSION
from lex.web.kit.problems import problems
from lex.web.kit.signing import device_of, keep_session

PasskeyName = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class PasskeyView(msgspec.Struct, frozen=True):
    """One as its owner sees it."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


class NewPasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `navigator.credentials.create` gave, as JSON; and the password, but for staff who have to set one up."""

    name: PasskeyName
    credential: dict[str, Any]
    password: Password | None = None


class SignedChallenge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `navigator.credentials.get` gave, as JSON."""

    credential: dict[str, Any]


class NewName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it is to be called."""

    name: PasskeyName


class Added(msgspec.Struct, frozen=True):
    """Recovery codes come with the first second factor, told this once."""

    recovery_codes: list[str]


@post(
    "/account/sessions/passkey/options",
    guards=[public],
    tags=["account"],
    operation_id="askForPasskey",
    summary="Begin to sign in with a passkey",
    status_code=200,
    responses=problems(429),
)
async def ask(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """What `navigator.credentials.get` takes as `publicKey`, as JSON; good once, for five minutes."""
    await current_actor(request)  # refuses the page of somebody else
    await rates.count_for_accounts("challenge", request)
    return await passkeys.ask_to_sign_in()


@post(
    "/account/sessions/passkey",
    guards=[public],
    tags=["account"],
    operation_id="signInWithPasskey",
    summary="Sign in with a passkey",
    responses={**SIGNED_IN, **problems(401, 429)},
)
async def enter(
    request: Request[Any, Any, Any], data: JSONBody[SignedChallenge], actor: CurrentActor
) -> Response[SignedIn]:
    """Without a password, and without a second factor after it."""
    await rates.count_for_accounts("sign-in", request)
    answer = codec.encode(data.credential).decode()
    return await entered(request, actor, await passkeys.sign_in_with_passkey(actor, answer, device_of(request)))


@get(
    "/account/passkeys",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="listPasskeys",
    summary="List one's passkeys",
)
async def list_passkeys(request: Request[Any, Any, Any], actor: CurrentActor) -> list[PasskeyView]:
    """Oldest first."""
    found = await passkeys.passkeys_of(actor, (await held_session(request)).user_id)
    return [PasskeyView(one.id, one.name, one.created_at, one.last_used_at) for one in found]


@post(
    "/account/passkeys/options",
    guards=[may_set_up],
    security=SESSION,
    tags=["account"],
    operation_id="askForNewPasskey",
    summary="Begin to add a passkey",
    status_code=200,
)
async def ask_for_new(request: Request[Any, Any, Any], actor: CurrentActor) -> dict[str, Any]:
    """What `navigator.credentials.create` takes as `publicKey`, as JSON; good once, for five minutes."""
    return await passkeys.ask_for_new(actor, await held_session(request))


@post(
    "/account/passkeys",
    guards=[may_set_up],
    security=SESSION,
    tags=["account"],
    operation_id="addPasskey",
    summary="Add a passkey",
    status_code=201,
    responses=problems(409, 429),
)
async def add(request: Request[Any, Any, Any], data: JSONBody[NewPasskey], actor: CurrentActor) -> Response[Added]:
    """This session goes on under another id."""
    await rates.count_for_accounts("sign-in", request)
    held, token = await held_session(request), session_token(request)
    given = data.password or "", data.name, codec.encode(data.credential).decode()
    fresh, made = await passkeys.add_passkey(actor, token, held, *given)
    answer = Response(Added(made), status_code=201)
    keep_session(answer, fresh, Role(held.role))
    return answer


@patch(
    "/account/passkeys/{passkey_id:uuid}",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="renamePasskey",
    summary="Rename a passkey",
    status_code=204,
    responses=problems(404),
)
async def rename(
    request: Request[Any, Any, Any], passkey_id: FromPath[UUID], data: JSONBody[NewName], actor: CurrentActor
) -> None:
    """To know it by."""
    await passkeys.rename_passkey(actor, (await held_session(request)).user_id, passkey_id, data.name)


@post(
    "/account/passkeys/{passkey_id:uuid}/removal",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="removePasskey",
    summary="Remove a passkey",
    status_code=204,
    responses=problems(404, 409, 429),
)
async def remove(
    request: Request[Any, Any, Any], passkey_id: FromPath[UUID], data: JSONBody[Proof], actor: CurrentActor
) -> Response[None]:
    """Ends every other session. Refused for the last factor of staff who need one."""
    await rates.count_for_accounts("sign-in", request)
    held, token = await held_session(request), session_token(request)
    fresh = await passkeys.remove_passkey(actor, token, held, data.password, passkey_id)
    answer: Response[None] = Response(None, status_code=204)
    keep_session(answer, fresh, Role(held.role))
    return answer


routes = [ask, enter, list_passkeys, ask_for_new, add, rename, remove]
