"""One product of a file into the shop: created, updated or left as it is, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from lex.catalog import categories, commands, rules
from lex.core.errors import Invalid
from lex.core.texts import make_slug
from lex.db import sql
from lex.db.session import Session
from lex.flows.product_csv.cells import digest
from lex.flows.product_csv.family import Family, Item
from lex.flows.product_csv.problems import Problem
from lex.flows.product_csv.shaping import Found, Result, Work, head_draft, match, memory_of, variant_draft
from lex.stock import commands as stock

_REASON = "import"

# One index look-up for the product and one for its variants, however many the shop has.
_FIND: LiteralString = """
WITH family AS (
    SELECT id FROM products WHERE {key} AND variant_of IS NULL AND deleted_at IS NULL
)
SELECT id, variant_of, sku, slug, options, stock_quantity, reserved_quantity, is_active, is_featured, "order",
       attributes, images, weight_grams, seo_title, seo_description, imported_from
FROM products
WHERE deleted_at IS NULL AND id IN (
    SELECT id FROM family UNION ALL SELECT v.id FROM products v JOIN family ON v.variant_of = family.id)
ORDER BY id FOR NO KEY UPDATE
"""
_FIND_BY_SLUG: LiteralString = _FIND.format(key="slug = %(slug)s")
_FIND_BY_SKU: LiteralString = _FIND.format(key="sku = %(sku)s")

_TAKEN: LiteralString = """
SELECT id, sku, slug FROM products
WHERE deleted_at IS NULL AND (sku = ANY(%(skus)s::text[]) OR slug = ANY(%(slugs)s::text[]))
  AND NOT id = ANY(%(own)s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class _Taken:
    id: UUID
    sku: str
    slug: str


async def apply(
    session: Session, name: str, columns: Mapping[str, str], family: Family, actor_id: UUID | None
) -> Result:
    """Bring a product in. Problems leave variants out, or all of it (`refused`: roll back then)."""
    work = Work(session, name, columns, family, Result(), actor_id)
    statement = _FIND_BY_SLUG if family.slug else _FIND_BY_SKU
    rows = await sql.fetch_all(session, statement, Found, slug=family.slug, sku=family.sku)
    work.head = next((row for row in rows if row.variant_of is None), None)
    work.variants = [row for row in rows if row.variant_of]
    await _drop_taken(work)
    _drop_invalid(work)
    if not family.items or not await _enter_category(work):
        work.result.outcome = "refused"
        return work.result
    try:
        changed = await _write(work)
    except Invalid as refusal:
        work.refuse(family.line, refusal, "the product")
        work.result.outcome = "refused"
        return work.result
    if work.result.outcome != "refused":
        work.result.outcome = "created" if work.head is None else "updated" if changed else "unchanged"
        work.result.variants = len(family.items)
    return work.result


async def _drop_taken(work: Work) -> None:
    """SKUs that other products have."""
    family = work.family
    own = [row.id for row in (work.head, *work.variants) if row]
    skus = [item.sku for item in family.items] + [family.sku]
    for taken in await sql.fetch_all(work.session, _TAKEN, _Taken, skus=skus, slugs=[], own=own):
        for item in [item for item in family.items if item.sku == taken.sku]:
            work.result.problems.append(
                Problem(
                    item.line,
                    work.columns["sku"],
                    f"The SKU “{item.sku[:60]}” belongs to another product ({taken.slug}).",
                    "Give it a SKU of its own; it is left out.",
                )
            )
            family.items.remove(item)
            family.broken += 1


def _drop_invalid(work: Work) -> None:
    """What the catalogue would refuse, told before anything is written."""
    family = work.family
    try:
        rules.check_product(head_draft(work, "checked"))
    except Invalid as refusal:
        work.refuse(family.line, refusal, "the product")
        family.items.clear()
    for item in list(family.items):
        if family.is_simple:
            continue
        try:
            rules.check_product(variant_draft(work, item, 0, UUID(int=0), "checked"))
        except Invalid as refusal:
            work.refuse(item.line, refusal, "the variant")
            family.items.remove(item)
            family.broken += 1


async def _enter_category(work: Work) -> bool:
    try:
        work.category_id, work.result.made_categories = await categories.ensure_path(work.session, work.family.category)
    except Invalid as refusal:
        fault = refusal.errors[0]
        work.result.problems.append(
            Problem(work.family.line, work.columns["category"], fault.message, "Name the category otherwise.")
        )
        return False
    return True


async def _write(work: Work) -> bool:
    family = work.family
    if work.head is None:
        head_id = await commands.create_product(work.session, head_draft(work, family.slug))
        changed = True
    else:
        head_id = work.head.id
        if not await _reshape(work, work.head):
            return False
        changed = await commands.change_product(work.session, head_id, head_draft(work, work.head.slug))
    work.result.product_id = head_id
    if family.is_simple:
        return await _count(work, head_id, work.head, family.items[0]) or changed
    slugs = await _free_slugs(work)
    for place, item in enumerate(family.items):
        known = match(work.variants, item)
        draft = variant_draft(work, item, place, head_id, known.slug if known else slugs[place])
        if known is None:
            variant_id = await commands.create_product(work.session, draft)
            changed = True
        else:
            variant_id = known.id
            changed = await commands.change_product(work.session, variant_id, draft) or changed
        changed = await _count(work, variant_id, known, item) or changed
    _tell_left_alone(work)
    return changed


async def _reshape(work: Work, head: Found) -> bool:
    """A product that gains or loses its variants: what it had in stock itself, or they had, is counted out."""
    family = work.family
    gone = work.variants if family.is_simple else [head]
    held = sum(row.reserved_quantity for row in gone)
    if held:
        work.result.problems.append(
            Problem(
                family.line,
                work.columns["options"],
                f"Orders hold {held} units of the product as it was sold so far.",
                "Import it again when they are paid or expired.",
            )
        )
        work.result.outcome = "refused"
        return False
    for row in gone:
        if row.stock_quantity:
            await stock.adjust(work.session, row.id, 0, f"{_REASON}: sold otherwise now", work.actor_id)
        if row.variant_of:
            await commands.delete_product(work.session, row.id)
    return True


def _tell_left_alone(work: Work) -> None:
    matched = {row.id for item in work.family.items if (row := match(work.variants, item))}
    left = len(work.variants) - len(matched) - work.family.broken
    if left > 0:
        work.result.problems.append(
            Problem(
                work.family.line,
                work.columns["options"],
                "The shop has variants of this product that the file does not name; they stay as they are.",
                "Delete them in the shop if they are no longer sold.",
                "note",
            )
        )


async def _count(work: Work, product_id: UUID, known: Found | None, item: Item) -> bool:
    """Take over the file's count where it is new: sales since the last import of the same file are not undone."""
    if item.quantity is None:
        return False
    if known is None:
        if item.quantity:
            await stock.receive(work.session, product_id, item.quantity, _REASON, work.actor_id)
        return False
    if memory_of(known, work.format).get("quantity") == item.quantity:
        return False
    return await stock.adjust(work.session, product_id, item.quantity, _REASON, work.actor_id) != 0


async def _free_slugs(work: Work) -> list[str]:
    """A slug for each variant: the family's and its choice; with a mark where another product has that."""
    base = work.head.slug if work.head else work.family.slug
    base = base or make_slug(work.family.name, "product")
    wanted = [f"{base}-{make_slug(' '.join(item.options.values()), 'x', 80)}"[:255] for item in work.family.items]
    own = [row.id for row in work.variants]
    rows = await sql.fetch_all(work.session, _TAKEN, _Taken, skus=[], slugs=wanted, own=own)
    used = {row.slug for row in rows} | {row.slug for row in work.variants}
    slugs: list[str] = []
    for slug, item in zip(wanted, work.family.items, strict=True):
        if slug in used:
            slug = f"{slug[:240]}-{digest(base + repr(sorted(item.options.items())))}"
        used.add(slug)
        slugs.append(slug)
    return slugs
