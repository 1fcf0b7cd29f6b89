"""JSON that PostgreSQL finished, as an answer with an ETag: asked again unchanged, it is not sent again."""

from typing import Any

from litestar import Request, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import HTTPResponseStartEvent, Receive, Scope, Send
from litestar.utils.scope.state import ScopeState

from lex.db.documents import Document, etag_of


def matches(header: str, etag: str) -> bool:
    """Whether `If-None-Match` names `etag`: `*`, or a list of tags compared weakly."""
    wanted = etag.removeprefix("W/")
    return any(tag.strip() == "*" or tag.strip().removeprefix("W/") == wanted for tag in header.split(","))


class _Finished(Response[bytes]):
    """An answer whose bytes and headers stand: Litestar has nothing left to work out."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status_code, self.lines, self.content = status, headers, body

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": self.status_code or 200,
            "headers": self.lines,
        }
        await send(start)
        await send({"type": "http.response.body", "body": self.content, "more_body": False})


def json_document(
    request: Request[Any, Any, Any], body: bytes, *, max_age: int = 0, private: bool = False
) -> Response[Any]:
    """`body` as JSON with `ETag`, `Cache-Control` and `Vary`; 304 without a body when the client has it already.

    `max_age` in seconds; 0 lets caches keep it and ask again each time. A kept `Document` brings its tag and its
    compressed form with it.
    """
    scope = "private" if private else "public"
    caching = f"{scope}, max-age={max_age}" if max_age else f"{scope}, no-cache"
    headers = [(b"cache-control", caching.encode())]
    if private:
        headers.append((b"vary", b"Authorization"))
    return _answered(request, body, b"application/json", headers, is_compressed=not private)


def page_document(request: Request[Any, Any, Any], body: bytes) -> Response[Any]:
    """A page that is the same for many, with `ETag`: browsers keep it and ask each time, other caches do not."""
    headers = [(b"cache-control", b"private, no-cache")]
    return _answered(request, body, b"text/html; charset=utf-8", headers, is_compressed=True)


def _answered(
    request: Request[Any, Any, Any],
    body: bytes,
    media_type: bytes,
    headers: list[tuple[bytes, bytes]],
    *,
    is_compressed: bool,
) -> Response[Any]:
    etag = body.etag if isinstance(body, Document) else etag_of(body)
    compressed = body.compressed if isinstance(body, Document) and is_compressed else None
    headers = [(b"etag", etag.encode()), *headers]
    if compressed:
        headers.append((b"vary", b"Accept-Encoding"))
    asked = request.headers.get("if-none-match")
    if asked and matches(asked, etag):
        return _Finished(304, headers, b"")
    if compressed and "br" in request.headers.get("accept-encoding", ""):
        ScopeState.from_scope(request.scope).is_cached = True  # Litestar's word for: do not compress it again
        headers.append((b"content-encoding", b"br"))
        body = compressed
    headers += [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    return _Finished(200, headers, body)


def documents(kind: Any, description: str) -> dict[int, ResponseSpec]:
    """For `responses=` of a handler that answers `json_document`: the document's type, and 304."""
    return {
        200: ResponseSpec(data_container=kind, description=description, generate_examples=False),
        304: ResponseSpec(data_container=None, description="Unchanged since the ETag sent.", generate_examples=False),
    }
