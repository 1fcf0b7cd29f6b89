"""The second factors of one's account: the step at sign-in, the app that shows codes, recovery codes."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post, put

from lex.core.actor import Role
from lex.core.errors import Unauthenticated
from lex.flows.accounts import factors
from lex.flows.accounts.second_factor import give_code
from lex.identity.sessions import SECOND_FACTOR
from lex.web.api.account import SIGNED_IN, Password, SignedIn, entered
from lex.web.api.account_changes import Proof
from lex.web.kit import rates
from lex.web.kit.actors import current_session, held_session, session_token
from lex.web.kit.guards import by_session, may_set_up, public
from lex.web.kit.inputs import CurrentActor, JSONBody
from lex.web.kit.openapi import SESSION
from lex.web.kit.problems import problems
from lex.web.kit.signing import keep_session

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class GivenCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Six digits of the app, or a recovery code."""

    code: Code


class AppProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code the app shows, and the password; staff who have to set one up have given it just now."""

    code: Code
    password: Password | None = None


class FactorsView(msgspec.Struct, frozen=True):
    """What signing in asks for beside the password. `recovery_codes` is how many are left."""

    is_on: bool
    has_app: bool
    passkeys: int
    recovery_codes: int


class AppKey(msgspec.Struct, frozen=True):
    """The key for an app, and the address that a QR code holds."""

    secret: str
    address: str


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Told this once; none where there were some before."""

    recovery_codes: list[str]


@post(
    "/account/sessions/second-factor",
    guards=[public],
    security=SESSION,
    tags=["account"],
    operation_id="giveSecondFactor",
    summary="Give the second factor",
    responses={**SIGNED_IN, **problems(401, 429)},
)
async def give(request: Request[Any, Any, Any], data: JSONBody[GivenCode], actor: CurrentActor) -> Response[SignedIn]:
    """For a session that waits for it; it goes on under another id."""
    await rates.count_for_accounts("sign-in", request)
    held = await current_session(request)
    if held is None or held.step != SECOND_FACTOR:
        raise Unauthenticated("Sign in first; this session waits for no second factor.")
    return await entered(request, actor, await give_code(actor, session_token(request), held, data.code))


@get(
    "/account/two-factor",
    guards=[may_set_up],
    security=SESSION,
    tags=["account"],
    operation_id="getSecondFactors",
    summary="Read what signing in asks for",
)
async def read(request: Request[Any, Any, Any], actor: CurrentActor) -> FactorsView:
    """And how many recovery codes are left."""
    found = await factors.factors_of(actor, (await held_session(request)).user_id)
    return FactorsView(found.is_on, found.has_app, found.passkeys, found.recovery_codes)


@post(
    "/account/two-factor/app",
    guards=[may_set_up],
    security=SESSION,
    tags=["account"],
    operation_id="offerAppKey",
    summary="Get a key for an app that shows codes",
    status_code=200,
)
async def offer_app(request: Request[Any, Any, Any], actor: CurrentActor) -> AppKey:
    """It counts once a code of it was given, and is offered for a quarter of an hour."""
    offered = await factors.offer_app(actor, await held_session(request))
    return AppKey(offered.secret, offered.address)


@put(
    "/account/two-factor/app",
    guards=[may_set_up],
    security=SESSION,
    tags=["account"],
    operation_id="setUpApp",
    summary="Take the app, by a code it shows",
    responses=problems(429),
)
async def set_up_app(
    request: Request[Any, Any, Any], data: JSONBody[AppProof], actor: CurrentActor
) -> Response[RecoveryCodes]:
    """Signing in asks for its codes from then on. This session goes on under another id."""
    await rates.count_for_accounts("sign-in", request)
    held, token = await held_session(request), session_token(request)
    fresh, made = await factors.set_up_app(actor, token, held, data.password or "", data.code)
    answer = Response(RecoveryCodes(made))
    keep_session(answer, fresh, Role(held.role))
    return answer


@post(
    "/account/two-factor/app/removal",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="removeApp",
    summary="Turn the app's codes off",
    status_code=204,
    responses=problems(409, 429),
)
async def remove_app(request: Request[Any, Any, Any], data: JSONBody[Proof], actor: CurrentActor) -> None:
    """Refused for the last factor of staff who need one."""
    await rates.count_for_accounts("sign-in", request)
    await factors.take_app(actor, await held_session(request), data.password)


@post(
    "/account/two-factor/recovery-codes",
    guards=[by_session],
    security=SESSION,
    tags=["account"],
    operation_id="renewRecoveryCodes",
    summary="Make new recovery codes",
    status_code=201,
    responses=problems(409, 429),
)
async def renew_codes(request: Request[Any, Any, Any], data: JSONBody[Proof], actor: CurrentActor) -> RecoveryCodes:
    """Those from before open nothing any more."""
    await rates.count_for_accounts("sign-in", request)
    return RecoveryCodes(await factors.renew_recovery_codes(actor, await held_session(request), data.password))


routes = [give, read, offer_app, set_up_app, remove_app, renew_codes]
