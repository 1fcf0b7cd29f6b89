"""Server-rendered pages: the API's documentation, and the files pages need."""

from typing import Any

from lex.web.pages import docs, files


def page_routes() -> list[Any]:
    """Every route that is not the API's."""
    return [docs.docs, docs.openapi_json, files.static, files.media]
