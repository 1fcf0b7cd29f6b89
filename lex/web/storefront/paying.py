"""Pay an order from its page or the checkout, go to the provider or the bank, and come back.

Card numbers never get here: a script has the provider make a token of them, or the buyer enters the card on the
provider's own page. The way back asks the provider at once and leads to the order's page, which says what became of it.

A token on the way back is charged once, in the browser that was sent to the provider's page: a link from elsewhere, or
a program that only looks where a link leads, pays nothing.
"""

import hmac
import secrets
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.params import QueryParameter

from lex.adapters.payments.registry import current
from lex.adapters.payments.sandbox_cards import CARDS
from lex.core import money
from lex.core.errors import Conflict, Gone, Invalid, NotFound, Refusal
from lex.core.settings import settings
from lex.db.session import transaction
from lex.flows.pay_order import PaymentRequest, pay_order, require_payable
from lex.flows.refresh_payment import refresh_payment
from lex.orders.finding import get_id
from lex.orders.paying import get_payable
from lex.payments.rules import TOKEN
from lex.web.kit import cookies
from lex.web.kit.edge import is_head
from lex.web.kit.forms import has_card_number, read_form
from lex.web.kit.guards import own_form, public
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.rates import of_payment
from lex.web.kit.safeguards import page_policy
from lex.web.storefront.visitor import Visitor, closed_to_strangers, see_other

Token = Annotated[str, QueryParameter(required=False, max_length=200)]
#: The cookie of who was sent to the provider's page, and how long they have there.
_SENT = "paying"
_SENT_SECONDS = 24 * 60 * 60


_Charged = Annotated[str, TOKEN]


def is_token(text: str) -> bool:
    """Whether a text can be a provider's token; what looks like a card number cannot."""
    try:
        msgspec.convert(text, _Charged)
    except msgspec.ValidationError:
        return False
    return True


def card_facts() -> dict[str, Any]:
    """What a page with card fields is told."""
    config = settings()
    is_sandbox = config.payment_provider == "sandbox"
    return {
        "has_card_fields": is_sandbox,
        "test_cards": CARDS if is_sandbox and config.environment == "development" else (),
    }


def pay_headers() -> dict[str, str]:
    """Of a page whose form pays: it may lead to the provider and the bank. Without a provider it leads nowhere."""
    forms_lead_to: tuple[str, ...] = ()
    with suppress(NotFound):
        forms_lead_to = current().leads_to
    return {"Content-Security-Policy": page_policy(forms_lead_to=forms_lead_to)}


async def pay(
    request: Request[Any, Any, Any], visitor: Visitor, order_id: UUID, token: str, amount: int, currency: str
) -> Response[Any]:
    """Charge a token, or go to the provider's page for one; an order of nothing is paid as it is."""
    if amount == 0:
        return see_other(visitor.page)
    way_back = f"{_origin(request)}{visitor.page}/return"
    if not token:
        return _to_provider(visitor, amount, currency, way_back)
    return await _charge(request, visitor, order_id, token, way_back)


def _to_provider(visitor: Visitor, amount: int, currency: str, way_back: str) -> Response[Any]:
    sent = secrets.token_urlsafe(16)
    answer = see_other(current().page_address(amount, currency, f"{way_back}?sent={sent}"))
    signed = cookies.sign(f"{_SENT}:{visitor.number}", sent)
    answer.set_cookie(cookies.cookie(_SENT, signed, seconds=_SENT_SECONDS, path=visitor.page))
    return answer


def _was_sent(request: Request[Any, Any, Any], visitor: Visitor, sent: str) -> bool:
    """Whether this browser was sent to the provider's page for this order and comes back from there."""
    kept = cookies.given(request.scope, _SENT, path=visitor.page)
    expected = cookies.signed_text(f"{_SENT}:{visitor.number}", kept)
    return expected is not None and hmac.compare_digest(expected.encode(), sent.encode())


async def _charge(
    request: Request[Any, Any, Any], visitor: Visitor, order_id: UUID, token: str, way_back: str
) -> Response[Any]:
    """To the bank when it asks, else to the order's page; what was refused stands there with the way out.

    Raises `TooMany`.
    """
    if not is_token(token):
        raise Invalid(
            "token", "This is no token of the payment provider; go back to the order and enter the card again."
        )
    await of_payment(request, order_id).count()
    try:
        settled = await pay_order(visitor.actor, order_id, PaymentRequest(token, way_back))
    except NotFound:
        raise
    except Refusal as refusal:
        return _stopped(visitor, refusal)
    return see_other(settled.action_url or visitor.page)


def _stopped(visitor: Visitor, refusal: Refusal) -> Response[Any]:
    """To the bank, which waits for an answer, or to the order's page; that one cannot tell of too many tries."""
    if refusal.code == "too_many_attempts":
        raise refusal
    return see_other(str(refusal.extra.get("action_url") or visitor.page))


def _origin(request: Request[Any, Any, Any]) -> str:
    """Where the buyer is: the shop's address, or, while none is set, the one they typed, whose cookies they have."""
    return settings().public_url.rstrip("/") or str(request.base_url).rstrip("/")


@post("/orders/{number:str}/payments", guards=[own_form], include_in_schema=False)
async def try_again(request: Request[Any, Any, Any], number: FromPath[str], actor: CurrentActor) -> Response[Any]:
    """Another try to pay, from the order's page."""
    form = await read_form(request)
    if has_card_number(form, "csrf"):
        raise Invalid("payment_token", "Card numbers go to the payment provider, never here; go back and try again.")
    with closed_to_strangers():
        visitor = Visitor.of_request(request, actor, number)
        async with transaction(visitor.actor) as session:
            payable = await get_payable(session, visitor.actor, await get_id(session, visitor.number))
    try:
        require_payable(payable)
    except (Conflict, Gone) as refusal:
        return _stopped(visitor, refusal)
    amount = money.minor(payable.total_amount, payable.currency)
    return await pay(request, visitor, payable.id, form.get("payment_token", ""), amount, payable.currency)


@get("/orders/{number:str}/return", guards=[public], include_in_schema=False)
async def come_back(
    request: Request[Any, Any, Any], number: FromPath[str], actor: CurrentActor, token: Token = "", sent: Token = ""
) -> Response[Any]:
    """The way back from the bank, or from the provider's page with a token: asks at once what became of the payment."""
    with closed_to_strangers():
        visitor = Visitor.of_request(request, actor, number)
        async with transaction(visitor.actor) as session:
            order_id = (await get_payable(session, visitor.actor, await get_id(session, visitor.number))).id
    if is_head(request.scope):
        return see_other(visitor.page)
    if token and _was_sent(request, visitor, sent):
        answer = await _charge(request, visitor, order_id, token, f"{_origin(request)}{visitor.page}/return")
        answer.set_cookie(cookies.cookie(_SENT, "", seconds=0, path=visitor.page))
        return answer
    with suppress(Conflict):  # nobody tried to pay yet: the buyer turned back at the provider's page
        await refresh_payment(visitor.actor, order_id)
    return see_other(visitor.page)


routes = [try_again, come_back]
