"""Who acts: what every transaction tells the database and the audit, and every policy asks."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from lex.core import ids


class Role(StrEnum):
    """The specification's roles, and `system` for jobs, webhooks and the command line."""

    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    MODERATOR = "moderator"
    USER = "user"
    GUEST = "guest"
    SYSTEM = "system"


STAFF = frozenset({Role.SUPER_ADMIN, Role.ADMIN, Role.MODERATOR})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, under which role, in which request.

    `key` names the holder for idempotency: `user:<id>`, `key:<api key id>`, `guest:<hash>` or `system`.
    `tokens` are the hashes of the cart and order tokens the request presents. `scopes` are the permissions an API key
    is narrowed to; none means the whole of its role. `address` is where the request comes from, as an IP address.
    `is_vouched_for`: what is written is not the actor's word but Lex's, who asked a provider. `acted_by` is the
    member of the staff who acts as this customer: what they may do is the customer's, the audit names both.
    """

    role: Role
    key: str
    user_id: UUID | None = None
    request_id: str = field(default_factory=lambda: str(ids.new_id()))
    tokens: tuple[bytes, ...] = ()
    scopes: tuple[str, ...] = ()
    address: str = ""
    is_vouched_for: bool = False
    acted_by: UUID | None = None

    @property
    def person(self) -> UUID:
        """Who somebody with an account is: behind a guard that lets nobody else in."""
        assert self.user_id is not None
        return self.user_id

    @property
    def is_staff(self) -> bool:
        """Works in the back office."""
        return self.role in STAFF

    @property
    def sees_all(self) -> bool:
        """Staff and Lex itself read more than rows of their own; a key narrowed to other work does not.

        What they change in somebody else's order is a flow's that demands the permission for it; a cart is filled and
        an order is paid only by who holds it (`is_system` apart).
        """
        if self.is_system:
            return True
        return self.is_staff and (not self.scopes or any(scope.startswith("orders.") for scope in self.scopes))

    @property
    def is_system(self) -> bool:
        """Lex itself: jobs, webhooks, the command line."""
        return self.role is Role.SYSTEM

    def vouched_for(self) -> "Actor":
        """The same actor where Lex itself writes what came of their doing: the database takes its word alone."""
        return replace(self, is_vouched_for=True)


def system(request_id: str | None = None) -> Actor:
    """Lex itself: jobs, webhooks, the command line."""
    return Actor(Role.SYSTEM, "system", None, request_id or str(ids.new_id()))


def guest(key: str = "guest", request_id: str | None = None) -> Actor:
    """Somebody without an account."""
    return Actor(Role.GUEST, key, None, request_id or str(ids.new_id()))
