"""JSON that PostgreSQL finished, as an answer with an ETag: asked again unchanged, it is not sent again."""

from typing import Any

from litestar import MediaType, Request, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.utils.scope.state import ScopeState

from lex.db.documents import Document, etag_of


def matches(header: str, etag: str) -> bool:
    """Whether `If-None-Match` names `etag`: `*`, or a list of tags compared weakly."""
    wanted = etag.removeprefix("W/")
    return any(tag.strip() == "*" or tag.strip().removeprefix("W/") == wanted for tag in header.split(","))


def json_document(
    request: Request[Any, Any, Any], body: bytes, *, max_age: int = 0, private: bool = False
) -> Response[Any]:
    """`body` as JSON with `ETag`, `Cache-Control` and `Vary`; 304 without a body when the client has it already.

    `max_age` in seconds; 0 lets caches keep it and ask again each time. A kept `Document` brings its tag and its
    compressed form with it.
    """
    etag = body.etag if isinstance(body, Document) else etag_of(body)
    scope = "private" if private else "public"
    headers = {
        "ETag": etag,
        "Cache-Control": f"{scope}, max-age={max_age}" if max_age else f"{scope}, no-cache",
    }
    if private:
        headers["Vary"] = "Authorization"
    if matches(request.headers.get("if-none-match", ""), etag):
        return Response(b"", status_code=304, headers=headers, media_type=MediaType.JSON)
    compressed = body.compressed if isinstance(body, Document) and not private else None
    if compressed and "br" in request.headers.get("accept-encoding", ""):
        ScopeState.from_scope(request.scope).is_cached = True  # Litestar's word for: do not compress it again
        headers |= {"Content-Encoding": "br", "Vary": "Accept-Encoding"}
        return Response(compressed, media_type=MediaType.JSON, headers=headers)
    return Response(body, media_type=MediaType.JSON, headers=headers)


def documents(kind: Any, description: str) -> dict[int, ResponseSpec]:
    """For `responses=` of a handler that answers `json_document`: the document's type, and 304."""
    return {
        200: ResponseSpec(data_container=kind, description=description, generate_examples=False),
        304: ResponseSpec(data_container=None, description="Unchanged since the ETag sent.", generate_examples=False),
    }
