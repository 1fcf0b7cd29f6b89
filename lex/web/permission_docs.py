"""`docs/permissions.md`, written from roles and routes as they are: `python -m lex.web.permission_docs` prints it."""

import sys
from collections.abc import Iterator
from typing import Any

from litestar import Litestar
from litestar.routes import HTTPRoute

from lex.core.actor import Role
from lex.identity.policy import ABOUT, PERMISSIONS, Permission
from lex.web.app import create_app
from lex.web.kit.guards import by_any_session, by_session, declared

_HEAD = """\
# Permissions

Who may do what. This page is generated from `lex/identity/policy.py` and from what every route declares
(`lex/web/kit/guards.py`); a test compares it with both. How roles are given: [accounts](concepts/accounts.md).

## Roles

`system` is Lex itself: jobs, webhooks and the command line. An API key has its person's permissions, or those of its
scopes among them; the name of a permission is that of the scope.

"""
_ROUTES = """
## Routes

*In person*: by the session of a sign-in, not by an API key, and not by staff who act as the customer. Where nothing is
needed, what belongs to somebody is opened by its own key: that of a cart, an order or a mail.

| address | methods | needs | roles |
| --- | --- | --- | --- |
"""
_SHOWN = tuple(role for role in Role if role is not Role.SYSTEM)
#: What answers at these addresses is the sandbox provider's, not the shop's.
_PROVIDERS = "/sandbox"


def permissions_page(app: Litestar) -> str:
    """The page as Markdown."""
    roles = "".join(f" {role.value} |" for role in Role)
    head = f"| permission | meaning |{roles}\n| --- | --- |{' :-: |' * len(Role)}\n"
    return _HEAD + head + "".join(map(_permission, Permission)) + _ROUTES + "".join(_routes(app))


def _permission(permission: Permission) -> str:
    marks = "".join(f" {'yes' if permission in PERMISSIONS[role] else ''} |" for role in Role)
    return f"| `{permission}` | {ABOUT[permission]} |{marks}\n"


def _routes(app: Litestar) -> Iterator[str]:
    for route in sorted(app.routes, key=lambda route: route.path):
        if isinstance(route, HTTPRoute) and not route.path.startswith(_PROVIDERS):
            for handler in sorted(route.route_handlers, key=lambda one: sorted(one.http_methods)):
                if handler.http_methods != {"OPTIONS"}:
                    methods = " ".join(sorted(handler.http_methods))
                    yield f"| `{route.path}` | {methods} | {_needs(handler.resolve_guards())} |\n"


def _needs(guards: list[Any]) -> str:
    """What is needed, and the roles that have it."""
    need = declared(guards)
    how = ", in person" if by_session in guards else ", by a session" if by_any_session in guards else ""
    if isinstance(need, Permission):
        return f"`{need}`{how} | {', '.join(role for role in _SHOWN if need in PERMISSIONS[role])}"
    if need == "signed in":
        return f"an account{how} | {', '.join(role for role in _SHOWN if role is not Role.GUEST)}"
    return "nothing | everybody"


if __name__ == "__main__":
    sys.stdout.write(permissions_page(create_app()))
