"""Verbs of the category tree. `path` and the refusal of cycles are the database's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from lex.catalog import rules
from lex.catalog.drafts import CategoryDraft
from lex.core import clock, ids
from lex.core.errors import Conflict, Invalid, NotFound
from lex.core.texts import free_slug, make_slug
from lex.db import sql
from lex.db.session import Session

# `path` is written by tr_categories_path; the column only needs a value to pass NOT NULL.
_INSERT: LiteralString = """
INSERT INTO categories (id, parent_id, slug, name, description, image, path, "order", is_active)
VALUES (%(id)s, %(parent_id)s, %(slug)s::text, %(name)s, %(description)s, %(image)s, %(slug)s::text, %(order)s,
    %(is_active)s)
"""

_UPDATE: LiteralString = """
UPDATE categories SET parent_id = %(parent_id)s, slug = %(slug)s::text, name = %(name)s,
    description = %(description)s, image = %(image)s, "order" = %(order)s, is_active = %(is_active)s
WHERE id = %(id)s AND deleted_at IS NULL AND (parent_id, slug, name, description, image, "order", is_active)
    IS DISTINCT FROM (%(parent_id)s::uuid, %(slug)s::text, %(name)s::text, %(description)s::text, %(image)s::jsonb,
                      %(order)s::integer, %(is_active)s::boolean)
"""

_TAKEN: LiteralString = "SELECT true FROM categories WHERE slug = %(slug)s AND deleted_at IS NULL"

_SLUGS: LiteralString = """
SELECT slug FROM categories WHERE deleted_at IS NULL AND (slug = %(slug)s OR slug LIKE %(slug)s || '-%%')
"""

_LIVING: LiteralString = "SELECT count(*) FROM categories WHERE id = %(id)s AND deleted_at IS NULL"

_IN_USE: LiteralString = """
SELECT (SELECT count(*) FROM categories WHERE parent_id = %(id)s AND deleted_at IS NULL) AS children,
       (SELECT count(*) FROM products WHERE category_id = %(id)s AND deleted_at IS NULL) AS products
"""

_DELETE: LiteralString = "UPDATE categories SET deleted_at = %(now)s WHERE id = %(id)s AND deleted_at IS NULL"

_CHILD: LiteralString = """
SELECT id FROM categories
WHERE name = %(name)s AND parent_id IS NOT DISTINCT FROM %(parent_id)s::uuid AND deleted_at IS NULL
ORDER BY id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class _Slug:
    slug: str


@dataclass(frozen=True, slots=True)
class _Use:
    children: int
    products: int


async def create_category(session: Session, draft: CategoryDraft) -> UUID:
    """A new category. Raises `Invalid` (also for an unknown parent); a taken slug refuses at the end."""
    rules.check_category(draft)
    await _require_parent(session, draft.parent_id)
    category_id = ids.new_id()
    slug = draft.slug or await _new_slug(session, draft.name)
    await sql.execute(session, _INSERT, **_params(category_id, draft, slug))
    return category_id


async def change_category(session: Session, category_id: UUID, draft: CategoryDraft) -> bool:
    """Make a category what the draft says; False when it already was.

    Raises `Invalid` for bad fields and an unknown parent; a category moved below itself is refused by the database.
    """
    rules.check_category(draft)
    if not draft.slug:
        raise ValueError("a change names the slug")
    await _require_parent(session, draft.parent_id)
    return await sql.execute(session, _UPDATE, **_params(category_id, draft, draft.slug)) == 1


async def delete_category(session: Session, category_id: UUID) -> None:
    """Hide an empty category. Raises `NotFound`, and `Conflict` while products or categories stand in it."""
    use = await sql.fetch_one(session, _IN_USE, _Use, id=category_id)
    if use and (use.children or use.products):
        raise Conflict(
            f"{use.products} products and {use.children} categories stand in it; move them first.",
            code="category_in_use",
        )
    if not await sql.execute(session, _DELETE, id=category_id, now=clock.real_now()):
        raise NotFound("There is no such category.", code="category_not_found")


async def ensure_path(session: Session, names: Sequence[str]) -> tuple[UUID | None, list[str]]:
    """The category at a path of names, made where missing; returns its id and the paths that were made."""
    parent: UUID | None = None
    made: list[str] = []
    for depth, name in enumerate(names):
        found: UUID | None = await sql.fetch_value(session, _CHILD, name=name, parent_id=parent)
        if found is None:
            found = await create_category(session, CategoryDraft(name=name, parent_id=parent))
            made.append(" > ".join(names[: depth + 1]))
        parent = found
    return parent, made


async def _require_parent(session: Session, parent_id: UUID | None) -> None:
    if parent_id and not await sql.fetch_value(session, _LIVING, id=parent_id):
        raise Invalid("parent_id", "There is no such category to stand below.")


async def _new_slug(session: Session, name: str) -> str:
    wanted = make_slug(name, "category")
    if not await sql.fetch_value(session, _TAKEN, slug=wanted):
        return wanted
    taken = await sql.fetch_all(session, _SLUGS, _Slug, slug=wanted)
    return free_slug(wanted, {row.slug for row in taken})


def _params(category_id: UUID, draft: CategoryDraft, slug: str) -> dict[str, object]:
    return {
        "id": category_id,
        "parent_id": draft.parent_id,
        "slug": slug,
        "name": draft.name,
        "description": draft.description,
        "image": sql.json(draft.image),
        "order": draft.order,
        "is_active": draft.is_active,
    }
