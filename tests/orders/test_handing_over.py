"""What is handed over is meant, and what is printed about it can be printed."""

from uuid import UUID

import pytest

from lex.core.actor import system
from lex.core.errors import Invalid
from lex.flows.cancel_order import cancel_order
from lex.flows.fulfil_order import NewFulfilment, fulfil_order
from lex.flows.note_order import note_order
from tests.support.shop import Shop


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"items": []}, "items"),
        ({"tracking_url": "javascript:x"}, "tracking_url"),
        ({"tracking_url": "http://"}, "tracking_url"),
        ({"tracking_url": "http://[::1"}, "tracking_url"),
        ({"carrier": "A\nBcc: x@y.example"}, "carrier"),
    ],
)
async def test_nothing_leaves_the_house_by_a_slip(shop: Shop, key: object, sent: dict[str, object], field: str) -> None:
    order = await shop.order(paid=True)
    staff = await key("admin")  # type: ignore[operator]
    path = f"/api/v1/staff/orders/{order.data['id']}/fulfilments"
    refused = await shop.client.post(path, json=sent, headers=staff)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field
    assert (await shop.read(order))["fulfilment_status"] == "unfulfilled"


@pytest.mark.parametrize("address", ["http://[::1", "javascript:x", "https://", "http://a b/"])
async def test_a_way_back_that_leads_nowhere_is_refused_before_the_charge(shop: Shop, address: str) -> None:
    order = await shop.order()
    body = {"token": "tok_3ds", "return_url": address}
    refused = await shop.client.post(f"{order.path}/payments", json=body, headers=order.headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "return_url"
    assert shop.one("SELECT count(*) AS n FROM payment_attempts")["n"] == 0


async def test_the_desk_takes_the_same_texts_from_the_api_and_from_a_terminal(shop: Shop) -> None:
    order_id = UUID((await shop.order(paid=True)).data["id"])
    who = system()
    for text in ("", " ", "x" * 5001, "a\x1b[2Jb", "\u3164"):
        with pytest.raises(Invalid) as refused:
            await note_order(who, order_id, text)
        assert refused.value.errors[0].field == "text"
        with pytest.raises(Invalid) as refused:
            await fulfil_order(who, order_id, NewFulfilment(carrier=text))
        assert refused.value.errors[0].field == "carrier"
    for text in ("x" * 5001, "a\x1b[2Jb", "\u3164"):
        with pytest.raises(Invalid) as refused:
            await cancel_order(who, order_id, reason="shop", words=text)
        assert refused.value.errors[0].field == "note"
    with pytest.raises(Invalid) as refused:
        await fulfil_order(who, order_id, NewFulfilment(tracking_url="https://x.example/" + "a" * 2000))
    assert refused.value.errors[0].field == "tracking_url"
    await note_order(who, order_id, "two\nlines")
