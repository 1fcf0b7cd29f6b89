"""Who sends a request: a holder of an API key, somebody signed in, or a guest with the token of a cart or an order.

Handlers take `actor: Actor`; it is found once per request. The session of a browser stands in its cookie; a request
without that cookie, or with an API key, asks Redis for nothing. While Redis is gone everybody is a guest.
"""

from typing import Any

from litestar.connection import ASGIConnection

from lex.adapters.cache import UNAVAILABLE, Trouble
from lex.core.actor import Actor, Role
from lex.core.errors import Unauthenticated
from lex.flows.accounts.api_keys import note_ended_use
from lex.identity import sessions
from lex.identity.api_keys import find_holder, note_use
from lex.identity.ciphers import blind_index
from lex.identity.commands import hash_token
from lex.identity.sessions import Session
from lex.web.kit import cookies
from lex.web.kit.addresses import client_address
from lex.web.kit.api_rates import count_key, count_stranger
from lex.web.kit.csrf import own_call
from lex.web.kit.edge import request_id_of
from lex.web.kit.refusals import Malformed

CART_TOKEN = "X-Cart-Token"
ORDER_TOKEN = "X-Order-Token"

#: The cookie that holds a session's id.
SESSION = "session"

#: Where keys act. Pages know browsers: there the header is that of a proxy that asks for a password of its own.
_FOR_PROGRAMS = ("/api/", "/metrics")
#: Longer than any token Lex makes.
_LONGEST = 200


async def current_actor(request: ASGIConnection[Any, Any, Any, Any]) -> Actor:
    """The dependency `actor`. Raises `Unauthenticated` when a key is presented that is not valid,
    `RateLimited` for too many calls by it, `Malformed` for two."""
    state: dict[str, Any] = request.scope["state"]
    actor: Actor | None = state.get("actor")
    if actor is None:
        takes_keys = request.scope["path"].startswith(_FOR_PROGRAMS)
        authorizations = [value for name, value in request.scope["headers"] if takes_keys and name == b"authorization"]
        if authorizations:
            actor = await _holder(request, authorizations)
        else:
            session = await current_session(request)
            actor = _signed_in(request, session) if session and session.is_complete else _guest(request)
        state["actor"] = actor
    return actor


def session_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The session's id in the browser's cookie, or nothing."""
    return cookies.given(connection.scope, SESSION)


async def current_session(connection: ASGIConnection[Any, Any, Any, Any]) -> Session | None:
    """The browser's session, complete or waiting for a step; None for a guest, and while Redis is gone.

    Raises `Forbidden` (`foreign_call`) when the API is called to change something by a page that is not ours.
    """
    state: dict[str, Any] = connection.scope["state"]
    if "session" not in state:
        token = session_token(connection)
        found = await sessions.find(token) if token else None
        state["sessions_gone"] = found is UNAVAILABLE
        state["session"] = None if isinstance(found, Trouble) else found
        if state["session"] is not None:
            own_call(connection)
    session: Session | None = state["session"]
    return session


async def held_session(connection: ASGIConnection[Any, Any, Any, Any]) -> Session:
    """The session of a request that the guard `by_session` let pass."""
    held = await current_session(connection)
    assert held is not None
    return held


def are_sessions_gone(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether a session could not be looked for: Redis is gone."""
    return bool(connection.scope["state"].get("sessions_gone"))


def _signed_in(connection: ASGIConnection[Any, Any, Any, Any], session: Session) -> Actor:
    return Actor(
        Role(session.role),
        f"user:{session.user_id}",
        session.user_id,
        request_id_of(connection.scope),
        _tokens(connection),
        address=client_address(connection),
        acted_by=session.acted_by,
    )


async def _holder(connection: ASGIConnection[Any, Any, Any, Any], authorizations: list[bytes]) -> Actor:
    if len(authorizations) > 1:
        raise Malformed("There are several Authorization headers; send one.")
    # A megabyte is not copied to find out that it is no key.
    scheme, _, token = authorizations[0][:_LONGEST].decode("latin-1").partition(" ")
    holder = await find_holder(token.strip()) if scheme.lower() == "bearer" else None
    if holder is None or holder.ended:
        if holder is not None:
            await note_ended_use(_guest(connection), holder)
        await count_stranger(connection)
        raise Unauthenticated("The API key is wrong, revoked or expired; send Authorization: Bearer <key>.")
    await count_key(connection, holder.key_id)
    note_use(holder.key_id)
    return Actor(
        Role(holder.role),
        f"key:{holder.key_id}",
        holder.user_id,
        request_id_of(connection.scope),
        _tokens(connection),
        holder.scopes,
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
