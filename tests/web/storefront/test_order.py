"""The order's page: opened by its link, in every state, and found again by mail."""

import re
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from lex.adapters.payments.sandbox import answer_challenge
from lex.core.actor import system
from lex.core.settings import settings
from lex.flows.cancel_order import expire_unpaid_orders, finish_cancel
from lex.flows.find_order import MOST_MAILS
from lex.flows.pay_order import MOST_ATTEMPTS
from tests.notifications.test_sending import mails, text_of
from tests.support.invariants import broken
from tests.support.queue import rows, work
from tests.support.shop import Shop
from tests.web.storefront.conftest import Browser


async def ordered(browser: Browser, shop: Shop, **fields: str) -> str:
    """An order placed in this browser; the address of its page."""
    await browser.add(shop.product(name="Bell", price="19.90").sku)
    await browser.checkout(**fields)
    number = shop.one("SELECT order_number FROM orders")["order_number"]
    return f"/orders/{number}"


async def test_the_token_stands_in_the_address_once(browser: Browser, other_browser: Browser, shop: Shop) -> None:
    order = await shop.order(paid=True)
    path = f"/orders/{order.data['order_number']}"
    first = await browser.client.get(path, params={"token": order.data["access_token"]}, follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, path)
    cookie = first.headers["set-cookie"]
    assert f"Path={path}" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await browser.open(path)).status_code == 200
    assert browser.page.headers["referrer-policy"] == "same-origin"
    assert browser.page.headers["cache-control"] == "private, no-store"
    assert order.data["access_token"] not in browser.page.text
    assert (await other_browser.open(path)).status_code == 404
    assert "This link opens no order." in other_browser.words


async def test_one_orders_cookie_opens_no_other(browser: Browser, shop: Shop) -> None:
    one, other = await shop.order(paid=True), await shop.order(paid=True)
    await browser.open(f"/orders/{one.data['order_number']}", params={"token": one.data["access_token"]})
    assert (await browser.open(f"/orders/{other.data['order_number']}")).status_code == 404
    number = other.data["order_number"]
    wrong = await browser.open(f"/orders/{number}", params={"token": one.data["access_token"]})
    assert wrong.status_code == 404
    for path in (f"/orders/{number}/cancel", f"/orders/{number}/payments"):
        assert (await browser.post(path, payment_token="tok_visa")).status_code == 404
    assert (await browser.open(f"/orders/{number}/return")).status_code == 404
    assert (await browser.open(f"/orders/{number}/standing")).status_code == 404


@pytest.mark.parametrize("number", ["nonsense", "LEX-20261399-AAAAAAAA", "LEX-20261105-7F3K9QTB", "%27", "x" * 3000])
async def test_a_number_that_is_none_opens_nothing(browser: Browser, shop: Shop, number: str) -> None:
    for suffix in ("", "/return", "/standing"):
        assert (await browser.open(f"/orders/{number}{suffix}")).status_code in (404, 422)
    for suffix in ("/cancel", "/payments", "/open"):
        assert (await browser.post(f"/orders/{number}{suffix}", payment_token="tok_visa")).status_code in (404, 422)


async def test_a_declined_payment_is_tried_again(browser: Browser, shop: Shop, database_url: str) -> None:
    path = await ordered(browser, shop, payment_token="tok_insufficient_funds")
    assert browser.page.url.path == path
    assert "The payment did not go through" in browser.words
    assert "The card has insufficient funds." in browser.words
    await browser.post(f"{path}/payments")
    await browser.pay_on_provider_page(number="4000 0000 0000 0002")
    assert "The card was declined." in browser.words
    await browser.post(f"{path}/payments", payment_token="tok_visa")
    assert browser.page.url.path == path
    assert "Thank you for your order" in browser.words
    assert shop.one("SELECT count(*) AS n FROM orders WHERE payment_status = 'paid'")["n"] == 1
    again = await browser.post(f"{path}/payments", payment_token="tok_visa")
    assert again.url.path == path
    assert broken(database_url) == {}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("approve", "Thank you for your order"),
        ("refuse", "The payment was not approved at the bank."),
        ("leave", "Your bank wants your approval"),
    ],
)
async def test_the_way_back_from_the_bank(browser: Browser, shop: Shop, answer: str, told: str) -> None:
    path = await ordered(browser, shop, payment_token="tok_3ds")
    assert browser.page.url.path.startswith("/sandbox/3ds/")
    await browser.post(str(browser.page.url), answer=answer)
    assert browser.page.url.path == path
    assert told in browser.words


