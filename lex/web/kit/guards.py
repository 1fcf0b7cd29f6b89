"""What a route needs of its caller. Every route declares one of these; a test walks them all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from lex.core.actor import Actor, Role
from lex.core.errors import Forbidden, Refusal, Unauthenticated
from lex.core.settings import settings
from lex.identity import sessions
from lex.identity.policy import OwnScope, Permission, demand_owner, not_the_owner, permits
from lex.web.kit.actors import are_sessions_gone, current_actor, current_session
from lex.web.kit.csrf import own_form

__all__ = [
    "as_buyer",
    "by_any_session",
    "by_session",
    "declared",
    "may_set_up",
    "own_form",
    "public",
    "requires",
    "signed_in",
]

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
        if actor.acted_by is not None:
            raise Forbidden("You act for a customer, who may not do this; be yourself again first.", code="acting")
        raise Forbidden(f"This needs the permission {self.permission}, which your role or key does not have.")


def requires(permission: Permission, *, open_in_development: bool = False) -> Callable[..., Awaitable[None]]:
    """`guards=[requires(Permission.ORDERS_READ)]`: only for roles and keys with that permission."""
    return Requires(permission, open_in_development)


def _has_account(actor: Actor) -> bool:
    """Whether somebody can sign in; a guest user has orders and addresses, and no account."""
    return actor.user_id is not None and actor.role is not Role.GUEST


def _unknown(connection: Connection, sentence: str) -> Refusal:
    """Nobody: or somebody whose session cannot be looked for."""
    return sessions.trouble() if are_sessions_gone(connection) else Unauthenticated(sentence)


async def signed_in(connection: Connection, _: BaseRouteHandler) -> None:
    """`guards=[signed_in]`: for everybody with an account, about their own. A browser is led to the sign-in page.

    A key that is narrowed needs `account.read` or, to change something, `account.write`. Raises `Unauthenticated`,
    `Forbidden` (`scope_missing`), and `Unavailable` while sessions cannot be looked for.
    """
    actor = await current_actor(connection)
    if not _has_account(actor):
        raise _unknown(connection, "Sign in first, or send Authorization: Bearer <key>.")
    _within(actor, _ACCOUNT[_is_safe(connection)])


async def as_buyer(connection: Connection, _: BaseRouteHandler) -> None:
    """`guards=[as_buyer]`: for everybody, about their own carts and orders, which tokens open too.

    A key that is narrowed needs `purchases.read` or, to change something, `purchases.write`; to read, a scope of the
    order desk does as well. Raises `Forbidden` (`scope_missing`).
    """
    actor = await current_actor(connection)
    is_safe = _is_safe(connection)
    if not (is_safe and actor.sees_all):
        _within(actor, _PURCHASES[is_safe])


#: What a narrowed key needs to change, and to read.
_ACCOUNT = (OwnScope.ACCOUNT_WRITE, OwnScope.ACCOUNT_READ)
_PURCHASES = (OwnScope.PURCHASES_WRITE, OwnScope.PURCHASES_READ)


def _is_safe(connection: Connection) -> bool:
    method: str = connection.scope["method"]  # type: ignore[typeddict-item]
    return method in ("GET", "HEAD", "OPTIONS")


def _within(actor: Actor, scope: OwnScope) -> None:
    if actor.scopes and scope.value not in actor.scopes:
        raise Forbidden(f"This needs the scope {scope}, which your key does not have.", code="scope_missing")


async def by_session(connection: Connection, handler: BaseRouteHandler) -> None:
    """`guards=[by_session]`: for somebody signed in with a password, in person: an API key changes no account.

    Staff who act as a customer change nothing of what keeps the account its owner's. Raises `Unauthenticated`,
    `Forbidden` (`acting`), and `Unavailable` while sessions cannot be looked for.
    """
    await by_any_session(connection, handler)
    demand_owner(await current_actor(connection))


async def by_any_session(connection: Connection, _: BaseRouteHandler) -> None:
    """`guards=[by_any_session]`: as `by_session`, for one of the staff who acts as a customer too.

    Raises `Unauthenticated`, and `Unavailable` while sessions cannot be looked for.
    """
    if not _has_account(await current_actor(connection)) or connection.scope["state"].get("session") is None:
        raise _unknown(connection, "Sign in first; this takes a session, not an API key.")


async def may_set_up(connection: Connection, _: BaseRouteHandler) -> None:
    """`guards=[may_set_up]`: as `by_session`, and for staff who come to set up the second factor that is asked of them.

    Raises `Unauthenticated`, `Forbidden` (`acting`), and `Unavailable` while sessions cannot be looked for.
    """
    session = None if connection.headers.get("authorization") else await current_session(connection)
    if session is None or session.role == Role.GUEST or session.step not in ("", sessions.SET_UP):
        raise _unknown(connection, "Sign in first; this takes a session, not an API key.")
    if session.acted_by is not None:  # an hour that is over makes nobody of them, not the owner
        raise not_the_owner()


async def public(_: Connection, __: BaseRouteHandler) -> None:
    """`guards=[public]`: for everybody. What belongs to somebody is found by the token or key of its owner only."""


def declared(guards: Any) -> Permission | str | None:
    """What a route's guards declare: a permission, "signed in", "public", or None when nothing was declared."""
    for guard in guards:
        guard = getattr(guard, "value", guard)
        guard = getattr(guard, "func", guard)
        if isinstance(guard, Requires):
            return guard.permission
        if guard in (signed_in, by_session, by_any_session, may_set_up):
            return "signed in"
        if guard in (public, own_form, as_buyer):
            return "public"
    return None


def scope_needed(guards: Any, method: str) -> str | None:
    """The scope a narrowed key needs for a route, by its guards; None when it needs none, or takes no key at all."""
    is_safe = method == "GET"
    plain = [getattr(guard, "func", guard) for guard in (getattr(guard, "value", guard) for guard in guards)]
    if not {by_session, by_any_session, may_set_up}.isdisjoint(plain):
        return None
    for guard in plain:
        if isinstance(guard, Requires):
            return guard.permission.value
        if guard in (signed_in, as_buyer):
            return (_ACCOUNT if guard is signed_in else _PURCHASES)[is_safe].value
    return None
