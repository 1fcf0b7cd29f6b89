"""The catalogue of the benchmark: 10,000 products in 100 categories, the same each time."""

import random
from dataclasses import dataclass

import psycopg

from lex.core.settings import settings
from lex.ops.seeding import goods as seeding
from lex.ops.seeding.goods import (
    CATEGORIES,
    MATERIALS,
    NOUNS,
    SIZES,
    WORDS,
    category_slug,
    families_in,
    material_of,
)

__all__ = [
    "CATEGORIES",
    "FAMILIES",
    "MATERIALS",
    "NOUNS",
    "SIMPLE",
    "WORDS",
    "Goods",
    "Item",
    "Listed",
    "category_slug",
    "load",
    "material_of",
]

PRODUCTS = 10_000
FAMILIES = families_in(PRODUCTS)
SIMPLE = PRODUCTS - FAMILIES * (len(SIZES) + 1)


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be bought. `price` in minor units."""

    sku: str
    price: int


@dataclass(frozen=True, slots=True)
class Listed:
    """Something that is listed: `item-1`, `item-2` …"""

    slug: str
    name: str
    category: str
    price: int


@dataclass(frozen=True, slots=True)
class Goods:
    """What a scenario may ask for, and what it must be answered."""

    listed: list[Listed]
    items: list[Item]


def load(database_url: str) -> Goods:
    """Fill an empty, migrated database."""
    with psycopg.connect(database_url) as connection:
        categories = seeding.write_conditions(connection, settings().country)
        made = list(seeding.invent(random.Random(20250126), categories, PRODUCTS))
        seeding.write(connection, made)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
    return Goods(
        [Listed(one.slug, one.name, one.category, one.price) for one in made],
        [Item(sku, one.price) for one in made for sku in one.skus],
    )
