"""What a route needs of its caller. Every route declares one of these; a test walks them all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from lex.core.actor import Role
from lex.core.errors import Forbidden, Refusal, Unauthenticated
from lex.core.settings import settings
from lex.identity import sessions
from lex.identity.policy import Permission, permits
from lex.web.kit.actors import are_sessions_gone, current_actor, current_session
from lex.web.kit.csrf import own_form

__all__ = ["by_session", "declared", "may_set_up", "own_form", "public", "requires", "signed_in"]

Connection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Requires:
    """A guard that asks for a permission. A guest is told to sign in (401), somebody known is refused (403)."""

    permission: Permission
    open_in_development: bool = False

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Raises `Unauthenticated` or `Forbidden`."""
        if self.open_in_development and settings().environment == "development":
            return
        actor = await current_actor(connection)
        if permits(actor.role, self.permission, actor.scopes):
            return
        if actor.role is Role.GUEST:
            raise _unknown(connection, "This needs an API key; send Authorization: Bearer <key>.")
        raise Forbidden(f"This needs the permission {self.permission}, which your key does not have.")


def requires(permission: Permission, *, open_in_development: bool = False) -> Callable[..., Awaitable[None]]:
    """`guards=[requires(Permission.ORDERS_READ)]`: only for roles and keys with that permission."""
    return Requires(permission, open_in_development)


def _unknown(connection: Connection, sentence: str) -> Refusal:
    """Nobody: or somebody whose session cannot be looked for."""
    return sessions.trouble() if are_sessions_gone(connection) else Unauthenticated(sentence)


async def signed_in(connection: Connection, _: BaseRouteHandler) -> None:
    """`guards=[signed_in]`: for everybody with an account, about their own. A browser is led to the sign-in page.

    Raises `Unauthenticated`, and `Unavailable` while sessions cannot be looked for.
    """
    if (await current_actor(connection)).user_id is None:
        raise _unknown(connection, "Sign in first, or send Authorization: Bearer <key>.")


async def by_session(connection: Connection, _: BaseRouteHandler) -> None:
    """`guards=[by_session]`: for somebody signed in with a password, in person: an API key changes no account.

    Raises `Unauthenticated`, and `Unavailable` while sessions cannot be looked for.
    """
    actor, session = await current_actor(connection), connection.scope["state"].get("session")
    if actor.user_id is None or session is None:
        raise _unknown(connection, "Sign in first; this takes a session, not an API key.")


async def may_set_up(connection: Connection, _: BaseRouteHandler) -> None:
    """`guards=[may_set_up]`: as `by_session`, and for staff who come to set up the second factor that is asked of them.

    Raises `Unauthenticated`, and `Unavailable` while sessions cannot be looked for.
    """
    session = None if connection.headers.get("authorization") else await current_session(connection)
    if session is None or session.step not in ("", sessions.SET_UP):
        raise _unknown(connection, "Sign in first; this takes a session, not an API key.")


async def public(_: Connection, __: BaseRouteHandler) -> None:
    """`guards=[public]`: for everybody. What belongs to somebody is found by the token or key of its owner only."""


def declared(guards: Any) -> Permission | str | None:
    """What a route's guards declare: a permission, "signed in", "public", or None when nothing was declared."""
    for guard in guards:
        guard = getattr(guard, "value", guard)
        guard = getattr(guard, "func", guard)
        if isinstance(guard, Requires):
            return guard.permission
        if guard in (signed_in, by_session, may_set_up):
            return "signed in"
        if guard in (public, own_form):
            return "public"
    return None
