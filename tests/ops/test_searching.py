"""The language of the search follows the setting; words are counted and forgotten."""

from collections import deque

import pytest

from lex.ops import searching
from tests.support.rows import Rows

LANGUAGES = [
    ("german", "Häuser für Räder", ["haus", "HÄUSER", "rad für haus"], ["fahrrad"]),
    ("french", "Des lampes électriques", ["lampe electrique", "lampe des"], ["bicyclette"]),
    ("spanish", "Bicicletas eléctricas", ["bicicleta eléctrica"], ["bici"]),
    ("simple", "The cafés", ["cafes", "the CAFÉS"], ["cafe"]),
    ("arabic", "دراجات جديدة", ["دراجات"], ["كتاب"]),
]


def _found(rows: Rows, query: str) -> bool:
    return bool(rows.one("SELECT count(*) FROM products WHERE search @@ search_query(%s)", query))


@pytest.mark.parametrize(("language", "name", "found", "missed"), LANGUAGES, ids=[line[0] for line in LANGUAGES])
def test_a_language(database_url: str, language: str, name: str, found: list[str], missed: list[str]) -> None:
    assert searching.language(database_url) == "english"
    with Rows(database_url) as rows:
        rows.add("products", name=name)
    steps = list(searching.rebuild(database_url, language))
    assert steps == [(1, 1)]
    assert searching.language(database_url) == language
    with Rows(database_url) as rows:
        assert [query for query in found if not _found(rows, query)] == []
        assert [query for query in missed if _found(rows, query)] == []
    deque(searching.rebuild(database_url, "english"), maxlen=0)
    with Rows(database_url) as rows:
        rows.run("UPDATE products SET name = 'Riding the bells'")
        assert _found(rows, "ride the bell")


def test_a_change_that_broke_off_is_taken_up_again(database_url: str) -> None:
    with Rows(database_url) as rows:
        rows.add("products", name="Häuser")
        rows.run(
            "INSERT INTO services (id, service_type, slug, name, price) VALUES (uuid_v7(), 'one_time', 's', 'S', 1)"
        )
    steps = searching.rebuild(database_url, "german")
    next(steps)
    steps.close()
    assert searching.language(database_url) != "german"
    deque(searching.rebuild(database_url, "german"), maxlen=0)
    assert searching.language(database_url) == "german"


def test_nothing_but_the_words_changes(database_url: str) -> None:
    with Rows(database_url) as rows:
        rows.add("products", name="Riding bells")
        audited = rows.one("SELECT count(*) FROM audit_logs")
        before = rows.one("SELECT to_jsonb(p) - '{search,updated_at}'::text[] FROM products p")
    deque(searching.rebuild(database_url, "simple"), maxlen=0)
    with Rows(database_url) as rows:
        assert rows.one("SELECT to_jsonb(p) - '{search,updated_at}'::text[] FROM products p") == before
        assert rows.one("SELECT count(*) FROM audit_logs") == audited


def test_words_are_counted_and_those_that_stay_away_are_forgotten(database_url: str) -> None:
    with Rows(database_url) as rows:
        rows.add("products", name="Brass bell", slug="a", sku="A")
        rows.add("products", name="Small bell", slug="b", sku="B")
    assert searching.count_words(database_url) == 3
    with Rows(database_url) as rows:
        assert rows.one("SELECT frequency FROM search_words WHERE word = 'bell'") == 2
        rows.run("UPDATE products SET deleted_at = now() WHERE sku = 'A'")
    searching.count_words(database_url)
    with Rows(database_url) as rows:
        assert rows.one("SELECT frequency FROM search_words WHERE word = 'brass'") == 0
        rows.run("UPDATE products SET name = 'Brass horn' WHERE sku = 'B'")
        assert rows.one("SELECT frequency FROM search_words WHERE word = 'brass'") == 1
        rows.run("UPDATE products SET name = 'Horn' WHERE sku = 'B'")
    searching.count_words(database_url)
    searching.count_words(database_url)
    with Rows(database_url) as rows:
        assert rows.column("SELECT word FROM search_words") == ["horn"]
