"""An address book, changed by many at once."""

from typing import Any

from tests.race.conftest import at_once, statuses
from tests.support.shop import ADDRESS, Shop

PATH = "/api/v1/account/addresses"


async def test_defaults_set_at_once_become_one(shop: Shop, flows: None) -> None:
    headers, mark = await shop.staff("user"), {"is_default_billing": True, "is_default_shipping": True}

    async def add(**more: Any) -> Any:
        return await shop.client.post(PATH, json=ADDRESS | more, headers=headers)

    # The first of all, with nothing to lock yet; and each as the default.
    answers = await at_once(add(**mark if number % 2 else {}) for number in range(24))
    assert statuses(answers) == {201: 24}

    async def choose(one: str) -> Any:
        return await shop.client.put(f"{PATH}/{one}", json=ADDRESS | mark, headers=headers)

    assert statuses(await at_once(choose(answer.json()["id"]) for answer in answers)) == {200: 24}
    kept = (await shop.client.get(PATH, headers=headers)).json()
    assert [sum(one[name] for one in kept) for name in mark] == [1, 1]
    assert len(kept) == 24
    # 26 places are left.
    assert statuses(await at_once(add() for _ in range(36))) == {201: 26, 409: 10}
