"""Look an order up without signing in: number and e-mail, one answer for everybody, and the way in comes by mail."""

from typing import Any

from litestar import MediaType, Request, Response, get, post

from lex.core.errors import FieldError, Invalid
from lex.flows.find_order import ask_for_link
from lex.identity.commands import checked_email
from lex.orders.finding import checked_number
from lex.web.kit import rates
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, public
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.templates import page
from lex.web.storefront.frame import frame
from lex.web.storefront.visitor import see_other

_HEADERS = {"Cache-Control": "private, no-store"}


@get("/orders/find", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def find(request: Request[Any, Any, Any]) -> Response[str]:
    """The form; after it was sent, what happens now."""
    return await _page(request, {}, [], is_sent="sent" in request.query_params)


@post("/orders/find", guards=[own_form], include_in_schema=False)
async def ask(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Have the link mailed. What cannot be a number or an e-mail is told; whether there is such an order never is."""
    form = await read_form(request)
    number, email = form.get("number", ""), form.get("email", "")
    faults = [*_faults("number", number, checked_number), *_faults("email", email, checked_email)]
    if faults:
        return await _page(request, form, faults)
    await rates.count_lookup(request)
    await ask_for_link(actor, number, email)
    return see_other("/orders/find?sent")


def _faults(field: str, text: str, check: Any) -> list[FieldError]:
    try:
        check(text)
    except Invalid as refusal:
        return [FieldError(field, refusal.message, refusal.code)]
    return []


async def _page(
    request: Request[Any, Any, Any], form: dict[str, str], faults: list[FieldError], *, is_sent: bool = False
) -> Response[str]:
    return page(
        "storefront/find_order.html",
        request=request,
        status=422 if faults else 200,
        headers=_HEADERS,
        frame=await frame(),
        form=form,
        faults=faults,
        fault_of={fault.field: fault.message for fault in faults},
        is_sent=is_sent,
    )


routes = [find, ask]
