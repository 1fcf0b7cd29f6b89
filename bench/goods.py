"""The catalogue of the benchmark: 10,000 products in 100 categories, the same each time."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from lex.core import ids

CATEGORIES = 100
SIMPLE = 6000
FAMILIES = 800
VARIANTS = 4  # of each family
STOCK = 1_000_000
SIZES = ("S", "M", "L", "XL")
WORDS = [
    "alpine",
    "amber",
    "bold",
    "breeze",
    "cedar",
    "cliff",
    "coral",
    "dune",
    "ember",
    "fern",
    "frost",
    "grove",
    "harbor",
    "lunar",
    "meadow",
    "oak",
]
NOUNS = [
    "jersey",
    "jacket",
    "bottle",
    "lamp",
    "helmet",
    "saddle",
    "glove",
    "light",
    "bag",
    "shoe",
    "sock",
    "cap",
    "pump",
    "bell",
    "rack",
    "tyre",
]
#: A fourteenth of the products is made of each: a search for one finds some 480.
MATERIALS = [
    *("aluminium", "bamboo", "carbon", "cotton", "felt", "leather", "linen"),
    *("merino", "nylon", "rubber", "silk", "steel", "titanium", "walnut"),
]
BRANDS = ["Alto", "Berg", "Corsa", "Dorn", "Etna", "Fjord", "Grano", "Halde"]

_CONDITIONS = """
INSERT INTO tax_rates (id, country, tax_class, rate, name) VALUES (uuid_v7(), 'DE', 'standard', 19, 'VAT');
INSERT INTO shipping_methods (id, code, name, kind, price, free_from, countries, "order")
VALUES (uuid_v7(), 'parcel', 'Parcel', 'flat', 4.90, 75, '{DE}', 1),
       (uuid_v7(), 'pickup', 'Collection', 'pickup', 0, NULL, '{}', 2);
"""
_COLUMNS = (
    "id, variant_of, category_id, sku, slug, name, description, brand, price, compare_at_price, stock_quantity, "
    '"order", images, options, attributes, tags, weight_grams, is_featured'
)


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
    dice = random.Random(20250126)
    goods, rows = Goods([], []), []
    categories = [ids.new_id() for _ in range(CATEGORIES)]
    for number in range(1, SIMPLE + FAMILIES + 1):
        rows += _product(dice, number, categories, goods)
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(_CONDITIONS)
        with cursor.copy('COPY categories (id, slug, name, path, "order") FROM STDIN') as copy:
            for place, key in enumerate(categories):
                copy.write_row((key, category_slug(place), f"Category {place}", category_slug(place), place))
        with cursor.copy(f"COPY products ({_COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            "INSERT INTO stock_movements (id, product_id, kind, on_hand_change)"
            " SELECT uuid_v7(), id, 'receive', stock_quantity FROM products WHERE stock_quantity > 0"
        )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
    return goods


def material_of(number: int) -> str:
    """What `item-{number}` is made of, as its description says."""
    return MATERIALS[number % len(MATERIALS)]


def category_slug(place: int) -> str:
    """The slug of one of the categories, counted from 0."""
    return f"category-{place}"


def _product(dice: random.Random, number: int, categories: list[UUID], goods: Goods) -> list[tuple[Any, ...]]:
    """A simple product, or a family with its variants."""
    place, price = dice.randrange(CATEGORIES), dice.randrange(500, 20000)
    name = f"{dice.choice(WORDS).title()} {dice.choice(NOUNS)} {number}"
    key, slug, is_family = ids.new_id(), f"item-{number}", number > SIMPLE
    goods.listed.append(Listed(slug, name, category_slug(place), price))
    about = f"<p>{' '.join(dice.choices(WORDS + NOUNS, k=60)).capitalize()}, made of {material_of(number)}.</p>"
    images = [{"src": f"/files/{slug}-{n}.svg", "alt": name} for n in range(3)]
    options: Any = [{"name": "Size", "values": [*SIZES]}] if is_family else {}
    common = (categories[place], dice.choice(BRANDS), dice.random() < 0.05)
    own = _row(
        key, None, common, f"SKU-{number}", slug, (name, about), price, 0 if is_family else STOCK, images, options
    )
    if not is_family:
        goods.items.append(Item(f"SKU-{number}", price))
        return [own]
    rows = [own]
    for size in SIZES:
        sku = f"SKU-{number}-{size}"
        goods.items.append(Item(sku, price))
        variant = (f"{name} {size}", None)
        rows.append(
            _row(ids.new_id(), key, common, sku, f"{slug}-{size.lower()}", variant, price, STOCK, [], {"Size": size})
        )
    return rows


def _row(
    key: UUID,
    family: UUID | None,
    common: tuple[UUID, str, bool],
    sku: str,
    slug: str,
    texts: tuple[str, str | None],
    price: int,
    stock: int,
    images: Any,
    options: Any,
) -> tuple[Any, ...]:
    category, brand, is_featured = common
    major = Decimal(price) / 100
    reduced_from = major * 2 if price % 5 == 0 else None
    place = price % 50
    attributes = Jsonb({"material": slug[-1], "origin": brand})
    extras = (Jsonb(images), Jsonb(options), attributes, [brand.lower(), f"p{place}"], price % 3000, is_featured)
    return (key, family, category, sku, slug, *texts, brand, major, reduced_from, stock, place, *extras)
