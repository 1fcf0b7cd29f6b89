"""Staff who change each other, and act for customers who become staff, at once."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from lex.core import actor
from lex.db.session import transaction
from lex.identity import passwords, sessions
from lex.identity.commands import create_api_key, create_user
from tests.race.conftest import at_once, calm, codes, statuses
from tests.support.shop import Shop

PASSWORD = "lantern otter quartz"
pytestmark = pytest.mark.usefixtures("flows")


async def hire(shop: Shop, role: str, email: str) -> tuple[UUID, dict[str, str]]:
    """Somebody with an account, and the headers of their key."""
    kept = await passwords.keep(PASSWORD)
    async with transaction(actor.system()) as session:
        person = await create_user(session, role=role, email=email, password=kept)
        key = await create_api_key(session, person.id, "test")
    shop.db.execute("UPDATE users SET email_verified_at = now() WHERE id = %s", (person.id,))
    return person.id, {"Authorization": f"Bearer {key}"}


async def test_two_super_admins_who_dismiss_each_other_leave_one(shop: Shop) -> None:
    left = await hire(shop, "super_admin", "first@boss.example")
    for number in range(5):
        right = await hire(shop, "super_admin", f"next{number}@boss.example")
        both = [left[0], right[0]]
        shop.db.execute(
            "UPDATE users SET is_active = false WHERE role = 'super_admin' AND is_active AND id <> ALL (%s)", (both,)
        )

        async def dismiss(other: UUID, headers: dict[str, str]) -> httpx.Response:
            path = f"/api/v1/staff/people/{other}/role"
            return await shop.client.put(path, json={"role": "user"}, headers=headers)

        told = await at_once([dismiss(right[0], left[1]), dismiss(left[0], right[1])])
        # One is refused by the rule about the last, or was dismissed already: the key is revoked, the role another.
        assert statuses(told)[200] == 1
        assert codes(told) <= {"last_super_admin", "unauthenticated", "forbidden", "below"}
        stayed = shop.one("SELECT array_agg(id) AS ids FROM users WHERE role = 'super_admin' AND is_active")["ids"]
        assert len(stayed) == 1
        left = left if stayed == [left[0]] else right


async def test_nobody_acts_for_a_customer_who_becomes_staff_at_that_moment(
    shop: Shop, environment: dict[str, str]
) -> None:
    sessions.connect(environment["REDIS_URL"])
    _, boss_key = await hire(shop, "super_admin", "boss@acting.example")
    await hire(shop, "admin", "admin@acting.example")
    page = {"Origin": str(shop.client.base_url), "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    for number in range(6):
        customer, _ = await hire(shop, "user", f"ada{number}@acting.example")
        async with httpx.AsyncClient(base_url=shop.client.base_url, timeout=60, trust_env=False) as browser:
            entered = await browser.post(
                "/account/sign-in", data={"email": "admin@acting.example", "password": PASSWORD}, headers=page
            )
            assert entered.status_code == 303, entered.text

            async def start(browser: httpx.AsyncClient, customer: UUID) -> Any:
                path = f"/staff/people/{customer}/acting"
                return await browser.post(path, data={"reason": "Ticket 1"}, headers=page)

            async def promote(customer: UUID) -> Any:
                path = f"/api/v1/staff/people/{customer}/role"
                return await shop.client.put(path, json={"role": "moderator"}, headers=boss_key)

            started, promoted = await at_once([start(browser, customer), promote(customer)])
            assert promoted.status_code == 200, promoted.text
            assert started.status_code in (303, 409), started.text
            await calm(shop)
            assert await sessions.list_of(customer) == []
    await sessions.disconnect()
