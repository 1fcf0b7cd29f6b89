"""The browser's side of a session: its cookie, what the browser says of itself, and where it goes on."""

import re
from typing import Any

from litestar import Request, Response

from lex.core.actor import STAFF, Role
from lex.core.settings import settings
from lex.identity.policy import Permission, permits
from lex.identity.sessions import Device
from lex.web.kit import cookies, csrf
from lex.web.kit.actors import SESSION
from lex.web.kit.addresses import client_address

_DAY = 24 * 60 * 60
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_LONGEST = 2000

# The first that is found: browsers name those they descend from too.
_BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox")),
    *(("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"), ("curl", "curl")),
)
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS")),
    *(("Mac OS X", "Mac"), ("Linux", "Linux")),
)


def device_of(request: Request[Any, Any, Any]) -> Device:
    """What the browser says of itself, in words, and its address."""
    agent = request.headers.get("user-agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return Device(" · ".join(filter(None, (browser, system))), client_address(request))


def keep_session(answer: Response[Any], token: str, role: Role) -> None:
    """Have the browser keep a session's id; that of staff goes when the browser is closed."""
    seconds = None if role in STAFF else settings().session_days * _DAY
    answer.set_cookie(cookies.cookie(SESSION, token, seconds=seconds))


def forget_session(answer: Response[Any]) -> None:
    """Have the browser forget its session."""
    answer.set_cookie(cookies.cookie(SESSION, "", seconds=0))


def has_session() -> bool:
    """For templates: whether this browser brings a session's id. Nobody is asked whether it is still good."""
    scope = csrf.current_scope.get()
    return bool(scope is not None and cookies.given(scope, SESSION))


def may(permission: str) -> bool:
    """For templates: whether whoever asked has a permission. Menus show what it opens, and nothing else.

    Pages that ask nobody who they are, and are kept for all, show none of it.
    """
    scope = csrf.current_scope.get()
    actor = scope["state"].get("actor") if scope is not None else None
    return actor is not None and permits(actor.role, Permission(permission), actor.scopes)


def local_path(wanted: str, otherwise: str = "/account") -> str:
    """Where to go on: a path of this shop, or `otherwise`. `//host` and `/\\host` are addresses of others."""
    return wanted if len(wanted) <= _LONGEST and _LOCAL.fullmatch(wanted) else otherwise
