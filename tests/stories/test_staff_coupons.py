"""Staff keep coupons: make, list, change, deactivate, give out codes, look at the uses, try one on a cart."""

from typing import Any

import pytest

from lex.core import ids
from tests.support.shop import Shop
from tests.web.conftest import field_codes

PATH = "/api/v1/staff/coupons"
TEN = {"code": "spring10", "type": "percentage", "percentage": "10"}


@pytest.fixture
async def staff(key: Any) -> dict[str, str]:
    """Headers of a key that may keep coupons and nothing else."""
    headers: dict[str, str] = await key("admin", ["coupons.write"])
    return headers


async def make(shop: Shop, staff: dict[str, str], **body: Any) -> Any:
    """A coupon as the API answers it."""
    answer = await shop.client.post(PATH, json=body, headers=staff)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_coupon_is_made_read_changed_and_deactivated(shop: Shop, staff: dict[str, str]) -> None:
    thing = shop.product()
    terms = {"name": "Spring", "minimum_amount": 2000, "usage_limit": 5, "scope": {"products": [str(thing.id)]}}
    made = await make(shop, staff, **TEN, **terms, ends_at="2099-01-01T00:00:00Z")
    assert (made["code"], made["percentage"], made["minimum_amount"], made["used_count"]) == ("SPRING10", "10", 2000, 0)
    one = f"{PATH}/{made['id']}"
    assert (await shop.client.get(one, headers=staff)).json() == made
    changed = await shop.client.put(one, json={"percentage": "12.5", "is_stackable": True}, headers=staff)
    assert (changed.json()["percentage"], changed.json()["usage_limit"]) == ("12.5", None)
    assert (changed.json()["scope"], changed.json()["is_stackable"]) == ({}, True)
    cart = await shop.couponed(await shop.cart((thing, 1)), "spring10")
    for _ in range(2):
        gone = await shop.client.post(f"{one}/deactivate", headers=staff)
        assert (gone.status_code, gone.json()["is_active"]) == (200, False)
    assert (await shop.see(cart)).data["changes"][0]["coupon"] == "SPRING10"


BAD: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"code": "X" * 5000}, {"code": "length"}),
    ({"code": "a b"}, {"code": "coupon_code"}),
    ({"percentage": "101"}, {"percentage": "pattern"}),
    ({"percentage": 10}, {"percentage": "type"}),
    ({"percentage": "0"}, {"percentage": "range"}),
    ({"percentage": None}, {"percentage": "required"}),
    ({"amount": 5}, {"amount": "not_taken"}),
    ({"type": "fixed"}, {"amount": "required", "percentage": "not_taken"}),
    ({"type": "buy_x_get_y", "percentage": None, "buy_quantity": 2}, {"get_quantity": "required"}),
    ({"type": "half"}, {"type": "choice"}),
    ({"minimum_amount": -1}, {"minimum_amount": "range"}),
    ({"minimum_amount": 10**12}, {"minimum_amount": "range"}),
    ({"usage_limit": 0}, {"usage_limit": "range"}),
    ({"name": "a\nb"}, {"name": "invalid"}),
    ({"starts_at": "2026-01-02T00:00:00"}, {"starts_at": "range"}),
    ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, {"ends_at": "range"}),
    ({"scope": {"products": [str(ids.new_id())]}}, {"scope.products": "unknown"}),
    ({"scope": {"shelves": []}}, {"scope.shelves": "unknown"}),
    ({"scope": {"plans": ["one"]}}, {"scope.plans.0": "type"}),
    ({"used_count": 3}, {"used_count": "unknown"}),
    ({"is_bulk": True, "code": "X" * 41}, {"code": "length"}),
]


async def test_bad_terms_are_named_field_by_field(shop: Shop, staff: dict[str, str]) -> None:
    for change, expected in BAD:
        answer = await shop.client.post(PATH, json={**TEN, **change}, headers=staff)
        assert (answer.status_code, field_codes(answer)) == (422, expected), (change, answer.text)
    assert shop.one("SELECT count(*) AS n FROM coupons")["n"] == 0
    made = await make(shop, staff, **TEN)
    taken = await shop.client.post(PATH, json=TEN, headers=staff)
    assert (taken.status_code, taken.json()["code"]) == (409, "code_taken")
    missing = await shop.client.put(f"{PATH}/{made['id']}", json={}, headers=staff)
    assert field_codes(missing) == {"percentage": "required"}


async def test_a_limit_cannot_go_below_the_uses(shop: Shop, staff: dict[str, str]) -> None:
    made = await make(shop, staff, **TEN)
    for _ in range(2):
        assert (await shop.place(await shop.couponed(await shop.cart((shop.product(), 1)), "SPRING10"))).is_success
    refused = await shop.client.put(f"{PATH}/{made['id']}", json={"percentage": "5", "usage_limit": 1}, headers=staff)
    assert field_codes(refused) == {"usage_limit": "range"}
    assert "used 2 times" in refused.json()["errors"][0]["message"]
    path = f"{PATH}/{made['id']}/usages"
    first = (await shop.client.get(path, params={"limit": 1}, headers=staff)).json()
    rest = (await shop.client.get(path, params={"cursor": first["next_cursor"]}, headers=staff)).json()
    uses = [*first["usages"], *rest["usages"]]
    assert [(use["status"], use["amount"]) for use in uses] == [("held", 199), ("held", 199)]
    assert uses[0]["created_at"] > uses[1]["created_at"]
    assert rest["next_cursor"] is None


