"""Server-rendered pages beside the storefront: the API's documentation, and the files pages need."""

from typing import Any

from lex.web.pages import docs, files, order


def page_routes() -> list[Any]:
    """Every route that is not the API's."""
    return [order.order, docs.docs, docs.openapi_json, files.static, files.media]
