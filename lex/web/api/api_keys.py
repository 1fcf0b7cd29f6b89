"""API keys: one's own, and those of the shop's applications. A key makes no keys: all of it is by session."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post
from litestar.openapi.datastructures import ResponseSpec

from lex.db.session import transact
from lex.flows.accounts.acting import lex_for
from lex.flows.accounts.api_keys import (
    DEFAULT_DAYS,
    LONGEST_NAME,
    MOST_DAYS,
    NewKey,
    Wish,
    make_application_key,
    make_token,
    revoke_application_key,
    revoke_token,
)
from lex.identity.api_keys import ApiKey, list_of_person, list_of_shop
from lex.identity.policy import Permission
from lex.web.api.account import Password
from lex.web.kit.guards import by_session, requires
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import SESSION
from lex.web.kit.problems import problems
from lex.web.kit.rates import count_for_accounts

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
Scopes = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(min_length=1, max_length=64)]
Days = Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)]


class TokenWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A personal token that is wanted, and the password. `scopes` are what it may do, at most what its owner may."""

    name: Name
    scopes: Scopes
    password: Password
    expires_in_days: Days = DEFAULT_DAYS


class KeyWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An application's key that is wanted. With `expires_in_days` null it never expires."""

    name: Name
    scopes: Scopes
    password: Password
    expires_in_days: Days | None = DEFAULT_DAYS


_MADE = {201: ResponseSpec(NewKey, description="The key. `secret` is told this once.")}
_MINE, _SHOPS = "/account/tokens", "/staff/keys"
_SETTINGS = requires(Permission.SETTINGS_WRITE)


@get(
    _MINE,
    guards=[by_session],
    security=SESSION,
    tags=["tokens"],
    operation_id="listTokens",
    summary="List the keys that act for one",
)
async def list_tokens(actor: CurrentActor) -> list[ApiKey]:
    """Newest first; those that are revoked are not there."""
    return await transact(lex_for(actor), lambda session: list_of_person(session, actor.person))


@post(
    _MINE,
    guards=[by_session],
    security=SESSION,
    tags=["tokens"],
    operation_id="makeToken",
    summary="Make a personal token",
    responses={**_MADE, **problems(401, 409)},
)
async def create_token(request: Request[Any, Any, Any], data: JSONBody[TokenWish], actor: CurrentActor) -> NewKey:
    """It acts for whoever makes it, within its scopes. Its owner is told by mail."""
    await count_for_accounts("sign-in", request)
    return await make_token(actor, data.password, Wish(data.name, data.scopes, data.expires_in_days))


@delete(
    f"{_MINE}/{{key_id:uuid}}",
    guards=[by_session],
    security=SESSION,
    tags=["tokens"],
    operation_id="revokeToken",
    summary="Revoke a key that acts for one",
    status_code=204,
    responses=problems(404),
)
async def end_token(key_id: FromPath[UUID], actor: CurrentActor) -> None:
    """It is refused from the next request on."""
    await revoke_token(actor, key_id)


@get(
    _SHOPS,
    guards=[_SETTINGS, by_session],
    security=SESSION,
    tags=["tokens"],
    operation_id="listApplicationKeys",
    summary="List the keys of applications",
)
async def list_keys(actor: CurrentActor) -> list[ApiKey]:
    """Newest first, whoever made them; those that are revoked are not there."""
    return await transact(actor, list_of_shop)


@post(
    _SHOPS,
    guards=[_SETTINGS, by_session],
    security=SESSION,
    tags=["tokens"],
    operation_id="makeApplicationKey",
    summary="Make a key for an application",
    responses={**_MADE, **problems(401, 409)},
)
async def create_key(request: Request[Any, Any, Any], data: JSONBody[KeyWish], actor: CurrentActor) -> NewKey:
    """It acts within its scopes for whoever makes it, and ends with their role or account."""
    await count_for_accounts("sign-in", request)
    return await make_application_key(actor, data.password, Wish(data.name, data.scopes, data.expires_in_days))


@delete(
    f"{_SHOPS}/{{key_id:uuid}}",
    guards=[_SETTINGS, by_session],
    security=SESSION,
    tags=["tokens"],
    operation_id="revokeApplicationKey",
    summary="Revoke a key of an application",
    status_code=204,
    responses=problems(404, 409),
)
async def end_key(key_id: FromPath[UUID], actor: CurrentActor) -> None:
    """One's own, or of somebody below one's rank. It is refused from the next request on."""
    await revoke_application_key(actor, key_id)


routes = [list_tokens, create_token, end_token, list_keys, create_key, end_key]
