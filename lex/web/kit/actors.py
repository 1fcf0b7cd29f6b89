"""Who sends a request: a holder of an API key, or a guest with the token of a cart or an order.

Handlers take `actor: Actor`; it is found once per request.
"""

from typing import Any

from litestar.connection import ASGIConnection

from lex.core.actor import Actor, Role
from lex.core.errors import Unauthenticated
from lex.identity.ciphers import blind_index
from lex.identity.commands import hash_token
from lex.identity.queries import find_api_key
from lex.web.kit.addresses import client_address
from lex.web.kit.edge import request_id_of

CART_TOKEN = "X-Cart-Token"
ORDER_TOKEN = "X-Order-Token"

#: Longer than any token Lex makes.
_LONGEST = 200


async def current_actor(request: ASGIConnection[Any, Any, Any, Any]) -> Actor:
    """The dependency `actor`. Raises `Unauthenticated` when a key is presented that is not valid."""
    state: dict[str, Any] = request.scope["state"]
    actor: Actor | None = state.get("actor")
    if actor is None:
        authorization = request.headers.get("authorization", "")
        actor = state["actor"] = await _holder(request, authorization) if authorization else _guest(request)
    return actor


async def _holder(connection: ASGIConnection[Any, Any, Any, Any], authorization: str) -> Actor:
    scheme, _, token = authorization.partition(" ")
    holder = await find_api_key(token.strip()) if scheme.lower() == "bearer" else None
    if holder is None:
        raise Unauthenticated("The API key is wrong, revoked or expired; send Authorization: Bearer <key>.")
    return Actor(
        Role(holder.role),
        f"key:{holder.key_id}",
        holder.user_id,
        request_id_of(connection.scope),
        _tokens(connection),
        tuple(holder.scopes),
        client_address(connection),
    )


def _guest(connection: ASGIConnection[Any, Any, Any, Any]) -> Actor:
    tokens = _tokens(connection)
    # Without a token the address stands for the guest, keyed so that no address can be found from it.
    address = client_address(connection)
    name = tokens[0] if tokens else blind_index("address", address)
    return Actor(Role.GUEST, f"guest:{name.hex()}", None, request_id_of(connection.scope), tokens, address=address)


def _tokens(connection: ASGIConnection[Any, Any, Any, Any]) -> tuple[bytes, ...]:
    """The hashes of the tokens presented, the cart's first."""
    presented = (connection.headers.get(name, "") for name in (CART_TOKEN, ORDER_TOKEN))
    return tuple(hash_token(token) for token in presented if 0 < len(token) <= _LONGEST)