async def test_lists_are_paged_and_narrowed(shop: Shop, staff: dict[str, str]) -> None:
    for code in ("AUTUMN", "SPRING1", "SPRING2", "SPRING3"):
        await make(shop, staff, **{**TEN, "code": code})
    shop.db.execute("UPDATE coupons SET is_active = false WHERE code = 'SPRING3'")

    async def codes(**params: Any) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            query = {**params, "limit": 2, **({"cursor": cursor} if cursor else {})}
            page = (await shop.client.get(PATH, params=query, headers=staff)).json()
            found += [coupon["code"] for coupon in page["coupons"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    assert await codes() == ["SPRING3", "SPRING2", "SPRING1", "AUTUMN"]
    assert await codes(code="spring", is_active="true") == ["SPRING2", "SPRING1"]
    assert await codes(is_active="false") == ["SPRING3"]
    assert await codes(code="%") == []


async def test_unique_codes_are_many_and_different(shop: Shop, staff: dict[str, str]) -> None:
    plain = await make(shop, staff, **TEN)
    refused = await shop.client.post(f"{PATH}/{plain['id']}/codes", json={"number": 5}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "coupon_not_bulk")
    bulk = await make(shop, staff, **{**TEN, "code": "GIFT", "is_bulk": True})
    path = f"{PATH}/{bulk['id']}/codes"
    for number in (0, 10_001):
        assert field_codes(await shop.client.post(path, json={"number": number}, headers=staff)) == {"number": "range"}
    made = (await shop.client.post(path, json={"number": 2500}, headers=staff)).json()["codes"]
    assert len(set(made)) == 2500
    assert all(code.startswith("GIFT-") and len(code) == 15 for code in made)
    key = {**staff, "Idempotency-Key": "codes"}
    first, again = [(await shop.client.post(path, json={"number": 2}, headers=key)).json() for _ in range(2)]
    assert first == again
    page = (await shop.client.get(path, params={"limit": 100}, headers=staff)).json()
    assert len(page["codes"]) == 100
    assert page["next_cursor"] is not None
    clash = await shop.client.post(PATH, json={**TEN, "code": made[0]}, headers=staff)
    assert (clash.status_code, clash.json()["code"]) == (409, "code_taken")


async def test_a_try_tells_what_it_would_do_and_changes_nothing(shop: Shop, staff: dict[str, str]) -> None:
    shop.coupon("LONE")
    one = await make(shop, staff, **{**TEN, "usage_limit_per_customer": 1, "minimum_amount": 5000})
    bulk = await make(shop, staff, **{**TEN, "code": "GIFT", "is_bulk": True})
    thing = shop.product(price="30.00")

    async def attempt(coupon: Any, cart: Any, **more: Any) -> Any:
        body = {"cart_id": cart.data["id"], **more}
        return (await shop.client.post(f"{PATH}/{coupon['id']}/try", json=body, headers=staff)).json()

    small, large = await shop.cart((thing, 1)), await shop.cart((thing, 2))
    told = await attempt(one, small)
    assert (told["coupon"]["why_code"], told["total_before"], told["cart"]["total_amount"]) == (
        "coupon_minimum",
        3000,
        3000,
    )
    told = await attempt(one, large)
    assert (told["coupon"]["amount"], told["total_before"], told["cart"]["total_amount"]) == (600, 6000, 5400)
    assert (await attempt(bulk, large))["coupon"]["amount"] == 600
    assert (await shop.see(large)).data == large.data
    await shop.place(await shop.couponed(large, "SPRING10"), email="ada@example.org")
    other = await shop.cart((thing, 2))
    assert (await attempt(one, other))["coupon"]["why"] is None
    assert (await attempt(one, other, email="ADA@example.org"))["coupon"]["why_code"] == "coupon_used_by_customer"
    held = await shop.couponed(other, "LONE")
    assert (await attempt(one, held))["coupon"]["why_code"] == "coupon_not_combinable"
    await shop.client.post(f"{PATH}/{one['id']}/deactivate", headers=staff)
    assert (await attempt(one, other))["coupon"]["why_code"] == "coupon_inactive"
    assert (await attempt(one, small, cart_id=str(ids.new_id())))["code"] == "cart_not_found"
    assert (await attempt({"id": ids.new_id()}, small))["code"] == "coupon_not_found"


async def test_only_who_may_keeps_coupons(shop: Shop, key: Any) -> None:
    one = f"{PATH}/{shop.coupon('TEN')}"
    moderator, narrowed = await key("moderator"), await key("admin", ["orders.read"])
    for headers, status in (({}, 401), (moderator, 403), (narrowed, 403)):
        answers = [
            await shop.client.get(PATH, headers=headers),
            await shop.client.get(one, headers=headers),
            await shop.client.put(one, json={"percentage": "99"}, headers=headers),
            await shop.client.post(f"{one}/deactivate", headers=headers),
            await shop.client.get(f"{one}/usages", headers=headers),
        ]
        assert {answer.status_code for answer in answers} == {status}
