"""The edge of every request: its id, security headers, HEAD, the access log line and the metrics.

It wraps the whole application, so that an unknown address gets the same treatment as a known one.
"""

import re
import time
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from lex.adapters import cached
from lex.core import ids
from lex.core.settings import settings
from lex.web.kit import csrf, metrics

log = structlog.get_logger("lex.web.access")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
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
        self.headers = [*_ALWAYS]
        if settings().public_url.startswith("https://"):
            self.headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        method = scope["method"]
        inner: Any = {**scope, "method": "GET" if method == "HEAD" else method}
        inner["state"]["is_head"] = method == "HEAD"
        inner["state"]["request_id"] = request_id = _request_id(scope)
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        if inner["method"] == "GET":
            cached.begin()
        csrf.current_scope.set(inner)
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._with_headers(message["headers"], inner, request_id)
            elif message["type"] == "http.response.body" and method == "HEAD":
                message["body"] = b""
            await send(message)

        try:
            await self.app(inner, receive, answer)
        except Exception:
            log.exception("answer broken off")
            raise
        finally:
            _record(inner, method, status, time.perf_counter() - started)

    def _with_headers(self, given: Any, scope: Any, request_id: str) -> list[tuple[bytes, bytes]]:
        headers = [(name, _allowed(value) if name == b"allow" else value) for name, value in given]
        if fresh := csrf.fresh_cookie(scope):  # such an answer is one browser's own
            headers = [header for header in headers if not _is_shared(*header)]
            given = headers = [*headers, (b"set-cookie", fresh.encode())]
        headers += [*self.headers, (b"x-request-id", request_id.encode())]
        names = {name.lower() for name, _ in given}
        is_api = scope["path"].startswith("/api/")
        if b"content-security-policy" not in names:
            headers.append((b"content-security-policy", (_API_POLICY if is_api else _PAGE_POLICY).encode()))
        if b"cache-control" not in names:
            headers.append((b"cache-control", b"no-store" if is_api else b"private, no-cache"))
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
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return str(ids.new_id())


def _record(scope: Any, method: str, status: int, seconds: float) -> None:
    # The template and not the path: a path may hold a name or a token.
    route = scope.get("path_template") or ("(files)" if "route_handler" in scope else "(none)")
    metrics.observe(method, route, status, seconds)
    actor = scope["state"].get("actor")
    level = "debug" if route in _QUIET else "error" if status >= 500 else "warning" if status >= 400 else "info"
    getattr(log, level)(
        "request",
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
        actor=actor.role.value if actor else "-",
    )
