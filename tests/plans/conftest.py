"""A shop with two years of trade, made by the code of `lex seed`: small enough to wait for, big enough to plan for."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from lex.core.settings import Settings, settings
from lex.ops import seeding
from tests.conftest import temporary_database
from tests.support.cluster import Cluster
from tests.web.conftest import web_home

__all__ = ["web_home"]

# Guests who have not bought yet, one thing in each cart; every tenth has not come back in time.
_CARTS = """
INSERT INTO carts (id, token_hash, currency, country, expires_at)
SELECT uuid_v7(), sha256(n::text::bytea), 'EUR', 'DE', now() + interval '1 day' * (n % 10 * 2 - 1)
FROM generate_series(1, 2000) n;
INSERT INTO cart_items (id, cart_id, item_type, product_id, quantity, seen_price)
SELECT uuid_v7(), c.id, 'product', (SELECT id FROM products WHERE sku = 'SKU-17'), 1, 1 FROM carts c;
ANALYZE carts, cart_items
"""
WISH = seeding.Wish(products=2000, orders=12_000, buyers=1000)


@pytest.fixture(scope="module")
def seeded_settings(cluster: Cluster, template: str, web_home: Path) -> Iterator[Settings]:
    """Settings of the seeded shop."""
    before = os.environ.get("LEX_HOME")
    os.environ["LEX_HOME"] = str(web_home)
    settings.cache_clear()
    for url in temporary_database(cluster, template):
        config = replace(settings(), database_url=url)
        seeding.seed(config, WISH, lambda *_: None)
        yield config
    settings.cache_clear()
    if before is None:
        del os.environ["LEX_HOME"]
    else:
        os.environ["LEX_HOME"] = before


@pytest.fixture(scope="module")
def seeded(seeded_settings: Settings) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A connection to the seeded shop, in autocommit."""
    with psycopg.connect(seeded_settings.database_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(_CARTS)
        yield connection
