"""Accounts nobody confirmed go, and nothing else does."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from lex.core import clock, ids
from lex.core.actor import Actor, Role, system
from lex.core.errors import Forbidden
from lex.core.settings import settings
from lex.db.session import connect, disconnect, transaction
from lex.flows.accounts import expire
from lex.flows.accounts.expire import expire_sign_ups
from lex.identity.commands import create_user
from tests.support.rows import Rows

HASH = "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde"
LONG_AGO = clock.real_now() - timedelta(days=20)


@pytest.fixture
async def rows(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rows]:
    """Rows that commit, and this process's database open on them."""
    monkeypatch.setenv("LEX_HOME", str(tmp_path))
    settings.cache_clear()
    await connect(database_url)
    with Rows(database_url) as made:
        yield made
    await disconnect()
    settings.cache_clear()


async def signed_up(
    email: str, monkeypatch: pytest.MonkeyPatch, role: str = "user", password: str | None = HASH
) -> UUID:
    """An account made twenty days ago."""
    with monkeypatch.context() as then:
        then.setattr(ids, "new_id", lambda: ids.floor_id(LONG_AGO + timedelta(milliseconds=abs(hash(email)) % 10**6)))
        async with transaction(system()) as session:
            return (await create_user(session, role=role, email=email, password=password)).id


async def test_only_those_go_that_nobody_confirmed_in_time(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expire, "BATCH", 1)
    gone = [await signed_up(f"gone-{n}@example.org", monkeypatch) for n in range(3)]
    kept = {
        "verified": await signed_up("verified@example.org", monkeypatch),
        "came in": await signed_up("came-in@example.org", monkeypatch),
        "imported": await signed_up("imported@example.org", monkeypatch, password=None),
        "staff": await signed_up("staff@example.org", monkeypatch, role="admin"),
        "guest": await signed_up("guest@example.org", monkeypatch, role="guest", password=None),
        "buyer": await signed_up("buyer@example.org", monkeypatch),
    }
    async with transaction(system()) as session:
        kept["new"] = (await create_user(session, role="user", email="new@example.org", password=HASH)).id
    rows.run("UPDATE users SET email_verified_at = now() WHERE id = %s", kept["verified"])
    rows.run("UPDATE users SET last_login_at = now() WHERE id = %s", kept["came in"])
    rows.add("orders", user_id=kept["buyer"])

    assert await expire_sign_ups(system()) == 3
    assert await expire_sign_ups(system()) == 0
    assert set(rows.column("SELECT id FROM users WHERE email IS NULL AND deleted_at IS NOT NULL")) == set(gone)
    assert set(rows.column("SELECT user_id FROM person_keys WHERE wrapped_key IS NULL")) == set(gone)
    assert set(rows.column("SELECT id FROM users WHERE deleted_at IS NULL")) >= set(kept.values())
    async with transaction(system()) as session:
        await create_user(session, role="user", email="gone-1@example.org")  # the address is free again


async def test_whoever_confirms_at_this_moment_stays(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await signed_up("ada@example.org", monkeypatch)
    async with transaction(system()) as session:
        await session.driver.execute("UPDATE users SET email_verified_at = now() WHERE id = %s", (ada,))
        assert await expire_sign_ups(system()) == 0
    assert rows.one("SELECT deleted_at FROM users WHERE id = %s", ada) is None


async def test_only_lex_itself_does_it(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await signed_up("ada@example.org", monkeypatch)
    with pytest.raises(Forbidden):
        await expire_sign_ups(Actor(Role.USER, "x"))
    assert rows.one("SELECT deleted_at FROM users WHERE id = %s", ada) is None
