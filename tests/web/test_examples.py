"""What the documentation offers to try works against the demo business, in the order a buyer and the desk go."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from lex.adapters.files import Folder
from lex.core import actor
from lex.flows.load_demo import load_demo
from lex.web.kit.openapi_examples import BODIES
from tests.web.conftest import Client

pytestmark = pytest.mark.usefixtures("database_url")

API = "/api/v1"


async def sent(client: Client, method: str, path: str, name: str, headers: Any, **more: Any) -> httpx.Response:
    """The example of an operation, sent; `more` is what only this cart or order knows."""
    answer = await client.request(method, f"{API}{path}", json=BODIES[name] | more, headers=headers)
    assert answer.is_success, (name, answer.text)
    return answer


async def test_examples_of_trade_work_against_the_demo(client: Client, key: Any, tmp_path: Path) -> None:
    await load_demo(actor.system(), Folder(tmp_path / "media", "/media"), Folder(tmp_path / "files"), tmp_path)
    opened = await another(client)
    cart, mine = opened["cart"], {"X-Cart-Token": opened["token"]}
    here = f"/carts/{cart['id']}"
    cart = (await sent(client, "PATCH", here, "changeCart", mine)).json()
    assert cart["total_amount"] == BODIES["placeOrder"]["total_amount"]
    await sent(client, "POST", f"{here}/items", "addCartItem", mine)
    await sent(client, "PATCH", f"{here}/items/{cart['lines'][0]['id']}", "changeCartItem", mine)
    cart = (await sent(client, "POST", f"{here}/coupons", "applyCoupon", mine)).json()
    order = await bought(client, cart, mine)

    staff = await key("admin")
    await sent(client, "POST", f"/staff/orders/{order}/notes", "noteOrder", staff)
    await sent(client, "POST", f"/staff/orders/{order}/cancel", "cancelOrderAsStaff", staff)
    opened = await another(client)
    cart, mine = opened["cart"], {"X-Cart-Token": opened["token"]}
    cart = (await sent(client, "PATCH", f"/carts/{cart['id']}", "changeCart", mine)).json()
    order = await bought(client, cart, mine)
    await sent(client, "POST", f"/staff/orders/{order}/fulfilments", "fulfilOrder", staff)
    coupon = (await sent(client, "POST", "/staff/coupons", "createCoupon", staff)).json()["id"]
    await sent(client, "PUT", f"/staff/coupons/{coupon}", "changeCoupon", staff)
    await sent(
        client,
        "POST",
        f"/staff/coupons/{coupon}/try",
        "tryCoupon",
        staff,
        cart_id=(await another(client))["cart"]["id"],
    )


async def another(client: Client) -> dict[str, Any]:
    """An open cart, with its token."""
    opened: dict[str, Any] = (await sent(client, "POST", "/carts", "openCart", {})).json()
    return opened


async def bought(client: Client, cart: dict[str, Any], mine: dict[str, str]) -> str:
    """The id of the order that a cart became, paid."""
    shown = {"version": cart["version"], "total_amount": cart["total_amount"]}
    placed = (await sent(client, "POST", f"/carts/{cart['id']}/checkout", "placeOrder", mine, **shown)).json()
    order = str(placed["id"])
    await sent(client, "POST", f"/orders/{order}/payments", "payOrder", {"X-Order-Token": placed["access_token"]})
    return order
