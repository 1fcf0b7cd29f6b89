"""The checkout: contact, delivery and payment on one page. Nothing is kept of it until the order is placed.

The order exists before any payment starts. A browser with scripts has the card's token ready and pays at once; one
without goes to the provider's own page and comes back with it.
"""

from contextlib import suppress
from typing import Any

from litestar import MediaType, Request, Response, get, post

from lex.carts import commands as carts
from lex.carts.priced import PricedCart
from lex.carts.queries import get_facts, lock_open_cart
from lex.core import countries
from lex.core.actor import Actor
from lex.core.errors import Conflict, FieldError, Gone, Invalid, NotFound, Refusal
from lex.db.session import Session, transact
from lex.flows.place_order import place_order
from lex.flows.price_cart import price_cart
from lex.flows.show_cart import show_cart
from lex.web.kit import rates
from lex.web.kit.basket import Basket, basket_of, keep
from lex.web.kit.edge import is_head
from lex.web.kit.forms import read_form
from lex.web.kit.guards import own_form, public
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.templates import page
from lex.web.storefront.cart import AT_CHECKOUT, country_options, is_htmx
from lex.web.storefront.cart_changes import to_cart
from lex.web.storefront.checkout_form import (
    FIELD_OF,
    checkout_of,
    countries_of,
    faults_of,
    has_files,
    is_billed,
    is_delivered_otherwise,
    is_sent,
    method_of,
    told_of_delivery,
    told_of_dropped,
)
from lex.web.storefront.frame import frame
from lex.web.storefront.paying import card_facts, pay, pay_headers
from lex.web.storefront.saved_addresses import Known, begun, keep_addresses, known_of, switched
from lex.web.storefront.visitor import Visitor, see_other, to_placed

Form = dict[str, str]
_HEADERS = {"Cache-Control": "private, no-store"}


