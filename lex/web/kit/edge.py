"""The edge of every request: its id, security headers, HEAD, the access log line and the metrics.

It wraps the whole application, so that an unknown address gets the same treatment as a known one.
"""

import logging
import time
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from lex.adapters import cached
from lex.core import ids
from lex.core.settings import settings
from lex.ops.logs import Access
from lex.web.kit import csrf, metrics

_LOG = "lex.web.access"
log, access = structlog.get_logger(_LOG), Access(_LOG)

_PAGE_POLICY = (
    b"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    # An address may carry the signed link of an order; no other host is told it.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


def request_id_of(scope: Any) -> str:
    """The id of the request a scope belongs to; it stands in the answer, the log, the audit and the jobs."""
    return str(scope.get("state", {}).get("request_id", ""))


def is_head(scope: Any) -> bool:
    """Whether a request that runs as GET is a HEAD: it must change nothing that a GET would."""
    return bool(scope.get("state", {}).get("is_head"))


class Edge:
    """ASGI wrapper around the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        always = [*_ALWAYS]
        if settings().public_url.startswith("https://"):
            always.append((b"strict-transport-security", b"max-age=31536000"))
        self._of_page = _Headers(always, _PAGE_POLICY, b"private, no-cache")
        self._of_api = _Headers(always, _API_POLICY, b"no-store")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        method, is_head = scope["method"], scope["method"] == "HEAD"
        inner: Any = {**scope, "method": "GET"} if is_head else scope
        state = inner["state"]
        state["is_head"], state["request_id"] = is_head, _request_id(scope)
        bind_contextvars(request_id=state["request_id"])
        if inner["method"] == "GET":
            cached.begin()
        csrf.current_scope.set(inner)
        kind = self._of_api if scope["path"].startswith("/api/") else self._of_page
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = kind.added_to(message["headers"], inner)
                message["headers"] += state.get("rate_headers", ())
            elif is_head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        try:
            await self.app(inner, receive, answer)
        except Exception:
            log.exception("answer broken off")
            raise
        finally:
            _record(inner, method, status, time.perf_counter() - started)


class _Headers:
    """What answers of one kind carry besides their own headers."""

    def __init__(self, always: list[tuple[bytes, bytes]], policy: bytes, caching: bytes) -> None:
        self._always = always
        self._policy, self._caching = (b"content-security-policy", policy), (b"cache-control", caching)

    def added_to(self, given: Any, scope: Any) -> list[tuple[bytes, bytes]]:
        headers = list(given)
        if fresh := csrf.fresh_cookie(scope):  # such an answer is one browser's own
            headers = [header for header in headers if not _is_shared(*header)]
            headers.append((b"set-cookie", fresh.encode()))
        has_policy = has_caching = False
        for place, (name, value) in enumerate(headers):
            match name.lower():
                case b"allow":
                    headers[place] = (name, _allowed(value))
                case b"content-security-policy":
                    has_policy = True
                case b"cache-control":
                    has_caching = True
        headers += self._always
        headers.append((b"x-request-id", scope["state"]["request_id"].encode()))
        if not has_policy:
            headers.append(self._policy)
        if not has_caching:
            headers.append(self._caching)
        return headers


def _is_shared(name: bytes, value: bytes) -> bool:
    """Whether a header lets others keep the answer."""
    return name.lower() == b"cache-control" and b"private" not in value and b"no-store" not in value


def _allowed(methods: bytes) -> bytes:
    """Where GET is answered, so is HEAD."""
    return methods + b", HEAD" if b"GET" in methods and b"HEAD" not in methods else methods


def _request_id(scope: Any) -> str:
    """The caller's own id when it is a plain one, so that a trace goes on; a new one otherwise."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and (given := ids.usable_request_id(value.decode("latin-1"))):
            return given
    return str(ids.new_id())


def _record(scope: Any, method: str, status: int, seconds: float) -> None:
    # The template and not the path: a path may hold a name or a token.
    route = scope.get("path_template") or ("(files)" if "route_handler" in scope else "(none)")
    metrics.observe(method, route, status, seconds)
    actor = scope["state"].get("actor")
    if route in _QUIET:
        level = logging.DEBUG
    else:
        level = logging.ERROR if status >= 500 else logging.WARNING if status >= 400 else logging.INFO
    access.write(
        level,
        scope["state"]["request_id"],
        method=method,
        route=route,
        status=status,
        seconds=seconds,
        actor=actor.role.value if actor else "-",
    )
