"""Whoever opened an order's link: the token stands in the address once, then in a cookie of that order alone."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from litestar import Request, Response

from lex.carts.queries import get_facts
from lex.core.actor import Actor
from lex.db.session import Session, transact
from lex.identity.commands import hash_token
from lex.orders.finding import checked_number, find_number
from lex.orders.links import LINK_TIME, add_link
from lex.web.kit import cookies

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


async def open_placed(owner: Actor, cart_id: UUID) -> Response[Any] | None:
    """To the order a cart became. Whoever holds the cart's key placed it, so they get a link of their own.

    An answer that was lost, by a second click or a closed lid, so costs nobody their order.
    """

    async def work(session: Session) -> tuple[UUID, str] | None:
        cart = await get_facts(session, owner, cart_id)
        if cart.order_id is None or cart.user_id is None:
            return None
        return cart.order_id, await add_link(session, cart.order_id, cart.user_id)

    found = await transact(owner, work)
    if found is None:
        return None
    number = await find_number(found[0])
    assert number is not None
    visitor = Visitor.of_order(owner, number, found[1])
    answer = see_other(visitor.page)
    visitor.keep(answer)
    return answer
