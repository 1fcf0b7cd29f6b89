"""The edge of every request: its id, the safeguards of its answer, HEAD, the access log line and the metrics.

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
from lex.ops.logs import Access
from lex.web.kit import cookies, csrf, metrics
from lex.web.kit.negotiation import without_refused_codings
from lex.web.kit.safeguards import Safeguards

_LOG = "lex.web.access"
log, access = structlog.get_logger(_LOG), Access(_LOG)

_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
#: What is said when even the answer to a bug breaks.
_LAST_RESORT: tuple[Message, ...] = (
    {"type": "http.response.start", "status": 500, "headers": [(b"content-type", b"text/plain")]},
    {"type": "http.response.body", "body": b"Something went wrong on our side.", "more_body": False},
)


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
        self._safeguards = Safeguards(is_secure=cookies.is_secure())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        method, is_head = scope["method"], scope["method"] == "HEAD"
        inner: Any = {**scope, "method": "GET"} if is_head else scope
        inner["headers"] = without_refused_codings(scope["headers"])
        state = inner["state"]
        state["is_head"], state["request_id"] = is_head, _request_id(scope)
        bind_contextvars(request_id=state["request_id"])
        if inner["method"] == "GET":
            cached.begin()
        csrf.current_scope.set(inner)
        is_api = scope["path"].startswith("/api/")
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._safeguards.added_to(message["headers"], inner, is_api=is_api, status=status)
                message["headers"] += state.get("rate_headers", ())
            elif is_head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        try:
            await self.app(inner, receive, answer)
        except Exception:
            log.exception("answer broken off")
            if status:
                raise
            for message in _LAST_RESORT:
                await answer(message.copy())
        finally:
            _record(inner, method, status or 500, time.perf_counter() - started)


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