@get("/checkout", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def checkout(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """The form, with the first way to ship chosen until the buyer chooses another."""
    basket = await basket_of(request, actor)
    if basket is None:
        return to_cart()
    owner = basket.opened_by(actor)
    try:
        priced = await show_cart(owner, basket.id, is_told=not is_head(request.scope))
        if priced.status != "open":
            return await to_placed(owner, basket.id) or to_cart()
        if not priced.lines or any(problem.code not in AT_CHECKOUT for problem in priced.problems):
            return to_cart()
        told = [change.message for change in priced.changes]
        known = await known_of(owner)
        form = begun(known, priced)
        is_undecided = priced.shipping_methods and priced.shipping_method is None
        if (is_undecided or any(countries_of(form, priced))) and not is_head(request.scope):
            priced, _ = await _deliver(owner, basket, form)
    except Invalid as refusal:
        return await _unshipped(request, owner, basket, {}, refusal)
    except (NotFound, Gone, Conflict):
        return to_cart()
    return await _page(request, owner, priced, form, told=told, known=known)


@post("/checkout/delivery", guards=[own_form], include_in_schema=False)
async def deliver(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Another country or way to ship: the same form priced anew, with all that was typed."""
    form = await read_form(request)
    basket = await basket_of(request, actor)
    if basket is None:
        return to_cart()
    try:
        owner = basket.opened_by(actor)
        form = await switched(owner, form)
        priced, _ = await _deliver(owner, basket, form)
    except Invalid as refusal:
        return await _unshipped(request, owner, basket, form, refusal)
    except Refusal:
        return to_cart()
    return await _page(request, owner, priced, form, dropped=told_of_dropped(form, priced))


@get("/checkout/delivery", guards=[public], include_in_schema=False)
async def delivery_form() -> Response[Any]:
    """The address of the form that a browser kept."""
    return see_other("/checkout")


async def _unshipped(
    request: Request[Any, Any, Any], owner: Actor, basket: Basket, form: Form, refusal: Invalid
) -> Response[Any]:
    """The same form, with what is wrong with its countries or way to ship."""
    return await _page(request, owner, await show_cart(owner, basket.id), form, faults=list(refusal.errors))


async def _deliver(actor: Actor, basket: Basket, form: Form) -> tuple[PricedCart, int]:
    """Set the form's countries and method; the first method that reaches the country when the wanted one does not.

    Answers with the version the cart had before, too.
    """

    async def work(session: Session) -> tuple[PricedCart, int]:
        head = await lock_open_cart(session, actor, basket.id)
        priced = price_cart(await get_facts(session, actor, basket.id))
        country, billing = countries_of(form, priced)
        if country or billing:
            await carts.choose(session, head, country=country, billing_country=billing, shipping_method=None)
            priced = price_cart(await get_facts(session, actor, basket.id))
        method = form.get("shipping_method", "")
        codes = [offer.code for offer in priced.shipping_methods]
        chosen = method if method in codes else next(iter(codes), None)
        if chosen and (priced.shipping_method is None or (method and chosen != priced.shipping_method.code)):
            fresh = await lock_open_cart(session, actor, basket.id)
            await carts.choose(session, fresh, country=None, shipping_method=chosen)
            priced = price_cart(await get_facts(session, actor, basket.id))
        return priced, head.version

    return await transact(actor, work)


@post("/checkout/check", guards=[own_form], include_in_schema=False)
async def check(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """The page with all that is wrong with the form, or 204: a script asks before it sends the card's token.

    It takes the parts that tell of it, and the card stays in its fields. `card` says that the provider refused that.
    What stands in the way of more than the form is told when it is sent.
    """
    form = await read_form(request)
    basket = await basket_of(request, actor)
    faults: list[FieldError] = []
    if basket is not None:
        owner = basket.opened_by(actor)
        with suppress(Refusal):
            priced = await show_cart(owner, basket.id, is_told=False)
            form = await switched(owner, form)
            if priced.status == "open" and not is_delivered_otherwise(form, priced):
                faults = faults_of(form, priced)
                if form.get("card"):
                    faults.append(FieldError("card-number", "Look at the card below.", "card"))
    return await _page(request, owner, priced, form, faults=faults) if faults else Response(None, status_code=204)


@post("/checkout", guards=[own_form], include_in_schema=False)
async def place(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Place the order and begin to pay it. Twice is once: a cart that was placed leads to its order."""
    form = await read_form(request)
    basket = await basket_of(request, actor)
    if basket is None:
        return to_cart()
    owner = basket.opened_by(actor)
    try:
        priced = await show_cart(owner, basket.id)
        if priced.status != "open":
            return await to_placed(owner, basket.id) or to_cart()
        told = [change.message for change in priced.changes]
        form = await switched(owner, form)
        if is_delivered_otherwise(form, priced):
            elsewhere = priced
            try:
                priced, before = await _deliver(owner, basket, form)
            except Invalid as refusal:
                return await _unshipped(request, owner, basket, form, refusal)
            # Any other form stays stale: goods or a way to ship that it never showed are shown before they are ordered.
            is_stale = form.get("version") != str(before)
            told += told_of_delivery(form, elsewhere, priced, is_stale=is_stale)
            if not is_stale and form.get("shipping_method", "") in ("", method_of(priced).code):
                form |= {"version": str(priced.version)}
            form |= {"country": priced.country or ""}
        return await _place(request, owner, basket, priced, form, told)
    except (NotFound, Gone, Conflict):
        return to_cart()


async def _place(
    request: Request[Any, Any, Any], owner: Actor, basket: Basket, priced: PricedCart, form: Form, told: list[str]
) -> Response[Any]:
    faults = faults_of(form, priced)
    if faults:
        return await _page(request, owner, priced, form, faults=faults, told=told)
    wanted = checkout_of(form, priced)
    try:
        await rates.of_order(request, basket.id, wanted.email).count()
        placed = await place_order(owner, basket.id, wanted)
    except Refusal as refusal:
        return await _refused(request, owner, basket, form, refusal, told)
    if form.get("keep_addresses"):
        await keep_addresses(owner, wanted)
    visitor = Visitor.of_order(owner, placed.order_number, placed.access_token)
    try:
        token = form.get("payment_token", "")
        answer = await pay(request, visitor, placed.id, token, placed.total_amount, placed.currency)
    except rates.TooMany:  # the order is there: its page asks for the payment again
        answer = see_other(visitor.page)
    if owner.user_id is None:  # else the account opens it, as long as somebody is signed in
        visitor.keep(answer)
    keep(answer, basket, 0)
    return answer


async def _refused(
    request: Request[Any, Any, Any], owner: Actor, basket: Basket, form: Form, refusal: Refusal, told: list[str]
) -> Response[Any]:
    """The same form again, with what stood in the way; a cart placed meanwhile leads to its order."""
    priced = await show_cart(owner, basket.id)
    if priced.status != "open":
        return await to_placed(owner, basket.id) or to_cart()
    changes = told + [change["message"] for change in refusal.extra.get("changes", ())]
    is_stale = refusal.code == "cart_changed"
    return await _page(
        request,
        owner,
        priced,
        form,
        faults=[_in_form(fault) for fault in refusal.errors],
        told=changes,
        refusal=None if is_stale or refusal.errors else refusal,
        is_stale=is_stale,
    )


def _in_form(fault: FieldError) -> FieldError:
    """What is wrong with an order, by the field of the form."""
    field = fault.field.replace("billing_address.", "billing_").removeprefix("shipping_address.")
    field = field.replace("recipient_name", FIELD_OF["recipient_name"])
    return FieldError(field, fault.message, fault.code)


async def _page(
    request: Request[Any, Any, Any],
    owner: Actor,
    priced: PricedCart,
    form: Form,
    *,
    known: Known | None = None,
    faults: list[FieldError] | None = None,
    told: list[str] | None = None,
    dropped: str = "",
    refusal: Refusal | None = None,
    is_stale: bool = False,
) -> Response[Any]:
    known = known or await known_of(owner)
    status = 422 if faults else 409 if is_stale else refusal.status if refusal else 200
    return page(
        "storefront/checkout.html",
        status=200 if is_htmx(request) else status,
        request=request,
        headers=_HEADERS | pay_headers() | dict(getattr(refusal, "headers", {})),
        frame=await frame(),
        cart=priced,
        known=known,
        form=form,
        faults=faults or [],
        fault_of={fault.field: fault.message for fault in faults or []},
        told=list(dict.fromkeys(told or [])),
        dropped=dropped,
        refusal=refusal,
        is_stale=is_stale,
        is_sent=is_sent(priced),
        address_parts=tuple(FIELD_OF.values()),
        is_billed=is_billed(priced),
        has_files=has_files(priced),
        is_unreached=any(problem.code == "no_shipping" for problem in priced.problems),
        countries=country_options(priced),
        all_countries=countries.options(),
        **card_facts(),
    )


routes = [checkout, deliver, delivery_form, check, place]
