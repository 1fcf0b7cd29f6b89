"""The API's document and its reading room, without any foreign host."""

from typing import Any

from litestar import MediaType, Request, Response, get

from lex.core import codec
from lex.web.kit.caching import json_document
from lex.web.kit.guards import public
from lex.web.kit.openapi import document_of
from lex.web.kit.templates import page

_METHODS = ("get", "post", "put", "patch", "delete")


class _Document:
    """Built on first use and kept: an application's routes do not change."""

    app: Any = None
    facts: dict[str, Any] = {}
    body = b""


def _document(request: Request[Any, Any, Any]) -> type[_Document]:
    if _Document.app is not request.app:
        facts = document_of(request.app)
        _Document.app, _Document.facts, _Document.body = request.app, facts, codec.encode(facts)
    return _Document


@get("/api/openapi.json", guards=[public], include_in_schema=False, media_type=MediaType.JSON)
async def openapi_json(request: Request[Any, Any, Any]) -> Response[Any]:
    """The OpenAPI 3.1 document."""
    return json_document(request, _document(request).body)


@get("/api/docs", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def docs(request: Request[Any, Any, Any]) -> Response[str]:
    """The document to read and to try; without the built assets or scripts, a list of all operations."""
    facts = _document(request).facts
    operations: dict[str, list[tuple[str, str, str]]] = {}
    for path, item in facts["paths"].items():
        for method in filter(item.__contains__, _METHODS):
            operation = item[method]
            for tag in operation.get("tags", ["other"]):
                operations.setdefault(tag, []).append((method.upper(), path, operation.get("summary", "")))
    return page("docs.html", info=facts["info"], operations=operations)