async def test_a_payment_that_takes_its_time_is_waited_for(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop, payment_token="tok_late")
    assert "Your payment is under way" in browser.words
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in browser.page.text
    waiting = await browser.open(f"{path}/standing")
    assert (waiting.status_code, waiting.headers.get("hx-refresh")) == (204, None)
    shop.db.execute("UPDATE sandbox_payments SET created_at = created_at - interval '10 seconds'")
    await browser.open(f"{path}/return")
    assert "Thank you for your order" in browser.words
    assert (await browser.open(f"{path}/standing")).headers["hx-refresh"] == "true"


async def test_coming_back_waits_for_nobody_who_changes_the_order(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop)
    shop.db.execute("BEGIN")
    shop.db.execute("SELECT FROM orders FOR UPDATE")
    back = await browser.client.get(f"{path}/return", follow_redirects=False)
    assert (back.status_code, back.headers["location"]) == (303, path)
    shop.db.execute("COMMIT")


async def test_an_unpaid_order_is_canceled_with_what_happens_said(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop)
    await browser.open(path)
    assert "Canceling puts the goods back on the shelf at once." in browser.words
    await browser.post(f"{path}/cancel")
    assert "This order was canceled" in browser.words
    assert "Nothing is due" in browser.words
    await browser.post(f"{path}/payments", payment_token="tok_visa")
    assert "This order was canceled" in browser.words


async def test_a_paid_order_is_not_canceled_by_its_buyer(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop, payment_token="tok_visa")
    assert "Cancel the order" not in browser.words
    await browser.post(f"{path}/cancel")
    assert "Thank you for your order" in browser.words
    assert "paid already" in browser.words


async def test_an_order_that_ran_out_of_time_says_so(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop)
    shop.db.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")
    await browser.open(path)
    assert "The time to pay is over" in browser.words
    await browser.post(f"{path}/payments", payment_token="tok_visa")
    assert "The time to pay is over" in browser.words
    await expire_unpaid_orders()
    await browser.open(path)
    assert "This order has expired" in browser.words


async def test_a_refund_is_told(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop, payment_token="tok_visa")
    order_id = shop.one("SELECT id FROM orders")["id"]
    staff = await shop.staff()
    done = await shop.client.post(f"/api/v1/staff/orders/{order_id}/cancel", json={"note": "asked"}, headers=staff)
    assert done.status_code < 300, done.text
    await browser.open(path)
    assert "This order was canceled and refunded" in browser.words
    assert "€24.80 goes back to the card" in browser.words


async def test_money_that_came_after_a_cancel_is_told(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop, payment_token="tok_3ds")
    await browser.post(str(browser.page.url), answer="leave")
    shop.db.execute("UPDATE payment_attempts SET status = 'failed', finished_at = now()")
    shop.db.execute("UPDATE payments SET status = 'failed'")
    await browser.open(path)
    await browser.post(f"{path}/cancel")
    assert "Nothing is due" in browser.words
    await answer_challenge(str(shop.one("SELECT id FROM sandbox_payments")["id"]), approved=True)
    await browser.open(f"{path}/return")
    assert "This order was canceled; your money goes back" in browser.words
    assert "Your payment of €24.80 reached us after the order was canceled." in browser.words
    assert "Nothing is due" not in browser.words
    await finish_cancel(system(), order_id=UUID(str(shop.one("SELECT id FROM orders")["id"])))
    await browser.open(path)
    assert "€24.80 goes back to the card" in browser.words


