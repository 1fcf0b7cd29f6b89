"""Pages: Jinja templates beside the code, with the built assets and the message catalogue."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from litestar import MediaType, Response

from lex.core import money
from lex.core.settings import settings
from lex.web.kit import assets
from lex.web.kit.basket import cart_units
from lex.web.kit.csrf import csrf

_FOLDER = Path(__file__).parent.parent / "templates"


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """The one template environment: everything is escaped, an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=settings().environment == "development",
    )
    made.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    made.filters["amount"] = money.format_amount
    made.globals.update(shop_name=settings().shop_name, entry=assets.entry, csrf=csrf, cart_units=cart_units)
    return made


def page(template: str, *, status: int = 200, headers: dict[str, str] | None = None, **facts: Any) -> Response[str]:
    """A template as an HTML answer."""
    text = environment().get_template(template).render(**facts)
    return Response(text, status_code=status, media_type=MediaType.HTML, headers=headers)
