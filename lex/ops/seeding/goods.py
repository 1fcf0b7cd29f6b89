"""Products to load the shop with: simple ones and families of four sizes in 100 categories, the same for a seed."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from lex.core import ids
from lex.ops.seeding.at_rest import Load

CATEGORIES = 100
SIZES = ("S", "M", "L", "XL")
STOCK = 1_000_000
_CHUNK = 2000  # listed things at once
WORDS = [
    *("alpine", "amber", "bold", "breeze", "cedar", "cliff", "coral", "dune", "ember", "fern", "frost", "grove"),
    *("harbor", "lunar", "meadow", "oak"),
]
NOUNS = [
    *("jersey", "jacket", "bottle", "lamp", "helmet", "saddle", "glove", "light", "bag", "shoe", "sock", "cap"),
    *("pump", "bell", "rack", "tyre"),
]
BRANDS = ["Alto", "Berg", "Corsa", "Dorn", "Etna", "Fjord", "Grano", "Halde"]
#: A fourteenth of what is listed is made of each.
MATERIALS = [
    *("aluminium", "bamboo", "carbon", "cotton", "felt", "leather", "linen"),
    *("merino", "nylon", "rubber", "silk", "steel", "titanium", "walnut"),
]

_COLUMNS: LiteralString = (
    "id, variant_of, category_id, sku, slug, name, description, brand, price, compare_at_price, stock_quantity, "
    '"order", images, options, attributes, tags, weight_grams, is_featured, variant_count'
)
_CONDITIONS: LiteralString = """
INSERT INTO tax_rates (id, country, tax_class, rate, name)
SELECT uuid_v7(), %(country)s::text, 'standard', 19, 'VAT' WHERE NOT EXISTS (SELECT FROM tax_rates);
INSERT INTO shipping_methods (id, code, name, kind, price, free_from, countries, "order")
SELECT uuid_v7(), m.* FROM (VALUES
    ('parcel', 'Parcel', 'flat', 4.90, 75, ARRAY[%(country)s]::text[], 1),
    ('pickup', 'Collection', 'pickup', 0, NULL, '{}'::text[], 2)
) m WHERE NOT EXISTS (SELECT FROM shipping_methods)
"""
_RECEIVE: LiteralString = """
INSERT INTO stock_movements (id, product_id, kind, on_hand_change)
SELECT uuid_v7(), id, 'receive', stock_quantity FROM products WHERE id = ANY(%s) AND stock_quantity > 0
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """Something a list shows. `skus` are what can be bought of it; `price` in minor units."""

    slug: str
    name: str
    category: str
    price: int
    skus: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def category_slug(place: int) -> str:
    """The slug of one of the categories, counted from 0."""
    return f"category-{place}"


def invent(dice: random.Random, categories: list[UUID], products: int, first: int = 1) -> Iterator[Listed]:
    """As many products, numbered from `first` (`item-1`, `SKU-1` …): three in five are simple, the rest families."""
    families = families_in(products)
    simple = products - families * (len(SIZES) + 1)
    for place in range(simple + families):
        yield _listed(dice, first + place, categories, is_family=place >= simple)


def families_in(products: int) -> int:
    """How many families so many products hold; each counts with its variants."""
    return products * 8 // 100


def material_of(number: int) -> str:
    """What `item-{number}` is made of, as its description says."""
    return MATERIALS[number % len(MATERIALS)]


def write_conditions(connection: Connection[Any], country: str) -> list[UUID]:
    """A tax rate, two ways of shipping where there are none, and the categories; returns their ids in order."""
    with connection.cursor() as cursor:
        for statement in _CONDITIONS.split(";"):
            cursor.execute(statement, {"country": country})
        slugs = [category_slug(place) for place in range(CATEGORIES)]
        found = dict(cursor.execute("SELECT slug, id FROM categories WHERE slug = ANY(%s)", (slugs,)).fetchall())
        with cursor.copy('COPY categories (id, slug, name, path, "order") FROM STDIN') as copy:
            for place, slug in enumerate(slugs):
                if slug not in found:
                    found[slug] = ids.new_id()
                    copy.write_row((found[slug], slug, f"Category {place}", slug, place))
    return [found[slug] for slug in slugs]


def write(connection: Connection[Any], listed: Iterable[Listed]) -> tuple[int, int]:
    """Copy them in with what was received of them; returns how many rows of products and of movements."""
    keys = []
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY products ({_COLUMNS}) FROM STDIN") as copy:
            for one in listed:
                for row in one.rows:
                    keys.append(row[0])
                    copy.write_row(row)
        cursor.execute(_RECEIVE, (keys,))
        return len(keys), cursor.rowcount


def load(connection: Connection[Any], load: Load, listed: Iterator[Listed], wished: int, there: int) -> int:
    """Copy all of them in, in one transaction in which what would look at each row alone rests; returns the rows."""
    with connection.transaction(), connection.cursor() as cursor:
        with load.at_rest(cursor, ["products", "stock_movements"], rebuild=there < wished) as rows:
            while chunk := list(islice(listed, _CHUNK)):
                products, movements = write(connection, chunk)
                rows.update(products=products, stock_movements=movements)
                load.told("Products", rows["products"], wished)
        cursor.execute("SELECT public.fill_product_facets()")
    return rows["products"]


def _listed(dice: random.Random, number: int, categories: list[UUID], *, is_family: bool) -> Listed:
    place, price = dice.randrange(CATEGORIES), dice.randrange(500, 20000)
    name = f"{dice.choice(WORDS).title()} {dice.choice(NOUNS)} {number}"
    key, slug, sku = ids.new_id(), f"item-{number}", f"SKU-{number}"
    about = f"<p>{' '.join(dice.choices(WORDS + NOUNS, k=60)).capitalize()}, made of {material_of(number)}.</p>"
    images = [{"src": f"/files/{slug}-{n}.svg", "alt": name} for n in range(3)]
    common = (categories[place], dice.choice(BRANDS), dice.random() < 0.05)
    options: Any = [{"name": "Size", "values": [*SIZES]}] if is_family else {}
    own = _row(key, None, common, sku, slug, (name, about), price, 0 if is_family else STOCK, images, options)
    if not is_family:
        return Listed(slug, name, category_slug(place), price, (sku,), (own,))
    variants = tuple(
        _row(
            *(ids.new_id(), key, common, f"{sku}-{size}", f"{slug}-{size.lower()}", (f"{name} {size}", None)),
            *(price, STOCK, [], {"Size": size}),
        )
        for size in SIZES
    )
    return Listed(slug, name, category_slug(place), price, tuple(f"{sku}-{size}" for size in SIZES), (own, *variants))


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
    variants = len(SIZES) if isinstance(options, list) else 0
    extras = (Jsonb(images), Jsonb(options), attributes, [brand.lower(), f"p{place}"], price % 3000, is_featured)
    return (key, family, category, sku, slug, *texts, brand, major, reduced_from, stock, place, *extras, variants)