async def test_a_parcel_can_be_followed(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop, payment_token="tok_visa")
    order_id = shop.one("SELECT id FROM orders")["id"]
    sent = {"carrier": "DHL", "tracking_number": "00340", "tracking_url": "https://dhl.example/00340"}
    done = await shop.client.post(f"/api/v1/staff/orders/{order_id}/fulfilments", json=sent, headers=await shop.staff())
    assert done.status_code < 300, done.text
    await browser.open(path)
    assert 'href="https://dhl.example/00340" rel="noreferrer"' in browser.page.text
    assert "00340" in browser.words


async def test_a_forged_token_on_the_way_back_pays_nothing(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop)
    sent = sent_in(browser)
    for token in ("4242424242424242", "x" * 201):
        assert (await browser.open(f"{path}/return", params={"token": token, "sent": sent})).status_code == 422
    await browser.open(f"{path}/return", params={"token": "tok_nonsense", "sent": sent})
    assert "The payment method is not known here" in browser.words
    card = await browser.post(f"{path}/payments", payment_token="4242 4242 4242 4242")
    assert card.status_code == 422


def sent_in(browser: Browser) -> str:
    """What the provider's page gives back with a token."""
    return parse_qs(urlsplit(browser.page.url.params["back"]).query)["sent"][0]


async def test_only_the_browser_that_was_sent_is_charged_and_once(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop)
    sent = sent_in(browser)

    def tries() -> int:
        return int(shop.one("SELECT count(*) AS n FROM payment_attempts")["n"])

    wrong: list[dict[str, str]] = [{}, {"sent": ""}, {"sent": "x"}, {"sent": "ü"}]
    for forged in wrong:
        page = await browser.open(f"{path}/return", params={"token": "tok_visa", **forged})
        assert page.url.path == path
    head = await browser.client.head(f"{path}/return", params={"token": "tok_visa", "sent": sent})
    assert head.status_code == 200
    assert tries() == 0
    for _ in range(2):
        await browser.open(f"{path}/return", params={"token": "tok_insufficient_funds", "sent": sent})
        assert tries() == 1
    assert "The card has insufficient funds." in browser.words


async def test_strangers_get_one_answer_whether_there_is_an_order(browser: Browser, shop: Shop) -> None:
    number = (await shop.order(paid=True)).data["order_number"]

    async def answers(number: str) -> list[tuple[int, str]]:
        path = f"/orders/{number}"
        pages = [await browser.open(path), await browser.open(f"{path}/standing")]
        pages += [await browser.open(f"{path}/return", params=params) for params in ({}, {"token": "tok_visa"})]
        pages += [await browser.post(f"{path}/cancel"), await browser.post(f"{path}/payments")]
        pages += [await browser.post(f"{path}/open", token="x")]
        return [(page.status_code, re.sub(r'value="[^"]*"|[0-9a-f-]{36}', "", page.text)) for page in pages]

    await browser.open("/orders/find")
    known = await answers(number)
    assert {status for status, _ in known} == {404}
    assert [(status, text.replace(number, "")) for status, text in known] == [
        (status, text.replace("LEX-20261105-7F3K9QTB", "")) for status, text in await answers("LEX-20261105-7F3K9QTB")
    ]


async def test_nobody_is_asked_for_a_card_in_vain(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop, payment_token="tok_insufficient_funds")
    shop.db.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")
    assert (await browser.post(f"{path}/payments")).url.path == path
    shop.db.execute("UPDATE orders SET expires_at = now() + interval '1 hour'")
    for _ in range(MOST_ATTEMPTS - 1):
        await browser.post(f"{path}/payments", payment_token="tok_insufficient_funds")
    tries: list[dict[str, str]] = [{}, {"payment_token": "tok_visa"}]
    for fields in tries:
        page = await browser.post(f"{path}/payments", **fields)
        assert page.status_code == 409
        assert "This order had too many tries to pay it" in browser.words
    await browser.post(f"{path}/cancel")
    assert (await browser.post(f"{path}/payments")).url.path == path


