"""Who may do what: permissions, and the roles that have them.

A route declares the permission it needs (`web/kit/guards`); a flow asks again at its head (`demand`); row-level
security is the third net.
"""

from collections.abc import Collection
from enum import StrEnum

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
    PAYMENTS_READ = "payments.read"
    PAYMENTS_REFUND = "payments.refund"
    COUPONS_WRITE = "coupons.write"
    REVIEWS_MODERATE = "reviews.moderate"
    AUDIT_READ = "audit.read"
    SETTINGS_WRITE = "settings.write"
    STAFF_WRITE = "staff.write"
    SYSTEM_READ = "system.read"
    SYSTEM_WRITE = "system.write"


class OwnScope(StrEnum):
    """What an API key may be narrowed to of its owner's own: no permission, for everybody has it of their own."""

    ACCOUNT_READ = "account.read"
    ACCOUNT_WRITE = "account.write"
    PURCHASES_READ = "purchases.read"
    PURCHASES_WRITE = "purchases.write"


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
_ADMIN = frozenset(Permission) - {Permission.STAFF_WRITE, Permission.SYSTEM_WRITE}

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
    """What a key of somebody with this role can be narrowed to: what is their own, and what their role may."""
    own = tuple(scope.value for scope in OwnScope)
    return own + tuple(one.value for one in Permission if role in STAFF and one in PERMISSIONS[role])


def demand(actor: Actor, permission: Permission) -> None:
    """At the head of a flow. Raises `Forbidden` when the actor's role, or its key's scopes, lack the permission."""
    if not permits(actor.role, permission, actor.scopes):
        raise Forbidden(f"This needs the permission {permission}, which your role or key does not have.")
