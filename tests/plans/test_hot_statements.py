"""What the hot statements read, asked of PostgreSQL with the very constants the code sends."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from lex.carts import commands as cart_commands
from lex.carts import queries as carts
from lex.catalog import queries as catalog
from lex.catalog.listing import SORTS, ProductFilter, question
from lex.core import clock, cursors, ids, money
from lex.orders import desk, finding
from lex.orders import queries as orders
from lex.stock import releasing

#: Relevance needs words; tests/flows/test_search_plans.py looks at its plans.
PLAIN_SORTS = [sort for sort in SORTS if sort != "relevance"]

Database = psycopg.Connection[dict[str, Any]]
Node = dict[str, Any]
STAFF: dict[str, Any] = {"user_id": None, "sees_all": True, "tokens": []}
MONEY: dict[str, Any] = {"currency": "EUR", "scale": 100}
_PARTITION = re.compile(r"orders_p\d{4}q\d")


class Plan:
    """A plan as its nodes."""

    def __init__(self, seeded: Database, statement: str, params: dict[str, Any]) -> None:
        row = seeded.execute("EXPLAIN (FORMAT JSON) " + statement, params).fetchone()  # type: ignore[call-overload]
        assert row is not None
        self.nodes = list(_nodes(row["QUERY PLAN"][0]["Plan"]))
        self._filled = {row["relname"] for row in seeded.execute("SELECT relname FROM pg_class WHERE reltuples > 0")}

    @property
    def indexes(self) -> set[str]:
        """Names of the indexes used; a partition's as that of its parent."""
        names = {node["Index Name"] for node in self.nodes if "Index Name" in node}
        return {re.sub(r"^orders_p\d{4}q\d_(.+?)_?(idx|pkey|key)?\d*$", r"orders: \1", name) or name for name in names}

    @property
    def scanned(self) -> set[str]:
        """Tables that are read from end to end; an empty one may be."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"} & self._filled

    @property
    def partitions(self) -> set[str]:
        """Partitions of orders that are touched."""
        return {name for node in self.nodes if _PARTITION.fullmatch(name := node.get("Relation Name", ""))}

    @property
    def sorts(self) -> bool:
        """Whether anything is sorted, instead of read in order."""
        return any("Sort" in node["Node Type"] for node in self.nodes)

    def __repr__(self) -> str:
        return json.dumps(self.nodes, indent=1, default=str)


def _nodes(plan: Node) -> Iterator[Node]:
    children = plan.pop("Plans", [])
    yield plan
    for child in children:
        yield from _nodes(child)


@pytest.fixture(scope="module")
def some_order(seeded: Database) -> dict[str, Any]:
    row = seeded.execute("SELECT id, user_id, order_number FROM orders ORDER BY id OFFSET 3000 LIMIT 1").fetchone()
    assert row is not None
    return row


def found_by(seeded: Database, **given: Any) -> Plan:
    statement, params = finding.question(finding.OrderFilter(**given))
    return Plan(seeded, statement, params)


@pytest.mark.parametrize("sort", PLAIN_SORTS)
def test_a_list_of_everything_reads_its_order_from_an_index(seeded: Database, sort: str) -> None:
    plan = Plan(seeded, *question(ProductFilter(sort=sort, facets=False)))
    kind = sort.removeprefix("-")
    assert f"idx_products_listed_{kind}" in plan.indexes, plan
    assert "products" not in plan.scanned, plan


@pytest.mark.parametrize("sort", PLAIN_SORTS)
def test_a_list_of_a_category_reads_no_more_than_the_category(seeded: Database, sort: str) -> None:
    plan = Plan(seeded, *question(ProductFilter(category="category-7", sort=sort, facets=False)))
    assert {"idx_products_category_id", f"idx_products_listed_{sort.removeprefix('-')}"} & plan.indexes, plan
    assert "products" not in plan.scanned, plan


def test_the_next_page_starts_where_the_last_one_ended(seeded: Database) -> None:
    cursor = cursors.encode("newest", ids.new_id())
    plan = Plan(seeded, *question(ProductFilter(sort="newest", cursor=cursor, facets=False)))
    assert "idx_products_listed_newest" in plan.indexes, plan
    assert "products" not in plan.scanned, plan


def test_a_product(seeded: Database) -> None:
    plan = Plan(seeded, catalog._PRODUCT, {"slug": "item-17", **MONEY})
    assert {"uq_products_slug", "idx_products_slug"} & plan.indexes, plan
    assert "idx_products_variant_of" in plan.indexes, plan
    assert "products" not in plan.scanned, plan


def test_the_category_tree_reads_no_product(seeded: Database) -> None:
    relations = [node.get("Relation Name") for node in Plan(seeded, catalog._TREE, {}).nodes]
    assert relations.count("product_facets") == 1
    assert "products" not in relations


def test_facets_read_no_product_but_the_page(seeded: Database) -> None:
    for category in ("category-7", None):
        page, plan = (
            Plan(seeded, *question(ProductFilter(category=category, facets=asked))) for asked in (False, True)
        )
        read = [sum(node.get("Relation Name") == "products" for node in each.nodes) for each in (page, plan)]
        assert read[0] == read[1], plan
        assert "products" not in plan.scanned, plan
    with seeded.transaction():
        seeded.execute("SET LOCAL enable_seqscan = off")  # the narrow table of this shop is read at once otherwise
        plan = Plan(seeded, *question(ProductFilter(category="category-7")))
    assert {"idx_product_facets_category_id", "idx_product_facets_variant_of"} <= plan.indexes, plan


def test_an_order_by_its_id(seeded: Database, some_order: dict[str, Any]) -> None:
    params = {**STAFF, "order_id": some_order["id"], "now": clock.now(), "without_decimals": money.WITHOUT_DECIMALS}
    plan = Plan(seeded, orders._ORDER, params)
    assert len(plan.partitions) == 1, plan
    assert not plan.scanned & {"order_items", "order_tokens", "payments", "payment_attempts", "fulfilments"}, plan
    assert not plan.scanned & {"person_keys", "fulfilment_items"}, plan
    assert not any(name.startswith("orders_p") for name in plan.scanned), plan


def test_the_timeline_of_an_order(seeded: Database, some_order: dict[str, Any]) -> None:
    plan = Plan(seeded, orders._TIMELINE, {"order_id": some_order["id"]})
    assert "idx_order_events_order_id" in plan.indexes, plan


def test_an_order_at_the_desk_is_locked_by_its_id(seeded: Database, some_order: dict[str, Any]) -> None:
    for statement in (desk._LOCK, desk._HEAD):
        plan = Plan(seeded, statement, {**STAFF, "order_id": some_order["id"], "now": clock.now()})
        assert len(plan.partitions) == 1, plan
        assert not any(name.startswith("orders_p") for name in plan.scanned), plan


def test_an_order_number_touches_one_partition(seeded: Database, some_order: dict[str, Any]) -> None:
    plan = found_by(seeded, number=some_order["order_number"])
    assert len(plan.partitions) == 1, plan
    assert plan.scanned == set(), plan
    plan = Plan(seeded, finding._ID, {"number": some_order["order_number"]})
    assert (plan.partitions, plan.scanned) == (set(), set()), plan


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"status": "completed"},
        {"status": "canceled"},
        {"payment_status": "paid"},
        {"fulfilment_status": "unfulfilled"},
    ],
)
def test_a_list_of_orders_is_read_newest_first(seeded: Database, given: dict[str, str]) -> None:
    plan = found_by(seeded, **given)
    assert not plan.sorts, plan
    assert plan.scanned == set(), plan


@pytest.mark.parametrize(
    ("kind", "rare"),
    [("status", "pending"), ("payment_status", "refunded"), ("fulfilment_status", "partially_fulfilled")],
)
def test_what_few_orders_are_is_not_looked_for_in_all_of_them(seeded: Database, kind: str, rare: str) -> None:
    plan = found_by(seeded, **{kind: rare})
    assert any(name.startswith(f"orders: {kind}") for name in plan.indexes), plan
    assert plan.scanned == set(), plan


@pytest.mark.parametrize(
    "given",
    [
        {"status": "canceled", "payment_status": "paid"},
        {"status": "completed", "fulfilment_status": "unfulfilled"},
        {"payment_status": "voided", "fulfilment_status": "fulfilled"},
    ],
)
def test_a_pair_of_states_that_hardly_exists_is_told_from_an_index(seeded: Database, given: dict[str, str]) -> None:
    plan = found_by(seeded, **given)
    assert (plan.sorts, plan.scanned) == (False, set()), plan
    conditions = [node["Index Cond"] for node in plan.nodes if _PARTITION.fullmatch(node.get("Relation Name", ""))]
    assert conditions, plan
    assert all(f"({kind})::text = " in condition for condition in conditions for kind in given), plan


def test_a_time_range_touches_its_partition(seeded: Database) -> None:
    end = clock.real_now() - timedelta(days=200)
    end = end.replace(month=(end.month - 1) // 3 * 3 + 2, day=20)
    plan = found_by(seeded, status="completed", placed_from=end - timedelta(days=7), placed_until=end)
    assert len(plan.partitions) == 1, plan
    assert plan.scanned == set(), plan


def test_customers_are_found_by_blind_tokens(seeded: Database, some_order: dict[str, Any]) -> None:
    tokens = finding._tokens("ada bauer")
    plan = Plan(seeded, finding._USERS, {"tokens": tokens, "blind_keys": 1, "most": 2001})
    assert "idx_blind_tokens_token" in plan.indexes, plan
    few, params = finding.question(finding.OrderFilter(), tokens=tokens, users=[some_order["user_id"]])
    with seeded.transaction():
        seeded.execute("SET LOCAL enable_seqscan = off")  # a quarter of this shop is read at once otherwise
        plan = Plan(seeded, few, params)
    assert any(name.startswith("orders: user_id") for name in plan.indexes), plan


def test_half_the_town_is_looked_for_newest_first(seeded: Database) -> None:
    many = [row["id"] for row in seeded.execute("SELECT id FROM users")]
    plan = Plan(seeded, *finding.question(finding.OrderFilter(), tokens=[b"x"], users=many))
    assert not plan.sorts, plan
    assert not any(name.startswith("orders_p") for name in plan.scanned), plan
    plan = Plan(seeded, *finding.question(finding.OrderFilter(), tokens=[b"x"], users=many * 3))
    assert {"pk_blind_tokens", "idx_blind_tokens_token"} & plan.indexes, plan
    assert not any(name.startswith("orders_p") for name in plan.scanned), plan


def test_expired_orders(seeded: Database) -> None:
    now = clock.now()
    plan = Plan(seeded, desk._EXPIRED, {"now": now, "asked_since": now})
    assert not any(name.startswith("orders_p") for name in plan.scanned), plan
    assert "payment_attempts" not in plan.scanned, plan


def test_holds_are_found_by_order_and_by_product(seeded: Database, some_order: dict[str, Any]) -> None:
    with seeded.transaction():
        seeded.execute("SET LOCAL enable_seqscan = off")  # a hundred rows are read at once otherwise
        plan = Plan(seeded, releasing._RELEASE, {"order_id": some_order["id"]})
        assert "uq_stock_holds_order_id_product_id" in plan.indexes, plan
        expired = {"products": [some_order["id"]], "now": clock.now()}
        plan = Plan(seeded, releasing._RELEASE_EXPIRED, expired)
    assert {"idx_stock_holds_product_id", "idx_stock_holds_expires_at"} & plan.indexes, plan


def test_open_carts(seeded: Database, some_order: dict[str, Any]) -> None:
    plan = Plan(seeded, cart_commands._EXPIRE, {"now": clock.now(), "most": 500})
    assert "idx_carts_expires_at" in plan.indexes, plan
    plan = Plan(seeded, carts._PLAIN, {**STAFF, "id": some_order["id"], "scale": 100, "shop_country": "DE"})
    assert {"pk_carts", "uq_carts_id_user_id"} & plan.indexes, plan
    assert not plan.scanned & {"carts", "cart_items", "products"}, plan


def test_the_queue_is_read_by_its_indexes(seeded: Database) -> None:
    """The worker's own statement is a function of the queue's schema; its body is asked as it stands."""
    row = seeded.execute("SELECT prosrc FROM pg_proc WHERE proname = 'procrastinate_fetch_job_v2'").fetchone()
    assert row is not None
    assert "FOR UPDATE OF jobs SKIP LOCKED" in row["prosrc"]
    indexes = {
        name["indexdef"]
        for name in seeded.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'procrastinate_jobs'")
    }
    assert any("status" in definition for definition in indexes), indexes
