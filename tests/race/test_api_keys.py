"""API keys while they end: no call that begins after the end is let in, whichever process answers."""

import asyncio
import math
import time
from collections.abc import Awaitable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from lex.core.actor import Role, system
from lex.core.errors import Conflict
from lex.db.session import transact, transaction
from lex.flows.accounts.api_keys import revoke_any_key
from lex.identity import accounts
from lex.identity.api_keys import find_api_key
from lex.identity.commands import create_api_key, create_user
from tests.race.conftest import at_once
from tests.support.shop import Shop


@pytest.mark.usefixtures("flows")
async def test_a_revoked_key_is_refused_by_every_process_from_the_next_call_on(shop: Shop) -> None:
    key_id = uuid4()
    async with transaction(system()) as session:
        person = await create_user(session, role=Role.USER, email=f"{key_id}@example.org")
        secret = await create_api_key(session, person.id, "race", key_id=key_id)
    told: list[tuple[float, int]] = []
    is_under_way, ended = asyncio.Event(), [math.inf]

    async def call() -> None:
        late = 0
        while late < 5:
            began = time.monotonic()
            answer = await shop.client.get("/api/v1/account", headers={"Authorization": f"Bearer {secret}"})
            told.append((began, answer.status_code))
            late += began > ended[0]
            if len(told) > 40:
                is_under_way.set()

    async def end() -> None:
        await is_under_way.wait()
        await revoke_any_key(system(), key_id)
        ended[0] = time.monotonic()

    await at_once([end(), *(call() for _ in range(8))])
    assert {status for _, status in told} == {200, 401}
    assert {status for began, status in told if began > ended[0]} == {401}


async def _made(owner: UUID) -> str | None:
    try:
        return await transact(system(), lambda session: create_api_key(session, owner, "race", role="admin"))
    except Conflict:
        return None


@pytest.mark.usefixtures("flows")
async def test_a_role_that_changes_while_keys_are_made_leaves_none() -> None:
    for _ in range(10):
        async with transaction(system()) as session:
            owner = (await create_user(session, role=Role.ADMIN, email=f"{uuid4()}@example.org")).id
        lowered: Awaitable[Any] = transact(system(), partial(accounts.set_role, user_id=owner, role="user"))
        _, *secrets = await at_once([lowered, *(_made(owner) for _ in range(4))])
        assert [await find_api_key(secret) for secret in secrets if secret] == [None] * sum(map(bool, secrets))
