"""Models and SQL alike leave soft-deleted rows out, unless they are asked for."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import pytest
from sqlalchemy import create_engine, delete, select, update
from sqlalchemy.engine import make_url

import lex
from lex.catalog.models import Category, Product
from lex.db.living import Living
from lex.db.roles import WORKER, url_of
from lex.ops.models import metadata
from tests.support.rows import START, Rows

SOFT = {table.name for table in metadata.sorted_tables if "deleted_at" in table.columns}

#: Constants that read such a table and do not speak of deleted_at: why that is right → which.
NAMES_THEM_ALL = {
    name: why
    for why, names in {
        "the row was read, checked and locked before": """
            carts.commands._BUMP carts.commands._SET_QUANTITY carts.commands._REMOVE carts.couponing._SET_CODES
            carts.couponing._CARRY_CODES carts.merging._ADOPT carts.merging._MERGE coupons.commands._UPDATE
            coupons.commands._DEACTIVATE notifications.commands._MARK orders.placing._PLACE orders.placing._PLACE_PLAIN
            orders.placing._PLACE_WITH_COUPONS stock.holding._LOCK_FOR_CART stock.holding.HOLD""",
        "an order goes on with what it sold, taken off the shelf or not": """
            coupons.holding._LOCK_FOR_ORDER orders.queries._PAGE orders.queries._PAGE_PARTS orders.downloads._LIST
            orders.downloads._GET orders.own._OWN orders.paying.LOCKED orders.paying._LOCK_STANDING stock.holding.LOCKED
            stock.holding._LOCK_FOR_ORDER""",
        "counters of deleted products are right too": """
            stock.commands._COUNTS stock.commands._LOCK stock.commands._CORRECT""",
        "what was deleted is erased and ends like the rest": """
            flows.reindex_people._PERSON flows.reindex_people._NEXT flows.reindex_people._GUESTS
            flows.reindex_people._NAMESAKES flows.reindex_people._ONE flows.reindex_people._WRITE
            flows.erase_person._ERASURES carts.commands._EXPIRE""",
        "what somebody has was called so, whether it is still on the shelf": """
            flows.own_data.parts._CODE flows.own_data.parts._FILE flows.own_data.parts._GOODS
            flows.own_data.parts._PLAN""",
        "what was there once is not made again; what was priced once has a currency": """
            flows.load_demo._THERE ops.currency._PRICED ops.seeding._THERE ops.seeding.goods._CONDITIONS""",
        "over rows of the statement before": """
            ops.seeding.goods._RECEIVE ops.seeding.orders.TAKE ops.seeding.statements.TAKE
            ops.seeding.statements._PLACE""",
    }.items()
    for name in names.split()
}


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    """A living and a deleted product in a living category, and a deleted category."""
    with Rows(database_url) as made:
        made.add("categories", slug="gone", deleted_at=START)
        made.add("categories", slug="here")
        made.add("products", sku="gone", deleted_at=START, category_id=made.last["categories"]["id"])
        made.add("products", sku="here", category_id=made.last["categories"]["id"])
        yield made


@pytest.fixture
def models(database_url: str, rows: Rows) -> Iterator[Living]:
    """What a program opens that reads the shop through its models."""
    engine = create_engine(make_url(url_of(WORKER, database_url)).set(drivername="postgresql+psycopg"))
    with Living(engine) as session:
        yield session
    engine.dispose()


def test_models_leave_deleted_rows_out(models: Living, rows: Rows) -> None:
    joined = select(Product.sku).join(Category, Category.id == Product.category_id)
    assert models.scalars(select(Product.sku)).all() == ["here"]
    assert models.scalars(joined).all() == ["here"]
    assert [one.slug for one in models.scalars(select(Category))] == ["here"]
    assert models.get(Product, rows.one("SELECT id FROM products WHERE sku = 'gone'")) is None
    every = select(Product.sku).order_by(Product.sku).execution_options(with_deleted=True)
    assert models.scalars(every).all() == ["gone", "here"]


def test_changes_through_models_leave_deleted_rows_alone(models: Living, rows: Rows) -> None:
    models.execute(update(Product).values(brand="new"))
    models.execute(delete(Category).where(Category.slug == "gone"))
    models.commit()
    assert rows.column("SELECT sku FROM products WHERE brand = 'new'") == ["here"]
    assert rows.one("SELECT count(*) FROM categories") == 2


def statements() -> Iterator[tuple[str, str]]:
    """Every SQL text that stands in a module of Lex, as it is sent or as a part of what is sent."""
    for found in pkgutil.walk_packages(lex.__path__, "lex."):
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            yield from _texts_of(importlib.import_module(found.name))


def _texts_of(module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in vars(module).items():
        texts = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else [value]
        for text in texts:
            if isinstance(text, str) and re.search(r"\b(SELECT|UPDATE|DELETE|FROM|JOIN)\b", text):
                yield f"{module.__name__}.{name}".removeprefix("lex."), text


def test_every_statement_over_such_a_table_speaks_of_deleted_rows() -> None:
    """When this fails: write `deleted_at IS NULL`, or put the statement into `NAMES_THEM_ALL` with its reason."""
    silent: dict[str, set[str]] = {}
    seen = 0
    for name, text in statements():
        named = {table for table in SOFT if re.search(rf"\b(FROM|JOIN|UPDATE) {table}\b", text)}
        seen += bool(named)
        if named and "deleted_at" not in text:
            silent.setdefault(name, set()).update(named)
    assert seen > 80
    assert silent.keys() - NAMES_THEM_ALL.keys() == set(), silent
    assert NAMES_THEM_ALL.keys() - silent.keys() == set()
