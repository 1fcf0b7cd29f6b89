"""The cart a browser holds: its id and token in a signed cookie, and beside it the number pages show in their head."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from litestar import Request, Response

from lex.carts.commands import Opened
from lex.carts.merging import find_own_cart
from lex.carts.priced import PricedCart
from lex.core.actor import Actor, Role
from lex.core.settings import settings
from lex.db.session import transact
from lex.identity.commands import hash_token
from lex.web.kit import cookies
from lex.web.kit.templates import CART_COUNT

_NAME = "cart"
#: In place of the token of a customer's cart.
_CUSTOMERS = "-"
_DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Basket:
    """What the cookie says."""

    id: UUID
    #: Opens a guest's cart; that of a customer is opened by who they are.
    token: str = ""

    def opened_by(self, actor: Actor) -> Actor:
        """The actor, with the key to this cart."""
        if not self.token:
            return actor
        return replace(actor, tokens=(hash_token(self.token), *actor.tokens))


def find_basket(request: Request[Any, Any, Any]) -> Basket | None:
    """The browser's cart; a cookie that was changed or made up is none."""
    text = cookies.signed_text(_NAME, cookies.given(request.scope, _NAME))
    if text is None:
        return None
    cart_id, _, token = text.partition(".")
    return Basket(UUID(cart_id), "" if token == _CUSTOMERS else token)


async def basket_of(request: Request[Any, Any, Any], actor: Actor) -> Basket | None:
    """The browser's cart, or the open one of a customer whose browser knows of none: it was filled elsewhere, or the
    cookie is lost."""
    return find_basket(request) or await _own_basket(actor)


async def _own_basket(actor: Actor) -> Basket | None:
    if actor.role is not Role.USER or actor.user_id is None:
        return None
    user_id = actor.user_id
    own = await transact(actor, lambda session: find_own_cart(session, user_id))
    return Basket(own.id) if own else None


def new_basket(opened: Opened) -> Basket:
    """The basket of a cart just opened."""
    return Basket(opened.id, opened.token or "")


def units_in(priced: PricedCart) -> int:
    """Units over all lines of a cart that can still be bought; a placed one holds nothing any more."""
    return sum(line.quantity for line in priced.lines) if priced.status == "open" else 0


def keep(answer: Response[Any], basket: Basket, units: int) -> None:
    """Have the browser keep the basket as long as the cart itself lives."""
    seconds = settings().cart_days * _DAY
    value = cookies.sign(_NAME, f"{basket.id.hex}.{basket.token or _CUSTOMERS}")
    answer.set_cookie(cookies.cookie(_NAME, value, seconds=seconds))
    answer.set_cookie(cookies.cookie(CART_COUNT, str(min(units, 9999)), seconds=seconds))


def forget(answer: Response[Any]) -> None:
    """Have the browser forget its cart."""
    answer.set_cookie(cookies.cookie(_NAME, "", seconds=0))
    answer.set_cookie(cookies.cookie(CART_COUNT, "", seconds=0))
