"""The shop's own pages, written as Markdown files (kit/texts)."""

from typing import Any

from litestar import MediaType, Request, Response, get

from lex.core.errors import NotFound
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath
from lex.web.kit.texts import find_text
from lex.web.storefront.frame import answer, frame
from lex.web.storefront.seo import Seo


@get("/pages/{name:str}", guards=[public], include_in_schema=False, media_type=MediaType.HTML)
async def own_page(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[str]:
    """About, shipping and returns, contact, imprint: whatever the merchant wrote."""
    text = find_text(name)
    if text is None:
        raise NotFound(f"There is no page “{name[:100]}”.", code="page_not_found")
    seo = Seo(text.title, text.summary, f"/pages/{text.name}")
    return answer(request, "shop/page.html", await frame(), seo=seo, text=text)


routes: list[Any] = [own_page]
