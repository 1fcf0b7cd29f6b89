"""Whoever opened an order's link: the token stands in the address once, then in a cookie of that order alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from litestar import Request, Response

from lex.carts.queries import get_facts
from lex.core.actor import Actor
from lex.core.errors import Gone, Invalid, NotFound
from lex.db.session import Session, transact, transaction
from lex.identity.commands import hash_token
from lex.orders.finding import checked_number, find_number, get_id
from lex.orders.links import LINK_TIME, add_link
from lex.web.kit import cookies
from lex.web.kit.basket import find_basket

_NAME = "order"


@dataclass(frozen=True, slots=True)
class Visitor:
    """The number of an order, the token that opens it, and the actor with its key."""

    number: str
    token: str
    actor: Actor

    @classmethod
    def of_order(cls, actor: Actor, number: str, token: str) -> "Visitor":
        """Somebody with a token. Raises `Invalid` for what cannot be a number: it becomes a cookie's path."""
        return cls(checked_number(number), token, replace(actor, tokens=(*actor.tokens, hash_token(token))))

    @classmethod
    def of_request(cls, request: Request[Any, Any, Any], actor: Actor, number: str) -> "Visitor":
        """Somebody whose browser kept the token, or did not."""
        token = cookies.given(request.scope, _NAME, path=_path(checked_number(number)))
        return cls.of_order(actor, number, token)

    @property
    def page(self) -> str:
        """The address of the order's page."""
        return _path(self.number)

    def keep(self, answer: Response[Any]) -> None:
        """Have the browser keep the token, for this order's addresses only."""
        seconds = int(LINK_TIME.total_seconds())
        answer.set_cookie(cookies.cookie(_NAME, self.token, seconds=seconds, path=self.page))


def _path(number: str) -> str:
    return f"/orders/{number}"


def see_other(address: str) -> Response[Any]:
    """Go on at another address, by GET."""
    return Response(None, status_code=303, headers={"Location": address})


@contextmanager
def closed_to_strangers() -> Iterator[None]:
    """One answer for a wrong number and a wrong token: nobody learns which orders exist. Raises `NotFound`."""
    try:
        yield
    except (NotFound, Gone, Invalid) as refusal:
        sentence = "This link opens no order. It may have expired; use the newest mail about your order, or look it up."
        raise NotFound(sentence, code="order_not_found") from refusal


async def to_placed(owner: Actor, cart_id: UUID) -> Response[Any] | None:
    """To the page of the order a cart became."""
    async with transaction(owner) as session:
        cart = await get_facts(session, owner, cart_id)
    number = await find_number(cart.order_id) if cart.order_id else None
    return see_other(_path(number)) if number else None


async def open_placed(request: Request[Any, Any, Any], actor: Actor, number: str) -> Response[Any] | None:
    """Whoever holds the key of the cart an order was made of placed it: a link of their own, if they lost it.

    An answer that never arrived, by a second click or a closed lid, so costs nobody their order.
    """
    basket = find_basket(request)
    if basket is None:
        return None
    owner = basket.opened_by(actor)

    async def work(session: Session) -> str | None:
        cart = await get_facts(session, owner, basket.id)
        if cart.order_id is None or cart.user_id is None or cart.order_id != await get_id(session, number):
            return None
        return await add_link(session, cart.order_id, cart.user_id)

    token = await transact(owner, work)
    if token is None:
        return None
    visitor = Visitor.of_order(owner, number, token)
    answer = see_other(visitor.page)
    visitor.keep(answer)
    return answer
