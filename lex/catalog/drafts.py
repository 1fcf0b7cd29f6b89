"""What a category or a product is to be: the input of the catalogue's commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryDraft:
    """A category. Without `slug` one is made from the name."""

    name: str
    slug: str = ""
    parent_id: UUID | None = None
    description: str | None = None
    image: Mapping[str, Any] = field(default_factory=dict)
    order: int = 0
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDraft:
    """A product, a family or one variant of it (`variant_of`). Amounts in minor units; stock is not part of it.

    `options`: a variant's choice {"Size": "M"}; a family's choices [{"name": "Size", "values": ["S", "M"]}].
    `images`: [{"src", "alt"}], the first is the main one; one fetched from another host also has its
    `source`, `width` and `height`. `description`: HTML; all but plain text marks is removed.
    The price of a family is the lowest of its variants and not taken from here once it has any.
    """

    name: str
    sku: str
    price: int
    slug: str = ""
    variant_of: UUID | None = None
    category_id: UUID | None = None
    product_type: str = "physical"
    description: str | None = None
    brand: str | None = None
    compare_at_price: int | None = None
    tax_class: str = "standard"
    track_inventory: bool = True
    order: int = 0
    images: Sequence[Mapping[str, Any]] = ()
    options: Mapping[str, str] | Sequence[Mapping[str, Any]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    weight_grams: int | None = None
    barcode: str | None = None
    is_active: bool = True
    is_featured: bool = False
    seo_title: str | None = None
    seo_description: str | None = None
    imported_from: Mapping[str, Any] = field(default_factory=dict)
