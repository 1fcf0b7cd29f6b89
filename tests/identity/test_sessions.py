"""Sessions in Redis: found by their id alone, ended by time, by hand and all at once."""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
from redis import Redis

from lex.core import ids
from lex.core.actor import Role
from lex.core.errors import Unauthenticated, Unavailable
from lex.identity import sessions
from lex.identity.sessions import SECOND_FACTOR, Device, Session

DEVICE = Device("Firefox · Linux", "192.0.2.1")


@pytest.fixture(autouse=True)
async def store(redis_url: str) -> AsyncIterator[Redis]:
    """Where they are kept."""
    sessions.connect(redis_url)
    with Redis.from_url(redis_url) as redis:
        yield redis
    await sessions.disconnect()


async def begin(user_id: UUID | None = None, role: Role = Role.USER, **more: Any) -> str:
    return await sessions.begin(user_id or ids.new_id(), role, DEVICE, factors=("password",), **more)


async def found(token: str) -> Session:
    session = await sessions.find(token)
    assert isinstance(session, Session)
    return session


async def test_only_the_id_opens_it_and_it_is_not_kept(store: Redis) -> None:
    user_id = ids.new_id()
    token = await begin(user_id)
    session = await found(token)
    assert (session.user_id, session.role, session.is_complete) == (user_id, "user", True)
    kept = b" ".join(key + (store.get(key) or b"") for key in store.keys("lex:session:*"))
    assert token.encode() not in kept
    for wrong in ("", "x", str(session.id), token[:-1], "x" * 5000, "*"):
        assert await sessions.find(wrong) is None
    assert len(token) >= 43


async def test_it_ends_by_itself_when_nobody_comes_and_at_its_last_hour(store: Redis) -> None:
    token, staff = await begin(), await begin(role=Role.ADMIN)
    key, of_staff = (sessions._key(one) for one in (token, staff))
    assert 13 * 86400 < store.ttl(f"lex:{key}") <= 14 * 86400
    assert 59 * 60 <= store.ttl(f"lex:{of_staff}") <= 60 * 60
    session = await found(staff)
    store.set(f"lex:{of_staff}", msgspec.json.encode(msgspec.structs.replace(session, ends_at=time.time() - 1)))
    assert await sessions.find(staff) is None


async def test_a_visit_makes_the_idle_time_start_anew_and_brings_nothing_back(store: Redis) -> None:
    token = await begin()
    key, session = f"lex:{sessions._key(token)}", await found(token)
    old = msgspec.structs.replace(session, seen_at=time.time() - 3600)
    store.set(key, msgspec.json.encode(old), ex=60)
    assert (await found(token)).seen_at > time.time() - 60
    assert store.ttl(key) > 3600
    await sessions.end(token, session)
    assert await sessions.find(token) is None
    assert store.exists(key) == 0


async def test_a_step_done_gives_another_id_and_the_old_one_opens_nothing() -> None:
    token = await begin(waits_for=SECOND_FACTOR)
    session = await found(token)
    assert not session.is_complete
    fresh = await sessions.renew(token, session, factor="totp")
    assert await sessions.find(token) is None
    done = await found(fresh)
    assert (done.id, done.is_complete, done.factors) == (session.id, True, ("password", "totp"))
    assert session.ends_at <= time.time() + 15 * 60
    assert 59 * 86400 < done.ends_at - time.time() <= 60 * 86400
    again = await sessions.renew(fresh, done, factor="passkey")
    assert (await found(again)).ends_at == done.ends_at


async def test_of_two_who_renew_it_one_does_and_one_that_ended_comes_back_to_nobody() -> None:
    user_id = ids.new_id()
    token = await begin(user_id)
    session = await found(token)
    await sessions.renew(token, session, factor="totp")
    with pytest.raises(Unauthenticated):
        await sessions.renew(token, session, factor="totp")
    assert len(await sessions.list_of(user_id)) == 1
    await sessions.end_all(user_id)
    with pytest.raises(Unauthenticated):
        await sessions.renew(token, session, factor="totp")
    assert await sessions.list_of(user_id) == []


async def test_all_of_somebody_end_but_those_that_are_kept() -> None:
    user_id = ids.new_id()
    first, second, other = await begin(user_id), await begin(user_id), await begin()
    kept = (await found(second)).id
    assert next(session.id for session in await sessions.list_of(user_id)) == kept
    assert await sessions.end_all(user_id, but=kept) == 1
    assert await sessions.find(first) is None
    assert await sessions.end_all(user_id, before=time.time() - 60) == 0
    assert await sessions.end_all(user_id, before=time.time()) == 1
    assert await sessions.list_of(user_id) == []
    assert await sessions.find(other) is not None


async def test_an_account_has_so_many_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_MOST", 2)
    user_id = ids.new_id()
    first, *newer = [await begin(user_id) for _ in range(4)][1:]
    assert await sessions.find(first) is None
    assert [isinstance(await sessions.find(token), Session) for token in newer] == [True, True]
    assert len(await sessions.list_of(user_id)) == 2


async def test_without_redis_nothing_is_found_and_nothing_begins() -> None:
    await sessions.disconnect()
    sessions.connect("redis://127.0.0.1:1/0")
    assert not isinstance(await sessions.find("x" * 43), Session)
    assert await sessions.find("x" * 43) is not None
    for work in (begin(), sessions.require_store(), sessions.list_of(ids.new_id()), sessions.end_all(ids.new_id())):
        with pytest.raises(Unavailable, match="Signing in does not work"):
            await work
