"""Who may do what: permissions, and the roles that have them.

A route declares the permission it needs (`web/kit/guards`); a flow asks again at its head (`demand`); row-level
security is the third net.
"""

from collections.abc import Collection
from enum import StrEnum
from uuid import UUID

from lex.core.actor import STAFF, Actor, Role
from lex.core.errors import Forbidden


class Permission(StrEnum):
    """What a role or an API key may be allowed to do. The value is also the name of an API key's scope."""

    CATALOG_READ = "catalog.read"
    CATALOG_WRITE = "catalog.write"
    STOCK_READ = "stock.read"
    STOCK_WRITE = "stock.write"
    ORDERS_READ = "orders.read"
    ORDERS_FULFIL = "orders.fulfil"
    ORDERS_CANCEL = "orders.cancel"
    ORDERS_NOTE = "orders.note"
    CUSTOMERS_READ = "customers.read"
    CUSTOMERS_WRITE = "customers.write"
    CUSTOMERS_ACT_AS = "customers.act_as"
    PAYMENTS_READ = "payments.read"
    PAYMENTS_REFUND = "payments.refund"
    COUPONS_WRITE = "coupons.write"
    REVIEWS_MODERATE = "reviews.moderate"
    AUDIT_READ = "audit.read"
    SETTINGS_WRITE = "settings.write"
    STAFF_READ = "staff.read"
    STAFF_WRITE = "staff.write"
    SYSTEM_READ = "system.read"
    SYSTEM_WRITE = "system.write"


#: What each lets somebody do, in the words of its documents.
ABOUT: dict[Permission, str] = {
    Permission.CATALOG_READ: "see what the shop offers",
    Permission.CATALOG_WRITE: "change products, services, plans and categories",
    Permission.STOCK_READ: "see stock and its movements",
    Permission.STOCK_WRITE: "count, receive and correct stock",
    Permission.ORDERS_READ: "find and read everybody's orders",
    Permission.ORDERS_FULFIL: "hand over and complete orders",
    Permission.ORDERS_CANCEL: "cancel orders",
    Permission.ORDERS_NOTE: "write notes beside orders",
    Permission.CUSTOMERS_READ: "find customers and read their accounts",
    Permission.CUSTOMERS_WRITE: "close and open customers' accounts, sign them out",
    Permission.CUSTOMERS_ACT_AS: "act as a customer, for an hour and with a reason",
    Permission.PAYMENTS_READ: "read payments",
    Permission.PAYMENTS_REFUND: "refund payments",
    Permission.COUPONS_WRITE: "make, change and end coupons",
    Permission.REVIEWS_MODERATE: "decide about reviews",
    Permission.AUDIT_READ: "search the audit trail",
    Permission.SETTINGS_WRITE: "change settings of the shop",
    Permission.STAFF_READ: "see who the staff are",
    Permission.STAFF_WRITE: "appoint, change and close staff of a lower role than one's own; super_admins: of any",
    Permission.SYSTEM_READ: "read metrics",
    Permission.SYSTEM_WRITE: "operate the system",
}


class OwnScope(StrEnum):
    """What an API key may be narrowed to of its owner's own: no permission, for everybody has it of their own."""

    ACCOUNT_READ = "account.read"
    ACCOUNT_WRITE = "account.write"
    PURCHASES_READ = "purchases.read"
    PURCHASES_WRITE = "purchases.write"


#: Permissions that no route asks a key for: narrowed to one of them it would open nothing, so it is not offered. They
#: are asked for in the browser and at the command line, or wait for the route that will.
NOT_FOR_KEYS = frozenset(
    {
        Permission.CATALOG_READ,
        Permission.CATALOG_WRITE,
        Permission.STOCK_READ,
        Permission.STOCK_WRITE,
        Permission.CUSTOMERS_ACT_AS,
        Permission.PAYMENTS_READ,
        Permission.PAYMENTS_REFUND,
        Permission.REVIEWS_MODERATE,
        Permission.SETTINGS_WRITE,
        Permission.SYSTEM_WRITE,
    }
)

#: What everybody may do, with an account or without: nothing that belongs to somebody else.
_PUBLIC = frozenset({Permission.CATALOG_READ})
_MODERATOR = _PUBLIC | {
    Permission.STOCK_READ,
    Permission.ORDERS_READ,
    Permission.ORDERS_FULFIL,
    Permission.ORDERS_NOTE,
    Permission.CUSTOMERS_READ,
    Permission.REVIEWS_MODERATE,
}
_ADMIN = frozenset(Permission) - {Permission.SYSTEM_WRITE}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.SUPER_ADMIN: frozenset(Permission),
    Role.ADMIN: _ADMIN,
    Role.MODERATOR: _MODERATOR,
    Role.USER: _PUBLIC,
    Role.GUEST: _PUBLIC,
    Role.SYSTEM: frozenset(Permission),
}


def permits(role: Role, permission: Permission, scopes: Collection[str] = ()) -> bool:
    """Whether a role has a permission. An API key's scopes narrow its role and never widen it; none means all."""
    return permission in PERMISSIONS[role] and (not scopes or permission.value in scopes)


def scopes_of(role: Role) -> tuple[str, ...]:
    """What a key of somebody with this role can be narrowed to: what is their own, and what their role may by key."""
    own = tuple(scope.value for scope in OwnScope)
    may = PERMISSIONS[role] - NOT_FOR_KEYS if role in STAFF else frozenset()
    return own + tuple(one.value for one in Permission if one in may)


def demand_owner(actor: Actor) -> None:
    """Before what only the owner of an account does. Raises `Forbidden` (`acting`) for staff who act as a customer."""
    if actor.acted_by is not None:
        raise not_the_owner()


def not_the_owner() -> Forbidden:
    """What staff are told who act as a customer."""
    return Forbidden("Not while you act for somebody else: only they do this.", code="acting")


#: How high the roles stand, as the database has it too (`staff_rank`): one reaches what is below.
_RANKS = {Role.MODERATOR: 1, Role.ADMIN: 2, Role.SUPER_ADMIN: 3, Role.SYSTEM: 4}


def reaches(actor: Actor, user_id: UUID | None, *roles: Role) -> bool:
    """Whether an actor may change somebody's role or standing: never their own; `roles` are what that person is and is
    to become. Customers take `customers.write`, staff `staff.write` and a rank above theirs; super_admins reach all.
    """
    if user_id is not None and user_id == actor.user_id:
        return False
    needed = {Permission.STAFF_WRITE if role in STAFF else Permission.CUSTOMERS_WRITE for role in roles}
    mine, highest = _RANKS.get(actor.role, 0), max(_RANKS.get(role, 0) for role in roles)
    is_above = mine > highest or mine >= _RANKS[Role.SUPER_ADMIN]
    return is_above and all(permits(actor.role, permission, actor.scopes) for permission in needed)


def demand_reach(actor: Actor, user_id: UUID | None, *roles: Role) -> None:
    """At the head of a flow that changes somebody (`reaches`). Raises `Forbidden` (`own_standing`, `below`)."""
    if user_id is not None and user_id == actor.user_id:
        raise Forbidden("Nobody changes their own role or standing; ask another super_admin.", code="own_standing")
    if not reaches(actor, user_id, *roles):
        raise Forbidden("This takes a higher role than yours; ask a super_admin.", code="below")


def demand(actor: Actor, permission: Permission) -> None:
    """At the head of a flow. Raises `Forbidden` when the actor's role, or its key's scopes, lack the permission."""
    if not permits(actor.role, permission, actor.scopes):
        raise Forbidden(f"This needs the permission {permission}, which your role or key does not have.")
