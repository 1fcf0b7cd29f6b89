"""What a category or a product must be like. Pure; every bad field is named at once."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import nh3

from lex.catalog.drafts import CategoryDraft, ProductDraft
from lex.core.errors import FieldError, Invalid
from lex.core.money import MAX_AMOUNT
from lex.core.texts import SLUG, fault_in

_TAX_CLASS = re.compile(r"[a-z][a-z0-9-]{0,39}")
_IMAGE = re.compile(r"(https?://|/media/)[^\s\"'<>]+")
_TAGS = {
    *("p", "br", "hr", "div", "span", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "blockquote"),
    *("b", "strong", "i", "em", "u", "s", "small", "sub", "sup", "a", "code", "pre"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"),
}
_ATTRIBUTES = {"a": {"href", "title"}}
_SCHEMES = {"http", "https", "mailto", "tel"}
_MAX_INTEGER = 2**31 - 1


def clean_html(text: str | None) -> str | None:
    """A description as the pages may print it: text, lists, tables and links; no scripts, styles or pictures."""
    if not text or not text.strip():
        return None
    for _ in range(4):  # until cleaning it again changes nothing, so that what is stored is what was compared
        before, text = text, nh3.clean(text, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES)
        if text == before:
            break
    return text if text.strip() else None


def check_category(draft: CategoryDraft) -> None:
    """Raises `Invalid` with every bad field."""
    _raise([*_text("name", draft.name, 120, 1), *_slug(draft.slug), *_text("description", draft.description, 20_000)])


def check_product(draft: ProductDraft) -> None:
    """Raises `Invalid` with every bad field."""
    _raise(
        [
            *_text("name", draft.name, 255, 1),
            *_text("sku", draft.sku, 100, 1),
            *_slug(draft.slug),
            *_text("brand", draft.brand, 120),
            *_text("description", draft.description, 100_000, one_line=False),
            *_text("barcode", draft.barcode, 60),
            *_text("seo_title", draft.seo_title, 255),
            *_text("seo_description", draft.seo_description, 1_000, one_line=False),
            *_amounts(draft),
            *_images(draft.images),
            *_tags(draft.tags),
            *_options(draft),
            *_kind(draft),
        ]
    )


def _raise(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid.of(errors)


def _text(field: str, text: str | None, longest: int, shortest: int = 0, one_line: bool = True) -> Iterator[FieldError]:
    fault = fault_in(text or "", longest=longest, shortest=shortest, one_line=one_line)
    if fault:
        yield FieldError(field, fault)


def _slug(slug: str) -> Iterator[FieldError]:
    if slug and (len(slug) > 255 or not SLUG.fullmatch(slug)):
        yield FieldError("slug", "A slug holds a–z, 0–9 and single hyphens between them, 255 at most.")


def _amounts(draft: ProductDraft) -> Iterator[FieldError]:
    for field, amount in (("price", draft.price), ("compare_at_price", draft.compare_at_price or 0)):
        if not 0 <= amount <= MAX_AMOUNT:
            yield FieldError(field, "A price lies between 0 and 99999999.99.")


def _images(images: Sequence[Mapping[str, Any]]) -> Iterator[FieldError]:
    if len(images) > 250:
        yield FieldError("images", "A product takes 250 pictures at most.")
    for position, image in enumerate(images):
        source = str(image.get("src", ""))
        if len(source) > 2_000 or not _IMAGE.fullmatch(source) or fault_in(source, longest=2_000):
            yield FieldError(f"images.{position}.src", f"“{source[:80]}” is no address; it must start with https://.")
        yield from _text(f"images.{position}.alt", str(image.get("alt") or ""), 512, one_line=False)


def _tags(tags: Sequence[str]) -> Iterator[FieldError]:
    if len(tags) > 250:
        yield FieldError("tags", "A product takes 250 tags at most.")
    for tag in tags[:250]:
        yield from _text("tags", tag, 255, 1)


def _options(draft: ProductDraft) -> Iterator[FieldError]:
    if isinstance(draft.options, Mapping):
        texts = [text for pair in draft.options.items() for text in pair]
        is_family = False
    else:
        texts = [text for choice in draft.options for text in (choice["name"], *choice["values"])]
        is_family = True
    if len(draft.options) > 10:
        yield FieldError("options", "A product has 10 options at most.")
    for text in texts:
        yield from _text("options", text, 255, 1)
    if draft.variant_of and (is_family or not draft.options):
        yield FieldError("options", "A variant needs its choice, such as Size: M.")


def _kind(draft: ProductDraft) -> Iterator[FieldError]:
    if draft.product_type not in ("physical", "digital"):
        yield FieldError("product_type", "Use physical or digital.")
    if not _TAX_CLASS.fullmatch(draft.tax_class):
        yield FieldError("tax_class", "A tax class is a short word such as standard or reduced.")
    if draft.weight_grams is not None and not 0 <= draft.weight_grams <= _MAX_INTEGER:
        yield FieldError("weight_grams", "A weight lies between 0 and 2147483647 grams.")
    if abs(draft.order) > _MAX_INTEGER:
        yield FieldError("order", "A position lies between −2147483647 and 2147483647.")
