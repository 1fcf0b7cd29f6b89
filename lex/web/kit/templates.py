"""Pages: Jinja templates beside the code, with the built assets and the message catalogue."""

import time
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import jinja2
from babel import Locale
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from jinja2 import nodes
from jinja2.visitor import NodeTransformer
from litestar import MediaType, Request, Response
from markupsafe import Markup

from lex.catalog.picture_files import sources
from lex.core import colour, wording
from lex.core.settings import Settings, settings
from lex.identity.address_forms import address_form, address_lines
from lex.web.kit import assets, cookies
from lex.web.kit.acting import acting
from lex.web.kit.csrf import csrf
from lex.web.kit.signing import has_session, may
from lex.web.kit.texts import texts

_WEB = Path(__file__).parent.parent
_FOLDER = _WEB / "templates"
#: Message catalogues: `<language>/LC_MESSAGES/messages.mo`; English stands in the templates.
_LANGUAGES = _WEB / "languages"

#: Units in a visitor's cart, for the number beside the cart's link; written by whoever changes the cart.
CART_COUNT = "cart_count"


class _Pages(jinja2.Environment):
    """Texts that are the same each time stand in the compiled template, and what is fixed around them with them."""

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        parsed: nodes.Template = _Fixed().visit(super()._parse(source, name, filename))
        return parsed


class _Fixed(NodeTransformer):
    def visit_Call(self, call: nodes.Call) -> nodes.Node:  # noqa: N802 - Jinja's name for it
        self.generic_visit(call)
        match call:
            case nodes.Call(node=nodes.Name(name="_"), args=[nodes.Const(value=str(text))], kwargs=[]):
                return nodes.MarkSafe(nodes.Const(str(_known(text, settings().locale))), lineno=call.lineno)
        return call


class _Loader(jinja2.FileSystemLoader):
    """Files are looked at once a second; a page is put together from ten of them."""

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, filename, is_current = super().get_source(environment, template)
        looked = time.monotonic()

        def is_still() -> bool:
            nonlocal looked
            now = time.monotonic()
            if now - looked < 1:
                return True
            looked = now
            return is_current()

        return source, filename, is_still


def environment() -> jinja2.Environment:
    """The template environment of these settings: everything is escaped, an unknown name is an error."""
    return _environment(settings())


@lru_cache(maxsize=1)
def _environment(config: Settings) -> jinja2.Environment:
    made = _Pages(
        loader=_Loader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=config.environment == "development",
    )
    made.install_gettext_translations(_words(config.locale), newstyle=True)  # type: ignore[attr-defined]
    made.globals["_"] = _marked  # as Jinja's own, which costs a fifth of a page
    made.filters.update(amount=wording.amount, number=number, day=wording.day, moment=wording.moment)
    made.filters.update(envelope=address_lines, stars_and_more=stars_and_more)
    made.globals.update(
        shop_name=config.shop_name,
        shop_address=config.address,
        locale=Locale.parse(config.locale),
        logo=config.logo,
        theme=_theme_address(),
        entry=assets.entry,
        asset=assets.address,
        icon=icon,
        texts=texts,
        csrf=csrf,
        has_session=has_session,
        may=may,
        acting=acting,
        sources=sources,
        address_form=address_form,
    )
    return made


def icon(name: str, classes: str = "") -> Markup:
    """For templates: `{{ icon("info") }}`, one of the sprite's; nothing while the assets are not built."""
    return _icon(name, classes, assets.address("icons.svg"))


@lru_cache(maxsize=512)
def _icon(name: str, classes: str, sprite: str) -> Markup:
    drawn = Markup('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>')
    return drawn.format(classes, sprite, name) if sprite else Markup()


def build() -> str:
    """A name for templates, assets and settings as they are: kept pages of other ones are not shown."""
    told = blake2b(repr(settings()).encode(), digest_size=8)
    for file in sorted([*_FOLDER.rglob("*.html"), *assets.FOLDER.glob("manifest.json")]):
        told.update(str(file).encode() + file.read_bytes())
    return told.hexdigest()


def stamp() -> str:
    """Changes with templates and assets where they change under a running server: in development."""
    return str(_newest(int(time.monotonic()))) if settings().environment == "development" else ""


@lru_cache(maxsize=1)
def _newest(_second: int) -> float:
    return max(file.stat().st_mtime for file in [*_FOLDER.rglob("*.html"), *assets.FOLDER.glob("manifest.json")])


def gettext(text: str, **values: Any) -> str:
    """A text of Python's own in the shop's language, as `_()` in templates; values are escaped in neither."""
    translated: str = _words(settings().locale).gettext(text)
    return translated % values if values else translated


def _marked(text: str, /, **values: Any) -> Markup:
    """`_()` in templates: the text is ours and may hold marks, what is put into it is escaped."""
    known = _known(text, settings().locale)
    return known % values if values else known


@lru_cache(maxsize=4096)
def _known(text: str, locale: str) -> Markup:
    return Markup(_words(locale).gettext(text))


@lru_cache(maxsize=1)
def _words(locale: str) -> NullTranslations:
    return Translations.load(_LANGUAGES, [locale])


def number(value: float) -> str:
    """The filter `number`: at most one decimal, as the shop's language writes it."""
    return format_decimal(value, format="#,##0.#", locale=settings().locale)


def stars_and_more(stars: int) -> str:
    """The filter `stars_and_more`: the least rating that is asked for, in words; there is nothing above five."""
    return gettext("5 of 5") if stars == 5 else gettext("%(stars)s of 5 and more", stars=stars)


def theme() -> str:
    """The style sheet of the merchant's accent; empty without one."""
    accent = settings().accent
    return colour.accent_sheet(accent, "LEX_ACCENT") if accent else ""


def _theme_address() -> str:
    """It changes with what is there, so that it may be kept for ever; empty without an accent."""
    sheet = theme()
    return f"/theme.css?{blake2b(sheet.encode(), digest_size=6).hexdigest()}" if sheet else ""


def page(
    template: str,
    *,
    request: Request[Any, Any, Any] | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **facts: Any,
) -> Response[str]:
    """A template as an HTML answer; `request` tells how many units the visitor's cart holds."""
    told = {"cart_count": cart_count(request) if request else 0} | facts
    return Response(render(template, **told), status_code=status, media_type=MediaType.HTML, headers=headers)


def render(template: str, **facts: Any) -> str:
    """A template as text."""
    return environment().get_template(template).render(facts)


def cart_count(request: Request[Any, Any, Any]) -> int:
    """Units in the cart as the visitor's cookie says; no page asks the database for it."""
    told = cookies.given(request.scope, CART_COUNT)
    return int(told) if told.isascii() and told.isdigit() and len(told) <= 4 else 0
