"""A product of a file on its way into the shop: what the shop has of it, and what it is to become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from lex.catalog.drafts import ProductDraft
from lex.catalog.pictures import origin
from lex.core.errors import Refusal
from lex.db.session import Session
from lex.flows.product_csv.family import Family, Item
from lex.flows.product_csv.problems import Problem

Outcome = Literal["created", "updated", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class Found:
    """A row the shop has."""

    id: UUID
    variant_of: UUID | None
    sku: str
    slug: str
    options: Any
    stock_quantity: int
    reserved_quantity: int
    is_active: bool
    is_featured: bool
    order: int
    attributes: dict[str, Any]
    images: list[dict[str, Any]]
    weight_grams: int | None
    seo_title: str | None
    seo_description: str | None
    imported_from: dict[str, Any]


@dataclass(slots=True)
class Result:
    """What became of a product, and of its variants; `pictures` are to be fetched from other hosts."""

    outcome: Outcome = "unchanged"
    problems: list[Problem] = field(default_factory=list)
    made_categories: list[str] = field(default_factory=list)
    variants: int = 0
    product_id: UUID | None = None
    pictures: int = 0


@dataclass(slots=True)
class Work:
    """A product on its way in."""

    session: Session
    format: str
    columns: Mapping[str, str]
    family: Family
    result: Result
    actor_id: UUID | None
    category_id: UUID | None = None
    head: Found | None = None
    variants: list[Found] = field(default_factory=list)

    def refuse(self, line: int, refusal: Refusal, what: str) -> None:
        """Turn a refusal of the catalogue into problems of a row."""
        for error in refusal.errors:
            name = error.field.split(".")[0]
            self.result.problems.append(
                Problem(line, self.columns.get(name, name), error.message, f"Correct it; {what} is left out.")
            )
        if not refusal.errors:
            self.result.problems.append(
                Problem(line, "", refusal.message, f"{what[:1].upper()}{what[1:]} is left out.")
            )


def match(variants: Sequence[Found], item: Item) -> Found | None:
    """The shop's row of a variant: the one with its choice, else the one with its SKU."""
    by_choice = next((row for row in variants if row.options == item.options), None)
    return by_choice or next((row for row in variants if row.sku == item.sku), None)


def memory_of(row: Found, name: str) -> dict[str, Any]:
    memory = row.imported_from.get(name)
    return memory if isinstance(memory, dict) else {}


def _imported_from(work: Work, known: Found | None, memory: dict[str, Any], item: Item | None) -> dict[str, Any]:
    """What is remembered for this format, beside that of another one."""
    kept = {name: part for name, part in memory.items() if part}
    if item is not None and item.quantity is not None:
        kept["quantity"] = item.quantity
    others = dict(known.imported_from) if known else {}
    return {**others, work.format: kept}


def head_draft(work: Work, slug: str) -> ProductDraft:
    family, head = work.family, work.head
    item = family.items[0] if family.is_simple and family.items else Item(track_inventory=True)
    prices = [one.price for one in family.items] or [0]
    memory: dict[str, Any] = {"cells": family.memory, "images": family.image_memory}
    if family.is_simple:
        memory["item"] = item.memory
    keeps = family.attributes is None and head is not None
    return ProductDraft(
        name=family.name,
        sku=item.sku if family.is_simple and item.sku else family.sku,
        slug=slug,
        price=min(prices),
        compare_at_price=item.compare_at_price,
        category_id=work.category_id,
        product_type=family.items[0].product_type if family.items else "physical",
        description=family.description,
        brand=family.brand,
        tax_class=family.items[0].tax_class if family.items else "standard",
        track_inventory=item.track_inventory,
        order=family.order if family.order is not None else head.order if head else 0,
        images=_images(family.images, head),
        options=[{"name": name, "values": values} for name, values in family.choices],
        attributes=head.attributes if head and keeps else dict(family.attributes or {}),
        tags=family.tags,
        # A family is never shipped itself: no format has a cell for its weight.
        weight_grams=item.weight_grams if family.is_simple else head.weight_grams if head else None,
        barcode=item.barcode,
        is_active=family.is_active,
        is_featured=family.is_featured if family.is_featured is not None else bool(head and head.is_featured),
        seo_title=_carried(family.seo_title, head.seo_title if head else None),
        seo_description=_carried(family.seo_description, head.seo_description if head else None),
        imported_from=_imported_from(work, head, memory, item if family.is_simple else None),
    )


def _carried(said: str | None, kept: str | None) -> str | None:
    """What the file says, or what the shop has where the format cannot say it."""
    return kept if said is None else said or None


def _images(said: Sequence[Mapping[str, str]], known: Found | None) -> list[dict[str, Any]]:
    """The file's pictures; one that was fetched already stays fetched."""
    here = {origin(image): image for image in (known.images if known else ()) if image.get("source")}
    return [{**here.get(image["src"], {"src": image["src"]}), "alt": image["alt"]} for image in said]


def _variant_images(src: str | None, alt: str, known: Found | None) -> list[dict[str, Any]]:
    """A variant's picture; neither format carries its text, so a picture that stays keeps its own."""
    if not src:
        return []
    if known and known.images and origin(known.images[0]) == src:
        return known.images[:1]
    return [{"src": src, "alt": alt}]


def variant_draft(work: Work, item: Item, place: int, family_id: UUID, slug: str) -> ProductDraft:
    known = match(work.variants, item)
    choice = " / ".join(item.options.values())
    return ProductDraft(
        variant_of=family_id,
        name=f"{work.family.name} – {choice}"[:255],
        sku=item.sku,
        slug=slug,
        price=item.price,
        compare_at_price=item.compare_at_price,
        category_id=work.category_id,
        product_type=item.product_type,
        tax_class=item.tax_class,
        track_inventory=item.track_inventory,
        order=place,
        images=_variant_images(item.image, choice, known),
        options=item.options,
        attributes=known.attributes if known else {},
        weight_grams=item.weight_grams,
        barcode=item.barcode,
        is_active=item.is_active if item.is_active is not None else known is None or known.is_active,
        imported_from=_imported_from(work, known, {"item": item.memory}, item),
    )
