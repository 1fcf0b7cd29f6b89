"""What the account's pages share: one answer for a form with its faults, and the way on once somebody is in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response

from lex.core.actor import Actor, Role
from lex.core.errors import FieldError, Refusal
from lex.flows.accounts.ending import make_way
from lex.flows.accounts.sign_in import Admitted, carry_cart
from lex.identity.ceremonies import home
from lex.identity.sessions import SET_UP
from lex.web.kit.actors import current_session, session_token
from lex.web.kit.basket import Basket, find_basket, keep
from lex.web.kit.signing import keep_session, local_path
from lex.web.kit.templates import page
from lex.web.storefront.frame import frame
from lex.web.storefront.visitor import see_other

HEADERS = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}
SECOND_STEP = "/account/sign-in/second-factor"
TWO_FACTOR = "/account/security/two-factor"


async def show(
    request: Request[Any, Any, Any],
    name: str,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
    **facts: Any,
) -> Response[Any]:
    """A page of the account, as `show_form` shows it."""
    return await show_form(request, f"account/{name}.html", form, refusal, **facts)


async def show_form(
    request: Request[Any, Any, Any],
    template: str,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
    **facts: Any,
) -> Response[Any]:
    """A page with a form, nobody else's. A refusal stands beside the fields it names, or above when it names none."""
    faults: Sequence[FieldError] = refusal.errors if refusal else ()
    return page(
        template,
        request=request,
        status=refusal.status if refusal and refusal.status != 401 else 422 if refusal else 200,
        headers=HEADERS | dict(getattr(refusal, "headers", {})),
        frame=await frame(),
        form=form or {},
        faults=faults,
        fault_of={fault.field: fault.message for fault in faults},
        refusal=None if faults else refusal,
        **facts,
    )


def at_fields(refusal: Refusal | None, names: Mapping[str, str]) -> None:
    """Forms that share a page have names of their own for what each has: the password. The refusal takes them."""
    if refusal is not None:
        refusal.errors = tuple(replace(fault, field=names.get(fault.field, fault.field)) for fault in refusal.errors)


async def show_sign_in_form(
    request: Request[Any, Any, Any],
    wanted: str,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
    *,
    done: str = "",
) -> Response[Any]:
    """The page to sign in at, by password or passkey; it leads on to `wanted`."""
    return await show(request, "sign_in", form, refusal, wanted=wanted, done=done, passkey_host=home()[0])


def way_on(step: str, wanted: str) -> str:
    """Where somebody goes on: first where the step is done that is still to come."""
    if step == SET_UP:
        return TWO_FACTOR
    return f"{SECOND_STEP}?{urlencode({'next': local_path(wanted)})}" if step else local_path(wanted)


async def enter(request: Request[Any, Any, Any], actor: Actor, admitted: Admitted, wanted: str) -> Response[Any]:
    """Somebody is in: the browser gets the session's id, what it was signed in with before ends, the cart comes along.

    Where a second factor is asked for, that comes first.
    """
    before = await current_session(request)
    if before is not None:
        await make_way(actor, session_token(request), before)
    answer = see_other(way_on(admitted.waits_for, wanted))
    if not admitted.waits_for:
        await bring_cart(request, actor, admitted, answer)
    keep_session(answer, admitted.token, admitted.role)
    return answer


async def bring_cart(request: Request[Any, Any, Any], actor: Actor, admitted: Admitted, answer: Response[Any]) -> None:
    """What a customer put into the cart as a guest joins their own; staff buy nothing for themselves."""
    if admitted.role is not Role.USER:
        return
    basket = find_basket(request)
    own = await carry_cart(
        basket.opened_by(actor) if basket else actor, admitted.user_id, basket.id if basket else None
    )
    if own is not None:
        keep(answer, Basket(own.id), own.units)