async def test_a_browser_gets_one_link_to_what_it_placed(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop, payment_token="tok_visa")

    def links() -> int:
        return int(shop.one("SELECT count(*) AS n FROM order_tokens")["n"])

    basket, before = browser.client.cookies["lex_cart"], links()
    for _ in range(2):
        assert (await browser.open("/checkout")).url.path == path
    assert links() == before
    browser.client.cookies.clear()
    browser.client.cookies.set("lex_cart", basket)
    assert (await browser.client.head("/checkout")).status_code == 404
    assert links() == before
    for _ in range(2):
        assert (await browser.open("/checkout")).status_code == 200
        assert browser.page.url.path == path
    assert links() == before + 1


async def test_an_old_link_leads_where_the_browsers_own_does(browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop, payment_token="tok_visa")
    assert (await browser.open(path, params={"token": "old"})).status_code == 200
    assert (browser.page.url.path, browser.page.url.query) == (path, b"")


async def test_the_providers_page_takes_only_what_the_shop_asked(browser: Browser, shop: Shop) -> None:
    await ordered(browser, shop)
    asked = str(browser.page.url)
    for changed in (
        asked.replace("amount=2480", "amount=1"),
        asked.replace("back=", "back=https%3A%2F%2Fevil.example"),
    ):
        assert changed != asked
        assert (await browser.open(changed)).status_code == 404
    await browser.open(asked)
    for card in (
        {"number": "4111111111111111"},
        {"expiry": "13/40"},
        {"expiry": "x"},
        {"cvc": "1"},
        {"expiry": "01/20"},
    ):
        await browser.open(asked)
        page = await browser.pay_on_provider_page(**card)
        assert page.status_code == 422
        assert 'aria-invalid="true"' in page.text
        assert "4111111111111111" not in page.text


async def find(browser: Browser, number: str, email: str) -> str:
    page = await browser.post("/orders/find", number=number, email=email)
    assert page.status_code == 200
    return page.text


async def test_an_order_is_found_by_number_and_mail(
    browser: Browser, shop: Shop, database_url: str, web_home: object
) -> None:
    order = await shop.order(paid=True)
    await work(database_url)
    for path in (settings().home_path / "mail").glob("*"):
        path.unlink()
    await find(browser, f" {order.data['order_number'].lower()} ", "ADA@example.org")
    assert "Look into your mailbox" in browser.words
    await work(database_url)
    [mail] = mails(settings().home_path)
    assert mail["To"] == "ada@example.org"
    link = next(line for line in text_of(mail).splitlines() if "/open?token=" in line)
    await browser.open(link.removeprefix(settings().address))
    assert "Open your order" in browser.words
    button = str(browser.page.url)
    for _ in range(2):  # a second click leads there too
        await browser.post(button)
        assert browser.page.url.path == f"/orders/{order.data['order_number']}"
        assert "Thank you for your order" in browser.words


async def test_a_mailed_link_works_once_and_not_for_long(browser: Browser, shop: Shop, database_url: str) -> None:
    order = await shop.order(paid=True)
    links = []
    for _ in range(2):
        await find(browser, order.data["order_number"], "ada@example.org")
        await work(database_url)
        links.append(re.findall(r"/orders/\S+/open\?token=\S+", text_of(mails(settings().home_path)[-1]))[0])
    links = [
        re.findall(r"/orders/\S+/open\?token=\S+", text_of(mail))[0]
        for mail in mails(settings().home_path)
        if "/open?token=" in text_of(mail)
    ]
    assert len(set(links)) == 2
    token = links[0].partition("?token=")[2]
    direct = await shop.client.get(order.path, headers={"X-Order-Token": token})
    assert direct.status_code == 404  # it opens nothing itself
    assert (await browser.post(links[0])).status_code == 200
    browser.client.cookies.clear()
    assert (await browser.post(links[0])).status_code == 404
    shop.db.execute("UPDATE order_tokens SET expires_at = now() WHERE is_once")
    assert (await browser.post(links[1])).status_code == 404


async def test_an_order_that_waits_for_the_bank_can_be_canceled(
    browser: Browser, shop: Shop, database_url: str
) -> None:
    path = await ordered(browser, shop, payment_token="tok_3ds")
    await browser.post(str(browser.page.url), answer="leave")
    await browser.post(f"{path}/cancel")
    assert "This order was canceled" in browser.words
    assert broken(database_url) == {}


