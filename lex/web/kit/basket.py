"""The cart a browser holds: its id and token in a signed cookie, with the number of units for the page's head.

Pages that only show how many units are in the cart read the cookie and ask nobody.
"""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from litestar import Request, Response

from lex.carts.commands import Opened
from lex.carts.priced import PricedCart
from lex.core.actor import Actor
from lex.core.settings import settings
from lex.identity.commands import hash_token
from lex.web.kit import cookies
from lex.web.kit.csrf import current_scope

_NAME = "cart"
_DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Basket:
    """What the cookie says. `units` is what the browser was last shown, and decides nothing."""

    id: UUID
    token: str
    units: int = 0

    def opened_by(self, actor: Actor) -> Actor:
        """The actor, with the key to this cart."""
        return replace(actor, tokens=(hash_token(self.token), *actor.tokens))


def find_basket(request: Request[Any, Any, Any]) -> Basket | None:
    """The browser's cart; a cookie that was changed or made up is none."""
    return _read(request.scope)


def _read(scope: Any) -> Basket | None:
    text = cookies.signed_text(_NAME, cookies.given(scope, _NAME))
    if text is None:
        return None
    cart_id, token, units = text.split(".")
    return Basket(UUID(cart_id), token, int(units))


def cart_units() -> int:
    """For templates: how many units are in the cart of whoever looks at the page."""
    scope = current_scope.get()
    basket = _read(scope) if scope else None
    return basket.units if basket else 0


def new_basket(opened: Opened) -> Basket:
    """The basket of a guest's cart just opened."""
    assert opened.token is not None
    return Basket(opened.id, opened.token)


def units_in(priced: PricedCart) -> int:
    """Units over all lines of a cart that can still be bought; a placed one holds nothing any more."""
    return sum(line.quantity for line in priced.lines) if priced.status == "open" else 0


def keep(answer: Response[Any], basket: Basket, units: int) -> None:
    """Have the browser keep the basket as long as the cart itself lives."""
    value = cookies.sign(_NAME, f"{basket.id.hex}.{basket.token}.{units}")
    answer.set_cookie(cookies.cookie(_NAME, value, seconds=settings().cart_days * _DAY))


def forget(answer: Response[Any]) -> None:
    """Have the browser forget its cart."""
    answer.set_cookie(cookies.cookie(_NAME, "", seconds=0))
