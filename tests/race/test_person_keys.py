"""Placing an order and destroying the key of whoever places it: whoever comes second waits and sees the first."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation

from lex.core import ids
from tests.support.rows import Rows

_DESTROY = "UPDATE person_keys SET wrapped_key = NULL, destroyed_at = now()"
_ROTATE = "UPDATE person_keys SET wrapped_key = decode(repeat('00', 60), 'hex'), key_id = 'k2'"

Outcome = list[str]


def placing() -> str:
    """One more order like the first."""
    order_id = ids.new_id()
    return f"""
        INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', '{order_id}', 'status', 'pending',
            'created_at', '{ids.instant_of(order_id)}', 'order_number', '{ids.order_number(order_id)}'))).*
        FROM orders o LIMIT 1
    """


@pytest.fixture
def person(database_url: str) -> Rows:
    """Somebody with a key whose one order is canceled."""
    rows = Rows(database_url)
    rows.add("orders")
    rows.run("UPDATE orders SET status = 'canceled'")
    rows.add("person_keys")
    return rows


def second(database_url: str, statement: str, outcome: Outcome) -> Callable[[], None]:
    def work() -> None:
        with psycopg.connect(database_url, autocommit=True) as other:
            try:
                other.execute(statement.encode())
                outcome.append("done")
            except CheckViolation as refused:
                outcome.append(str(refused.diag.constraint_name))

    return work


def raced(person: Rows, database_url: str, first: str, then: str, *, waits: bool) -> Any:
    """What the second gets, begun while the first is not committed yet."""
    outcome: Outcome = []
    other = threading.Thread(target=second(database_url, then, outcome))
    with person.connection.transaction():
        person.run(first)
        other.start()
        other.join(1)
        assert other.is_alive() == waits
    other.join(20)
    person.connection.close()
    return outcome


def test_a_key_is_kept_for_an_order_that_is_being_placed(person: Rows, database_url: str) -> None:
    assert raced(person, database_url, placing(), _DESTROY, waits=True) == ["ck_person_keys_open_orders"]


def test_nothing_is_ordered_under_a_key_that_is_being_destroyed(person: Rows, database_url: str) -> None:
    assert raced(person, database_url, _DESTROY, placing(), waits=True) == ["ck_orders_erased"]


@pytest.mark.parametrize("pair", [(placing(), _ROTATE), (_ROTATE, placing()), (placing(), placing())])
def test_turning_the_ring_keeps_nobody_from_ordering(person: Rows, database_url: str, pair: tuple[str, str]) -> None:
    assert raced(person, database_url, *pair, waits=False) == ["done"]