@pytest.mark.parametrize("lines", [1, 100])
async def test_the_page_costs_the_same_for_every_number_of_lines(
    browser: Browser, shop: Shop, statements: list[str], lines: int
) -> None:
    order = await shop.order(*((shop.product(price="1.00"), 1) for _ in range(lines)), paid=True)
    await browser.open(f"/orders/{order.data['order_number']}", params={"token": order.data["access_token"]})
    statements.clear()
    await browser.open(f"/orders/{order.data['order_number']}")
    assert len(statements) == 3  # settings, order, frame
    assert browser.page.text.count("1 × €1.00") == lines


async def test_who_asks_learns_nothing(browser: Browser, shop: Shop, database_url: str, statements: list[str]) -> None:
    order = await shop.order(paid=True)
    await work(database_url)
    for path in (settings().home_path / "mail").glob("*"):
        path.unlink()
    answers, sent = set(), []
    await find(browser, "LEX-20261105-7F3K9QTB", "bob@example.org")  # the page's frame is at hand from now on
    for number, email in (
        (order.data["order_number"], "ada@example.org"),
        (order.data["order_number"], "eve@example.org"),
        ("LEX-20261105-7F3K9QTB", "ada@example.org"),
    ):
        statements.clear()
        answers.add(re.sub(r'value="[^"]*"', "", await find(browser, number, email)))
        sent.append([statement.partition("(")[0] for statement in statements])
    assert len(answers) == 1
    assert sent[0] == sent[1] == sent[2]
    jobs = rows(database_url, "SELECT args::text FROM procrastinate_jobs WHERE task_name = 'mail_order_link'")
    assert len(jobs) == 4
    assert not any(part in job["args"] for job in jobs for part in ("ada@", "example.org"))  # an id may hold ada
    await work(database_url)
    assert len(mails(settings().home_path)) == 1


async def test_a_mailbox_is_not_flooded(browser: Browser, shop: Shop, database_url: str) -> None:
    order = await shop.order()
    for _ in range(MOST_MAILS + 3):
        await find(browser, order.data["order_number"], "ada@example.org")
    await work(database_url)
    assert len([mail for mail in mails(settings().home_path) if "The way to" in mail["Subject"]]) == MOST_MAILS


async def test_one_address_asks_only_so_often(browser: Browser, shop: Shop) -> None:
    for _ in range(10):
        await find(browser, "LEX-20261105-7F3K9QTB", "ada@example.org")
    page = await browser.post("/orders/find", number="LEX-20261105-7F3K9QTB", email="ada@example.org")
    assert page.status_code == 429
    assert "tried too often" in browser.words
    assert int(page.headers["retry-after"]) > 0
    # Behind a proxy everybody comes from it; whom it saw is what counts, and not what they say of themselves.
    for told, status in (("203.0.113.7", 200), ("198.51.100.1, 203.0.113.8", 200)):
        fields = {"number": "LEX-20261105-7F3K9QTB", "email": f"seen-by-{told[-1]}@example.org"}
        seen = await browser.post("/orders/find", headers={"X-Forwarded-For": told}, **fields)
        assert seen.status_code == status


@pytest.fixture
def redis_gone(web_settings: pytest.MonkeyPatch) -> None:
    """The application is told of a Redis that is not there."""
    web_settings.setenv("REDIS_URL", "redis://127.0.0.1:1/0")


async def test_without_redis_orders_are_bought_and_found(redis_gone: None, browser: Browser, shop: Shop) -> None:
    path = await ordered(browser, shop, payment_token="tok_visa")
    assert browser.page.url.path == path
    for _ in range(12):
        await find(browser, "LEX-20261105-7F3K9QTB", "ada@example.org")


@pytest.mark.parametrize(
    ("number", "email", "field"),
    [("", "ada@example.org", "number"), ("12", "ada@example.org", "number"), ("LEX-20261105-7F3K9QTB", "ada", "email")],
)
async def test_what_cannot_be_is_told(browser: Browser, shop: Shop, number: str, email: str, field: str) -> None:
    page = await browser.post("/orders/find", number=number, email=email)
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
