"""Categories, products and the files of digital goods."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    FetchedValue,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import (
    Amount,
    Base,
    Counter,
    Document,
    Documents,
    Keyed,
    No,
    NonNegativeInteger,
    Rating,
    Slug,
    SoftDelete,
    Touched,
    Yes,
    ZeroOrMore,
    reference,
)
from lex.db.domains import one_of

LIVING = text("deleted_at IS NULL")
#: What the product list shows; each of its sorts has an index over just these, so that a page reads 25 rows.
LISTED = text("variant_of IS NULL AND deleted_at IS NULL AND is_active")


class Category(Keyed, Touched, SoftDelete, Base):
    """A node of the product tree. `path` is the slugs from the root, kept by the trigger `tr_categories_path`."""

    __tablename__ = "categories"
    __table_args__ = (
        CheckConstraint("parent_id <> id", name="parent_id"),
        Index("uq_categories_slug", "slug", unique=True, postgresql_where=LIVING),
        Index("idx_categories_slug", "slug"),
        Index("idx_categories_parent_id", "parent_id"),
        Index("idx_categories_order", "order"),
        Index("idx_categories_path", "path", postgresql_ops={"path": "text_pattern_ops"}),
    )

    parent_id: Mapped[UUID | None] = reference("categories", nullable=True)
    slug: Mapped[Slug]
    name: Mapped[str]
    description: Mapped[str | None]
    image: Mapped[Document]
    path: Mapped[str]
    order: Mapped[Counter]
    is_active: Mapped[Yes]


class Product(Keyed, Touched, SoftDelete, Base):
    """A sellable thing, or a family of variants. `stock_quantity` is on hand, `reserved_quantity` of it is held.

    `options`: a variant's choice such as {"Size": "M"}; a family's choices in their order, such as
    [{"name": "Size", "values": ["S", "M"]}]. `images`: [{"src", "alt"}], first is the main one. `description` is HTML,
    cleaned when it is written (`rules.clean_html`). `imported_from`: format → what the file said otherwise than an
    export would, so that it can be written back (docs/importing.md).
    """

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("reserved_quantity BETWEEN 0 AND stock_quantity", name="reserved_quantity"),
        CheckConstraint("variant_of <> id", name="variant_of"),
        Index("uq_products_sku", "sku", unique=True, postgresql_where=LIVING),
        Index("uq_products_slug", "slug", unique=True, postgresql_where=LIVING),
        Index("idx_products_slug", "slug"),
        Index("idx_products_sku", "sku"),
        Index("idx_products_lower_sku", text("lower(sku)")),
        Index("idx_products_barcode", "barcode", postgresql_where=text("barcode IS NOT NULL")),
        Index("idx_products_category_id", "category_id"),
        Index("idx_products_variant_of", "variant_of"),
        Index("idx_products_price", "price"),
        Index("idx_products_is_active", "is_active"),
        Index("idx_products_is_featured", "is_featured"),
        Index("idx_products_listed_newest", "id", postgresql_where=LISTED),
        Index("idx_products_listed_price", "price", "id", postgresql_where=LISTED),
        Index("idx_products_listed_name", text("lower(name)"), "id", postgresql_where=LISTED),
        Index("idx_products_listed_prefix", text("lower(name) text_pattern_ops"), postgresql_where=LISTED),
        Index(
            "idx_products_listed_words",
            text("to_tsvector('public.lex_text'::regconfig, name)"),
            postgresql_using="gin",
            postgresql_where=LISTED,
        ),
        Index("idx_products_listed_rating", text("coalesce(rating_average, 0)"), "id", postgresql_where=LISTED),
        Index("idx_products_listed_featured", text("(NOT is_featured)"), "order", "id", postgresql_where=LISTED),
        Index("idx_products_search", "search", postgresql_using="gin"),
        Index("idx_products_name", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
        Index("idx_products_options", "options", postgresql_using="gin", postgresql_ops={"options": "jsonb_path_ops"}),
        Index(
            "idx_products_attributes",
            "attributes",
            postgresql_using="gin",
            postgresql_ops={"attributes": "jsonb_path_ops"},
        ),
        Index("idx_products_tags", "tags", postgresql_using="gin"),
    )

    variant_of: Mapped[UUID | None] = reference("products", nullable=True)
    category_id: Mapped[UUID | None] = reference("categories", nullable=True)
    product_type: Mapped[str] = mapped_column(
        one_of("product_type", "physical", "digital"), server_default=text("'physical'")
    )
    sku: Mapped[str]
    slug: Mapped[Slug]
    name: Mapped[str]
    description: Mapped[str | None]
    brand: Mapped[str | None]
    price: Mapped[Amount]
    compare_at_price: Mapped[Amount | None]
    lowest_price_30_days: Mapped[Amount | None]
    tax_class: Mapped[str] = mapped_column(server_default=text("'standard'"))
    track_inventory: Mapped[Yes]
    stock_quantity: Mapped[Counter]
    reserved_quantity: Mapped[Counter]
    variant_count: Mapped[ZeroOrMore]
    order: Mapped[Counter]
    images: Mapped[Documents]
    options: Mapped[Document]
    attributes: Mapped[Document]
    tags: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'::text[]"))
    weight_grams: Mapped[NonNegativeInteger | None]
    barcode: Mapped[str | None]
    is_active: Mapped[Yes]
    is_featured: Mapped[No]
    seo_title: Mapped[str | None]
    seo_description: Mapped[str | None]
    rating_average: Mapped[Rating | None]
    rating_count: Mapped[ZeroOrMore]
    imported_from: Mapped[Document]
    #: Set by the trigger `tr_products_search`: name weighs most, then brand and tags, options, and the description.
    search: Mapped[Any] = mapped_column(TSVECTOR, FetchedValue())


class ProductPrice(Base):
    """What a product cost and when, as triggers on `products` write it; the open row is the price it has."""

    __tablename__ = "product_prices"
    __table_args__ = (
        CheckConstraint("valid_to > valid_from", name="valid_to"),
        Index("uq_product_prices_product_id", "product_id", unique=True, postgresql_where=text("valid_to IS NULL")),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    price: Mapped[Amount]
    valid_to: Mapped[datetime | None]
    transaction_id: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint"))


class DigitalFile(Keyed, SoftDelete, Base):
    """A file that buyers of a digital product may download after paying."""

    __tablename__ = "digital_files"
    __table_args__ = (
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
        UniqueConstraint("storage_key"),
        Index("idx_digital_files_product_id", "product_id"),
    )

    product_id: Mapped[UUID] = reference("products")
    name: Mapped[str]
    storage_key: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[bytes]


class Picture(Base):
    """A product's picture on another host, by its address, and what became of it. The id follows from the address."""

    __tablename__ = "pictures"
    __table_args__ = (CheckConstraint("(status = 'stored') = (num_nonnulls(src, width, height) = 3)", name="src"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    status: Mapped[str] = mapped_column(
        one_of("picture_status", "waiting", "stored", "failed"), server_default=text("'waiting'")
    )
    attempts: Mapped[Counter]
    src: Mapped[str | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    error: Mapped[str | None]
    tried_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class SearchWord(Base):
    """A word of what is on offer, as it is spelled there, without accents: what typing mistakes are put right to.

    Added by triggers on products, services and plans with the change that brings it; `ops/searching` counts the
    words anew and removes those that are gone. `shapes`: the word, and the word without each one of its characters.
    """

    __tablename__ = "search_words"
    __table_args__ = (
        Index("idx_search_words_word", "word", postgresql_ops={"word": "text_pattern_ops"}),
        Index("idx_search_words_trigrams", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
        Index("idx_search_words_shapes", "shapes", postgresql_using="gin"),
    )

    word: Mapped[str] = mapped_column(primary_key=True)
    frequency: Mapped[int] = mapped_column(server_default=text("1"))
    shapes: Mapped[list[str]] = mapped_column(ARRAY(TEXT), Computed("public.word_shapes(word)", persisted=True))


class ProductFacet(Base):
    """What lists count a product by, beside it: a row of each product that is offered, kept by triggers on products.

    `is_shown`: lists show it, as one thing or as a family of which a variant is offered.
    """

    __tablename__ = "product_facets"
    __table_args__ = (
        Index("idx_product_facets_category_id", "category_id", postgresql_where=text("is_shown")),
        Index("idx_product_facets_variant_of", "variant_of", postgresql_where=text("variant_of IS NOT NULL")),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    variant_of: Mapped[UUID | None]
    category_id: Mapped[UUID | None]
    brand: Mapped[str | None]
    stars: Mapped[int | None] = mapped_column(SmallInteger)
    price: Mapped[Amount]
    options: Mapped[dict[str, Any]] = mapped_column(JSONB)
    is_family: Mapped[bool]
    is_shown: Mapped[bool]
    is_available: Mapped[bool]
    is_reduced: Mapped[bool]


class ProductText(Base):
    """What words find a product by, beside it: a row of each one that lists show, kept by triggers on products."""

    __tablename__ = "product_texts"
    __table_args__ = (Index("idx_product_texts_search", "search", postgresql_using="gin"),)

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    search: Mapped[Any] = mapped_column(TSVECTOR)
