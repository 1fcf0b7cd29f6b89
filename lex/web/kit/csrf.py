"""Form posts come from pages of ours.

The browser itself says where a post comes from (Sec-Fetch-Site, Origin): one from elsewhere is refused, whatever it
carries. A client that says neither must send the token of the page back (signed double submit). Litestar's own check
is the token alone, for every page and a cookie with each; this one lets pages be kept and shared: a page's token is
needed only where the browser is silent. At the API only a
session's cookie opens anything, and only for calls of our own (`own_call`).
"""

import secrets
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection, Request
from litestar.handlers.base import BaseRouteHandler
from markupsafe import Markup

from lex.core.errors import Forbidden
from lex.core.settings import settings
from lex.web.kit import cookies
from lex.web.kit.forms import form_of

FIELD = "csrf"
_NAME = "csrf"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

#: The scope of the request being answered, for what templates ask about it.
current_scope: ContextVar[Any] = ContextVar("current_scope", default=None)


def csrf() -> Markup:
    """For templates, inside every form that posts: `{{ csrf() }}`."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, cookies.sign(FIELD, _secret()))


def _secret() -> str:
    """What this browser's tokens are made from; a browser that has none gets one with the answer."""
    scope = current_scope.get()
    if scope is None:
        return ""
    state: dict[str, Any] = scope["state"]
    secret: str = state.get("csrf") or cookies.given(scope, _NAME)
    if not secret:
        secret = state["fresh_csrf"] = secrets.token_urlsafe(16)
    state["csrf"] = secret
    return secret


def fresh_cookie(scope: Any) -> str | None:
    """The Set-Cookie of an answer whose page made a new secret."""
    secret = scope["state"].get("fresh_csrf")
    return cookies.session_cookie(_NAME, secret) if secret else None


async def own_form(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """`guards=[own_form]`: for everybody, from a form of ours. Raises `Forbidden` (`foreign_form`)."""
    own = _says_own(connection.headers, connection.headers.get("host", ""))
    if own is None and isinstance(connection, Request):
        own = _has_token(connection, str((await form_of(connection)).get(FIELD, "")))
    if not own:
        raise Forbidden(
            "This form did not come from a page of ours; go back, load the page again and send it once more.",
            code="foreign_form",
        )


def own_call(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """For a call of the API by a browser's session: what changes something comes from a page of ours.

    A silent client must send JSON, which no form of another page can. Raises `Forbidden` (`foreign_call`).
    """
    if not connection.scope["path"].startswith("/api/") or connection.scope["method"] in _SAFE:  # type: ignore[typeddict-item]
        return
    own = _says_own(connection.headers, connection.headers.get("host", ""))
    if own is None:
        own = connection.headers.get("content-type", "").startswith("application/json")
    if not own:
        raise Forbidden(
            "This call did not come from a page of ours; programs send an API key, or Content-Type: application/json.",
            code="foreign_call",
        )


def _says_own(headers: Any, host: str) -> bool | None:
    """What the browser says: from us, from elsewhere, or nothing."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    if origin is not None:
        try:
            told = urlsplit(origin).netloc
        except ValueError:  # no address at all
            return False
        return told in {host, urlsplit(settings().public_url).netloc} - {""}
    return None if site is None else True


def _has_token(connection: Any, token: str) -> bool:
    secret = cookies.given(connection.scope, _NAME)
    return bool(secret) and cookies.signed_text(FIELD, token) == secret
