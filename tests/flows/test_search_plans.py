"""How the statements of the search are run over 10,000 products: by indexes, the services and plans beside them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from lex.flows.search.near import _NEAR
from lex.flows.search.question import Search, question
from lex.flows.search.suggest import _SUGGEST
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")

_FILL = """
INSERT INTO products (id, sku, slug, name, description, price)
SELECT uuid_v7(), 'SKU-' || n, 'item-' || n, 'Thing ' || substr(md5(n::text), 1, 6) || ' ' || n % 50,
       'Made of ' || (ARRAY['felt', 'merino', 'rubber', 'walnut', 'carbon'])[1 + n % 5] || n % 20, n % 90 + 1
FROM generate_series(1, 10000) n
"""


@pytest.fixture
async def filled(database: str) -> Iterator[psycopg.Connection[Any]]:  # type: ignore[misc]
    """10,000 products, analysed."""
    await goods.run("SET LOCAL statement_timeout = '60s'")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_FILL.encode())
        connection.execute("VACUUM (ANALYZE)")
        yield connection


def _scans(connection: psycopg.Connection[Any], statement: str, params: dict[str, Any]) -> list[tuple[str, str]]:
    """The scans of a statement as type of node and what it reads."""
    text = psycopg.ClientCursor(connection).mogrify(statement, params)
    (plan,) = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchone() or ([],)
    found: list[tuple[str, str]] = []

    def walk(node: dict[str, Any]) -> None:
        if "Scan" in node["Node Type"]:
            found.append((node["Node Type"], node.get("Index Name") or node.get("Relation Name") or ""))
        for below in node.get("Plans", ()):
            walk(below)

    walk(plan[0]["Plan"])
    return found


async def test_a_search_reads_what_it_finds(filled: psycopg.Connection[Any]) -> None:
    for wanted, index in (
        (Search(q="merino1", facets=False), "idx_product_texts_search"),
        (Search(q="merino1"), "idx_product_texts_search"),
        (Search(q="felt0", facets=False, sort="price"), "idx_products_search"),
    ):
        scans = _scans(filled, *question(wanted))
        assert not {("Seq Scan", "products"), ("Seq Scan", "product_texts")} & set(scans)
        assert ("Bitmap Index Scan", index) in scans
        assert ("Bitmap Index Scan", "idx_products_lower_sku") in scans


async def test_suggestions_read_beginnings(filled: psycopg.Connection[Any]) -> None:
    params = {"name": "thing a", "name_end": "thing b", "query": "thing & a:*A", "last": "a:*", "head": "thing "}
    scans = _scans(filled, _SUGGEST, params | {"word": "a", "word_end": "b"})
    indexes = {name for _, name in scans}
    assert {"idx_products_listed_prefix", "idx_products_listed_words", "idx_search_words_word"} <= indexes
    assert not {("Seq Scan", "products"), ("Seq Scan", "search_words")} & set(scans)


async def test_near_words_are_looked_up(filled: psycopg.Connection[Any]) -> None:
    scans = _scans(filled, _NEAR, {"q": "merno", "words": ["merno"]})
    indexes = {name for _, name in scans}
    assert {"idx_search_words_shapes", "idx_search_words_trigrams", "idx_products_search"} <= indexes
    assert ("Seq Scan", "search_words") not in scans
