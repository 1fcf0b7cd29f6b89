"""Change the cart by forms: every post leads back to the cart's page, or answers its inner part to a script."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post

from lex.carts import commands as carts
from lex.carts.commands import Opened, Wanted
from lex.carts.couponing import enter_code, remove_code, require_entered
from lex.carts.queries import CartHead, get_any_facts, get_facts, lock_cart, lock_open_cart, require_open
from lex.core.actor import Actor
from lex.core.errors import Conflict, Gone, Invalid, NotFound, Refusal
from lex.core.settings import settings
from lex.db.session import Session, transact
from lex.flows.price_cart import price_cart
from lex.flows.show_cart import renew_cart, show_cart
from lex.web.kit import rates
from lex.web.kit.basket import Basket, find_basket, keep, new_basket, units_in
from lex.web.kit.forms import read_form, whole_number
from lex.web.kit.guards import own_form, public
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.templates import cart_count, page
from lex.web.storefront.cart import cart_answer, is_htmx

Form = dict[str, str]
Change = Callable[[Session, Actor, CartHead], Awaitable[None]]
MOST = 9999


def to_cart(suffix: str = "") -> Response[Any]:
    """Back to the cart's page."""
    return Response(None, status_code=303, headers={"Location": f"/cart{suffix}"})


@post("/cart/items", guards=[own_form], include_in_schema=False)
async def add_item(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Put an item into the cart, which is opened by the first. An expired cart is renewed with what was in it."""
    form = await read_form(request)
    held = find_basket(request)
    try:
        wanted = _wanted(form)
        basket, renewed = await _add(request, actor, held, wanted)
    except Refusal as refusal:
        if refusal.status >= 500:
            raise
        if not is_htmx(request):
            return await cart_answer(request, actor, held, refusal=refusal)
        return page("storefront/_added.html", refusal=refusal, name="")
    if not is_htmx(request):
        answer = to_cart("?renewed" if renewed else "")
        keep(answer, basket, cart_count(request) + wanted.quantity)
        return answer
    priced = await show_cart(basket.opened_by(actor), basket.id)
    name = next((line.name for line in priced.lines if line.sku == wanted.sku), "")
    answer = page("storefront/_added.html", refusal=None, name=name, cart_count=units_in(priced))
    keep(answer, basket, units_in(priced))
    return answer


def _wanted(form: Form) -> Wanted:
    sku = form.get("sku", "")
    if not 0 < len(sku) <= 100:
        raise Invalid("sku", "Say which item: choose it on its page and put it into the cart from there.")
    return Wanted(whole_number(form, "quantity", least=1, most=MOST, missing="1"), sku=sku, field="")


async def _add(
    request: Request[Any, Any, Any], actor: Actor, held: Basket | None, wanted: Wanted
) -> tuple[Basket, bool]:
    """Into the browser's cart, or a new one when it has none that is open; True when an expired one was renewed."""
    owner, is_over = held.opened_by(actor) if held else actor, False
    if held is not None:
        try:
            await transact(owner, lambda session: _add_to(session, owner, held, wanted), is_light=True)
        except Gone:
            is_over = True
        except (NotFound, Conflict) as refusal:
            if refusal.code == "cart_full":
                raise
        else:
            return held, False
    await rates.count_cart(request)
    was = held if is_over else None
    opened = await transact(owner, lambda session: _open(session, owner, was, wanted), is_light=True)
    return new_basket(opened), is_over


async def _add_to(session: Session, owner: Actor, held: Basket, wanted: Wanted) -> None:
    head = await lock_cart(session, owner, held.id)
    require_open(head)
    await carts.add_lines(session, head, head.user_id, [wanted])


async def _open(session: Session, owner: Actor, was: Basket | None, wanted: Wanted) -> Opened:
    """A new cart, with what was in an expired one."""
    if was is None:
        return await carts.open_cart(session, owner, settings().country, [wanted])
    opened = await renew_cart(session, owner, await get_facts(session, owner, was.id))
    await carts.add_lines(session, opened, None, [wanted])
    return opened


@post("/cart/renew", guards=[own_form], include_in_schema=False)
async def renew(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """What was in an expired cart, or in one of another currency, goes into a new one."""
    held = find_basket(request)
    if held is None:
        return to_cart()
    await rates.count_cart(request)
    owner = held.opened_by(actor)

    async def work(session: Session) -> Opened | None:
        facts = await get_any_facts(session, owner, held.id)
        try:
            require_open(facts)
        except (Gone, Conflict) as refusal:
            is_over = isinstance(refusal, Gone) or refusal.code == "cart_currency"
            return await renew_cart(session, actor, facts) if is_over else None
        return None

    opened = await transact(owner, work)
    answer = to_cart()
    if opened:
        keep(answer, new_basket(opened), 0)
    return answer


async def _changed(
    request: Request[Any, Any, Any],
    actor: Actor,
    change: Change,
    *,
    item_id: UUID | None = None,
    typed: str = "",
    is_coupon: bool = False,
) -> Response[Any]:
    """Make a change in one transaction; what is refused stands on the cart's page beside what was meant."""
    basket = find_basket(request)
    if basket is None:
        return to_cart()
    owner = basket.opened_by(actor)

    async def work(session: Session) -> None:
        await change(session, owner, await lock_open_cart(session, owner, basket.id))

    try:
        await transact(owner, work, is_light=True)
    except (Gone, NotFound):
        return await cart_answer(request, actor, basket) if is_htmx(request) else to_cart()
    except Refusal as refusal:
        return await cart_answer(
            request, actor, basket, refusal=refusal, item_id=item_id, typed=typed, is_coupon=is_coupon
        )
    return await cart_answer(request, actor, basket) if is_htmx(request) else to_cart()


@post("/cart/items/{item_id:uuid}", guards=[own_form], include_in_schema=False)
async def change_item(request: Request[Any, Any, Any], item_id: FromPath[UUID], actor: CurrentActor) -> Response[Any]:
    """A new quantity for a line; nothing of it, or `remove`, takes it out."""
    form = await read_form(request)

    async def change(session: Session, _: Actor, head: CartHead) -> None:
        quantity = 0 if "remove" in form else whole_number(form, "quantity", least=0, most=MOST)
        if quantity:
            await carts.set_quantity(session, head, item_id, quantity)
        else:
            await carts.remove_line(session, head, item_id)

    return await _changed(request, actor, change, item_id=item_id, typed=form.get("quantity", ""))


@post("/cart/country", guards=[own_form], include_in_schema=False)
async def choose_country(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Where the goods go; shipping and taxes follow."""
    form = await read_form(request)

    async def change(session: Session, _: Actor, head: CartHead) -> None:
        await carts.choose(session, head, country=form.get("country") or "?", shipping_method=None)

    return await _changed(request, actor, change)


@post("/cart/shipping", guards=[own_form], include_in_schema=False)
async def choose_shipping(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """How the goods go: one of the methods that reach the country; none chosen is no change."""
    form = await read_form(request)

    async def change(session: Session, _: Actor, head: CartHead) -> None:
        if method := form.get("shipping_method"):
            await carts.choose(session, head, country=None, shipping_method=method)

    return await _changed(request, actor, change)


@post("/cart/coupons", guards=[own_form], include_in_schema=False)
async def enter_coupon(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Enter a coupon; one that takes nothing off is refused with the reason."""
    typed = (await read_form(request)).get("code", "")
    if basket := find_basket(request):
        try:
            await rates.count_coupon(request, basket.id)
        except rates.TooMany as refusal:
            return await cart_answer(request, actor, basket, refusal=refusal, typed=typed[:100], is_coupon=True)

    async def change(session: Session, owner: Actor, head: CartHead) -> None:
        code = await enter_code(session, head, typed)
        require_entered(price_cart(await get_facts(session, owner, head.id)), code)

    return await _changed(request, actor, change, typed=typed[:100], is_coupon=True)


@post("/cart/coupons/remove", guards=[own_form], include_in_schema=False)
async def remove_coupon(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[Any]:
    """Take a coupon out; one that is out already is no matter."""
    form = await read_form(request)

    async def change(session: Session, _: Actor, head: CartHead) -> None:
        await remove_code(session, head, form.get("code", ""))

    return await _changed(request, actor, change)


_FORMS = ("items", "items/{item_id:uuid}", "renew", "country", "shipping", "coupons", "coupons/remove")


@get([f"/cart/{form}" for form in _FORMS], guards=[public], include_in_schema=False)
async def cart_form() -> Response[Any]:
    """The address of a form that a browser kept: to the page the form stands on."""
    return to_cart()


routes = [cart_form, add_item, renew, change_item, choose_country, choose_shipping, enter_coupon, remove_coupon]
