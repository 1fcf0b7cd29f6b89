"""Redis is a convenience: there it works, gone it says so, at once and without an exception."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from lex.adapters.cache import UNAVAILABLE, Cache


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[Cache]:
    made = Cache(redis_url)
    yield made
    await made.close()


async def test_values_live_their_time(cache: Cache) -> None:
    assert await cache.get("a") is None
    assert await cache.set("a", b"\x00\xff", 60)
    assert await cache.get("a") == b"\x00\xff"
    assert await cache.delete("a")
    assert await cache.get("a") is None
    assert await cache.set("b", b"1", 0.05)
    await asyncio.sleep(0.1)
    assert await cache.get("b") is None


async def test_add_is_for_the_first(cache: Cache) -> None:
    assert await cache.add("lock", b"1", 60) is True
    assert await cache.add("lock", b"2", 60) is False
    assert await cache.get("lock") == b"1"


async def test_a_window_counts_atomically(cache: Cache) -> None:
    counted = await asyncio.gather(*(cache.count("hits", seconds=60) for _ in range(50)))
    assert sorted(answer[0][0] for answer in counted if answer is not UNAVAILABLE) == list(range(1, 51))
    assert all(0 < answer[0][1] <= 60 for answer in counted if answer is not UNAVAILABLE)
    several = await cache.count("hits", "misses", seconds=60, by=10)
    assert several is not UNAVAILABLE
    assert [number for number, _ in several] == [60, 10]


async def test_without_redis_every_call_answers_quickly() -> None:
    cache = Cache("redis://127.0.0.1:1/0")
    began = time.monotonic()
    assert await cache.get("a") is UNAVAILABLE
    assert await cache.set("a", b"1", 1) is False
    assert await cache.add("a", b"1", 1) is UNAVAILABLE
    assert await cache.delete("a") is False
    assert await cache.count("a", seconds=1) is UNAVAILABLE
    assert not await cache.ping()
    assert time.monotonic() - began < 5
    await cache.close()


async def test_it_comes_back_by_itself(redis_url: str) -> None:
    cache = Cache("redis://127.0.0.1:1/0")
    assert await cache.get("a") is UNAVAILABLE
    there = Cache(redis_url)
    cache.client, gone = there.client, cache.client
    assert await cache.get("a") is UNAVAILABLE, "it is left alone for a moment"
    await asyncio.sleep(1.1)
    assert await cache.get("a") is None
    await cache.close()
    await gone.aclose()
