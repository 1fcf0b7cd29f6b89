"""Kept documents: the same bytes with Redis, without it, and with a Redis that hangs; one maker at a time."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, LiteralString

import brotli  # type: ignore[import-untyped]
import pytest
import redis as redis_client

from lex.adapters import cached
from lex.catalog import queries
from lex.catalog.listing import ProductFilter
from lex.db.documents import Document, etag_of
from lex.db.session import CountingCursor
from lex.embedded import servers
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")

_NAMES: LiteralString = "SELECT json_agg(name ORDER BY name) FROM products WHERE name <> %(without)s"
_SLOW: LiteralString = "SELECT json_build_object('at', clock_timestamp(), 'slept', pg_sleep(0.1)::text)"


@pytest.fixture
async def kept(redis_url: str) -> AsyncIterator[str]:
    """This process keeps documents in the test's Redis."""
    cached.outcomes.clear()
    cached.connect(redis_url)
    yield redis_url
    await cached.disconnect()


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that a test may harm."""
    with servers(tmp_path_factory.mktemp("redis"), database=False, fast=True) as started:
        yield started.redis_url


async def _names(without: str = "") -> Any:
    return json.loads(await cached.find_document("names", _NAMES, {"without": without}) or b"null")


def _only_redis() -> None:
    """As another process would come: nothing at hand."""
    cached._Shelf.near.clear()


def _outcomes(kind: str) -> dict[str, int]:
    return {outcome: times for (of, outcome), times in cached.outcomes.items() if of == kind}


async def test_a_hit_asks_for_the_version_only(kept: str) -> None:
    await goods.product("Bell")
    for hits in range(4):
        if hits == 1:
            _only_redis()
        before = CountingCursor.sent
        assert await _names() == ["Bell"]
        assert CountingCursor.sent - before == (1 if hits else 2)
    assert _outcomes("names") == {"miss": 1, "hit": 1, "near": 2}


async def test_each_question_has_its_own_answer(kept: str) -> None:
    await goods.product("Bell")
    await goods.product("Rags")
    for _ in range(2):
        assert await _names() == ["Bell", "Rags"]
        assert await _names("Bell") == ["Rags"]
        long = "x" * 60
        for choice in ("a", "b"):
            wanted = ProductFilter(options=(("Size", long + choice),))
            assert b'"total" : 0' in await queries.list_products(wanted)
    assert _outcomes("product list") == {"miss": 2, "near": 2}


async def test_raw_sql_shows_at_the_next_read(kept: str) -> None:
    await goods.product("Bell")
    for name in ("Bell 2", "Bell 3"):
        await _names()
        await goods.run("UPDATE products SET name = %(name)s", name=name)
        assert await _names() == [name]


async def test_a_kept_document_brings_its_tag_and_its_compressed_form(kept: str) -> None:
    for number in range(20):
        await goods.product(f"Bell {number:050}")
    plain = await cached.documents.find_document(_NAMES, {"without": ""})
    for _ in range(3):
        document = await cached.find_document("names", _NAMES, {"without": ""})
        assert isinstance(document, Document)
        assert plain is not None
        assert (document, document.etag) == (plain, etag_of(plain))
        assert brotli.decompress(document.compressed) == plain
        _only_redis()


async def test_nothing_found_is_not_kept(kept: str) -> None:
    for _ in range(2):
        assert await _names() is None
    assert _outcomes("names") == {"miss": 2}


async def test_many_who_ask_at_once_make_it_once(kept: str) -> None:
    answers = await asyncio.gather(*(cached.find_document("slow", _SLOW, {}) for _ in range(20)))
    assert len(set(answers)) == 1
    assert _outcomes("slow") == {"miss": 1, "waited": 19}


async def test_another_process_waits_for_the_one_whose_turn_it_is(kept: str) -> None:
    """Two processes share nothing but Redis: here the second has forgotten what the first is making."""
    first = asyncio.create_task(cached.find_document("slow", _SLOW, {}))
    while not redis_client.Redis.from_url(kept).keys("*:turn"):  # noqa: ASYNC110 - no event comes from there
        await asyncio.sleep(0.005)
    cached._Shelf.making = {}
    assert await cached.find_document("slow", _SLOW, {}) == await first
    assert redis_client.Redis.from_url(kept).keys("*:turn") == []


async def test_a_maker_that_fails_leaves_no_turn_behind(kept: str) -> None:
    async def fail() -> str:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await cached.render("broken", "", fail)
    assert redis_client.Redis.from_url(kept).keys("*") == []


async def test_a_fragment_is_rendered_once_a_version(kept: str) -> None:
    rendered: Counter[str] = Counter()

    async def work() -> str:
        rendered["times"] += 1
        return f"<ul>{await _names()}</ul> é"

    await goods.product("Bell")
    for _ in range(3):
        assert await cached.render("names", "en", work) == "<ul>['Bell']</ul> é"
    assert rendered["times"] == 1
    await goods.product("Rags")
    assert await cached.render("names", "en", work) == "<ul>['Bell', 'Rags']</ul> é"


async def test_a_change_while_it_is_made_shows_at_the_next_read(kept: str) -> None:
    """What was read before the change is kept under the version before it, and nobody joins its making afterwards."""
    await goods.product("Bell")
    has_read, goes_on = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        names = await goods.value("SELECT string_agg(name, ' ') FROM products")
        has_read.set()
        await goes_on.wait()
        return str(names)

    early = asyncio.create_task(cached.render("names", "", work))
    await has_read.wait()
    await goods.run("UPDATE products SET name = 'Horn'")
    late = asyncio.create_task(cached.render("names", "", work))
    goes_on.set()
    assert (await early, await late) == ("Bell", "Horn")
    assert await cached.render("names", "", work) == "Horn"
    assert _outcomes("names") == {"miss": 2, "near": 1}


async def test_a_request_asks_for_the_version_once(kept: str) -> None:
    await goods.product("Bell")
    await _names()
    cached.begin()
    before = CountingCursor.sent
    for _ in range(3):
        await _names()
    assert CountingCursor.sent - before == 1
    cached._seen.set(None)


async def test_broken_bytes_are_made_again(kept: str) -> None:
    await goods.product("Bell")
    await _names()
    redis = redis_client.Redis.from_url(kept)
    (key,) = redis.keys("*")
    redis.set(key, b"\x00nonsense")
    _only_redis()
    assert await _names() == ["Bell"]


async def test_many_marks_become_one_and_the_version_is_new(kept: str) -> None:
    version = "SELECT sum(mark)::text FROM catalogue_changes"
    assert await cached.prune() == 0
    for number in range(60):
        await goods.product(f"Bell {number}")
    before = await goods.value(version)
    assert await cached.prune() > 50
    assert await goods.value("SELECT count(*) FROM catalogue_changes") == 1
    assert await goods.value(version) != before
    assert await cached.prune() == 0


async def test_a_redis_that_hangs_and_one_that_dies_change_no_byte(own_redis: str) -> None:
    await goods.product("Bell", category="Parts")
    plain = await queries.list_products(ProductFilter())
    cached.outcomes.clear()
    cached.connect(own_redis)
    redis = redis_client.Redis.from_url(own_redis)
    for _ in range(2):
        _only_redis()
        assert await queries.list_products(ProductFilter()) == plain
    redis.execute_command("CLIENT", "PAUSE", "2000", "ALL")
    for _ in range(20):
        _only_redis()
        assert await queries.list_products(ProductFilter()) == plain
    assert _outcomes("product list") == {"miss": 1, "hit": 1, "bypassed": 20}
    redis.shutdown(nosave=True)
    cached._Shelf.cache._silent_until = 0.0  # type: ignore[union-attr]
    _only_redis()
    answers = await asyncio.gather(*(queries.list_products(ProductFilter()) for _ in range(50)))
    assert answers == [plain] * 50
    assert _outcomes("product list")["hit"] == 1
    await cached.disconnect()


async def test_a_shop_without_any_redis_answers_all_the_same(database: str) -> None:
    await goods.product("Bell")
    plain = await queries.list_products(ProductFilter())
    cached.connect("redis://127.0.0.1:1/0")
    assert await asyncio.gather(*(queries.list_products(ProductFilter()) for _ in range(50))) == [plain] * 50
    await cached.disconnect()
