"""An account in a browser without scripts."""

import re

import pytest

from tests.support.shop import Shop
from tests.web.account.conftest import OTHER, PASSWORD, Mailbox, sign_in
from tests.web.storefront.conftest import Browser


async def test_sign_up_confirm_and_look_around(browser: Browser, mailbox: Mailbox, address: str) -> None:
    await browser.post("/account/sign-up", email=address, password=PASSWORD, first_name="Ada", last_name="Möller")
    assert "Look into your mailbox" in browser.words
    assert "Sign in" in browser.words
    refused = await sign_in(browser, address)
    assert refused.status_code == 422
    assert "not confirmed yet" in browser.words

    verify = await mailbox.link(address, "verify")
    await browser.open(verify)
    await browser.open(verify)  # a mail program followed it before
    wrong = await browser.post("/account/verify", token=browser.hidden("token"), password="not the one")
    assert wrong.status_code == 422
    await browser.post("/account/verify", token=browser.hidden("token"), password=PASSWORD)
    assert browser.page.url.path == "/account"
    assert "Your address is confirmed" in browser.words
    assert "Hello Ada" in browser.words
    assert "No order yet" in browser.words

    await browser.post("/account/verify", token=verify.partition("token=")[2], password=PASSWORD)
    assert "used before or is too old" in browser.words


async def test_whoever_signs_up_with_anothers_address_never_gets_in(
    browser: Browser, other_browser: Browser, mailbox: Mailbox, address: str
) -> None:
    await browser.post("/account/sign-up", email=address, password=PASSWORD)
    await mailbox.link(address, "verify")
    await other_browser.post("/account/forgot", email=address)
    await other_browser.open(await mailbox.link(address, "reset"))
    await other_browser.post("/account/reset", token=other_browser.hidden("token"), password=OTHER)
    assert "Your new password counts" in other_browser.words
    assert (await sign_in(browser, address)).status_code == 422
    assert (await sign_in(other_browser, address, OTHER)).url.path == "/account"


async def test_the_header_tells_whether_one_is_in(browser: Browser, ada: str) -> None:
    await browser.open("/")
    assert browser.page.text.count('href="/account/sign-in"') == 2
    assert "Sign in" in browser.words
    await sign_in(browser, ada)
    await browser.open("/")
    assert "Sign in" not in browser.words
    assert browser.page.text.count('href="/account"') == 2
    await browser.post("/account/sign-out")
    assert "You are signed out" in browser.words
    assert (await browser.open("/account")).url.path == "/account/sign-in"


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("/products?q=bell", "/products"),
        *(
            (bad, "/account")
            for bad in ("https://evil.example/", "//evil.example/", "/\\evil.example", "evil", "/\n/x")
        ),
    ],
)
async def test_only_a_path_of_ours_is_gone_on_to(browser: Browser, ada: str, wanted: str, leads: str) -> None:
    page = await sign_in(browser, ada, next=wanted)
    assert (page.url.host, page.url.path) == ("shop.test", leads)
    page = await browser.open("/account/sign-in", params={"next": wanted})
    assert (page.url.host, page.url.path) == ("shop.test", leads)


async def test_a_page_that_needs_an_account_leads_to_the_sign_in_and_back(browser: Browser, ada: str) -> None:
    page = await browser.open("/account/security?x=1")
    assert page.url.path == "/account/sign-in"
    page = await sign_in(browser, ada, next=browser.hidden("next"))
    assert str(page.url).endswith("/account/security?x=1")


async def test_a_form_of_another_page_is_refused(browser: Browser, ada: str) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for path in ("sign-in", "sign-up", "sign-out", "security/password", "security/close"):
        if path.startswith("security"):
            await sign_in(browser, ada)
        page = await browser.post(f"/account/{path}", headers=foreign, email=ada, password=PASSWORD)
        assert page.status_code == 403, path
    assert (await browser.open("/account")).url.path == "/account"


async def test_without_a_word_of_the_browser_the_token_is_needed(browser: Browser, ada: str) -> None:
    await browser.open("/account/sign-in")
    token = browser.hidden("csrf")
    silent = await browser.client.post("/account/sign-in", data={"email": ada, "password": PASSWORD})
    assert silent.status_code == 403
    told = await browser.client.post("/account/sign-in", data={"email": ada, "password": PASSWORD, "csrf": token})
    assert told.url.path == "/account"


async def test_devices_are_listed_and_ended(browser: Browser, other_browser: Browser, ada: str) -> None:
    other_browser.client.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"
    await sign_in(other_browser, ada)
    await sign_in(browser, ada)
    await browser.open("/account/security")
    assert "Firefox · Linux" in browser.words
    assert browser.words.count("this browser") == 1
    there = browser.page.text.partition('action="/account/security/devices/')[2].partition('"')[0]
    await browser.post(f"/account/security/devices/{there}")
    assert "Signed out there" in browser.words
    assert "Firefox" not in browser.words
    assert (await other_browser.open("/account")).url.path == "/account/sign-in"
    await browser.post(f"/account/security/devices/{there}")
    assert browser.page.status_code == 200


async def test_a_new_password_ends_every_other_session_and_link(
    browser: Browser, other_browser: Browser, mailbox: Mailbox, ada: str
) -> None:
    await sign_in(browser, ada)
    await sign_in(other_browser, ada)
    wrong = await browser.post("/account/security/password", current_password="no", password=OTHER)
    assert wrong.status_code == 422
    for part, field in (("email", "email_password"), ("close", "close_password")):
        await browser.post(f"/account/security/{part}", email="x@example.org", **{field: ""})
        assert f'id="{field}-fault"' in browser.page.text
    weak = await browser.post("/account/security/password", current_password=PASSWORD, password="password1")
    assert (weak.status_code, "Take three or four words" in browser.words) == (422, True)
    before = browser.client.cookies["lex_session"]
    await other_browser.post("/account/forgot", email=ada)
    asked_before = await mailbox.token(ada, "reset")
    await browser.post("/account/security/password", current_password=PASSWORD, password=OTHER)
    assert "Your new password counts" in browser.words
    late = await other_browser.post("/account/reset", token=asked_before, password="one more of these")
    assert late.status_code == 410
    assert browser.client.cookies["lex_session"] != before
    assert (await other_browser.open("/account")).url.path == "/account/sign-in"
    assert (await sign_in(other_browser, ada)).status_code == 422
    assert (await sign_in(other_browser, ada, OTHER)).url.path == "/account"
    other_browser.client.cookies.clear()
    other_browser.client.cookies.set("lex_session", before)
    assert (await other_browser.open("/account")).url.path == "/account/sign-in"


async def test_another_address_once_both_have_said_yes(
    browser: Browser, other_browser: Browser, mailbox: Mailbox, ada: str
) -> None:
    new = f"new-{ada}"
    await sign_in(browser, ada)
    same = await browser.post("/account/security/email", email=ada.upper(), email_password=PASSWORD)
    assert same.status_code == 422
    await browser.post("/account/security/email", email=new, email_password=PASSWORD)
    assert "Both addresses have a mail now" in browser.words
    await other_browser.open(await mailbox.link(new, "email/new"))
    await other_browser.post(other_browser.page.url.path, token=other_browser.hidden("token"))
    assert "The other address has a mail too" in other_browser.words
    assert (await sign_in(other_browser, new)).status_code == 422
    await other_browser.post("/account/forgot", email=ada)
    of_old_mailbox = await mailbox.token(ada, "reset")
    await browser.open(await mailbox.link(ada, "email/old"))
    await browser.post(browser.page.url.path, token=browser.hidden("token"))
    assert "Your e-mail address was changed" in browser.words
    late = await other_browser.post("/account/reset", token=of_old_mailbox, password=OTHER)
    assert late.status_code == 410
    assert (await sign_in(browser, ada)).status_code == 422
    assert (await sign_in(browser, new)).url.path == "/account"
    assert "Your e-mail address was changed" in await mailbox.subjects(new)


async def test_an_address_that_is_taken_is_not_told_of(
    browser: Browser, mailbox: Mailbox, ada: str, db: object
) -> None:
    taken = f"taken-{ada}"
    await browser.post("/account/sign-up", email=taken, password=PASSWORD)
    await sign_in(browser, ada)
    await browser.post("/account/security/email", email=taken, email_password=PASSWORD)
    assert "Both addresses have a mail now" in browser.words
    assert "You have an account with this address" in await mailbox.subjects(taken)
    assert "Confirm your new e-mail address" not in await mailbox.subjects(taken)


async def test_a_closed_account_lets_nobody_in(
    browser: Browser, other_browser: Browser, mailbox: Mailbox, ada: str
) -> None:
    await sign_in(browser, ada)
    await sign_in(other_browser, ada)
    assert (await browser.post("/account/security/close", close_password="no")).status_code == 422
    await browser.post("/account/security/close", close_password=PASSWORD)
    assert "Your account is closed" in browser.words
    assert (await other_browser.open("/account")).url.path == "/account/sign-in"
    assert (await sign_in(browser, ada)).status_code == 422
    await browser.post("/account/forgot", email=ada)
    assert (await mailbox.subjects(ada))[-1] == "Your account was closed"


async def test_bad_input_is_named(browser: Browser, address: str) -> None:
    cases = [
        ({"email": "nobody", "password": PASSWORD}, "not an e-mail address"),
        ({"email": "аda@example.org", "password": PASSWORD}, "mixes letters that look alike"),
        ({"email": address, "password": "short"}, "at least 8 characters"),
        ({"email": address, "password": ""}, "Enter the password"),
        ({"email": address, "password": "x" * 1001}, "at most 1000 characters"),
        ({"email": address, "password": "password123"}, "common"),
        ({"email": address, "password": address}, "easy to guess"),
        ({"email": address, "password": PASSWORD, "first_name": "A\u202eda"}, "hidden characters"),
    ]
    for form, words in cases:
        page = await browser.post("/account/sign-up", **form)
        assert page.status_code == 422, form
        assert words.lower() in browser.words.lower(), (form, browser.words)
    await browser.post("/account/sign-in", email="nobody", password="")
    assert "not an e-mail address" in browser.words
    assert "Enter the password" in browser.words
    huge = await browser.post("/account/sign-in", email=address, password="x" * 1_000_001)
    assert huge.status_code == 413
    for path in ("reset", "unlock", "email/old", "email/new", "verify"):
        for token in ("", "x", "x" * 5000):
            page = await browser.post(f"/account/{path}", token=token, password=PASSWORD)
            assert page.status_code == 410, (path, token)
    assert (await browser.open("/account/email/other")).status_code in (404, 422)


async def test_all_that_is_wrong_with_a_form_is_told_at_once(browser: Browser, ada: str) -> None:
    def told() -> list[str]:
        return re.findall(r'href="#(\w+)"', browser.page.text.partition('id="faults"')[2].partition("</ul>")[0])

    await browser.post("/account/sign-up", email="ada@", password="123", first_name="a\u202eb", last_name="b" * 101)
    assert told() == ["email", "first_name", "last_name", "password"]
    await sign_in(browser, ada)
    address = {"country": "DE", "line1": "Ring 1", "postal_code": "1", "phone": "none", "type": "billing"}
    await browser.post("/account/addresses/new", **address, is_default_shipping="1")
    assert told() == ["recipient_name", "postal_code", "city", "is_default_shipping", "phone"]
    await browser.post("/account/details", first_name="a" * 101, phone="0", birth_date="1899-01-01", locale="xx")
    assert told() == ["first_name", "phone", "birth_date", "locale"]


async def test_what_lay_in_the_cart_comes_along(browser: Browser, other_browser: Browser, shop: Shop, ada: str) -> None:
    one, two = shop.product(), shop.product()
    await browser.add(one.sku, 2)
    await sign_in(browser, ada)
    await browser.open("/cart")
    assert browser.client.cookies["lex_cart_count"] == "2"
    await other_browser.add(one.sku, 3)
    await other_browser.add(two.sku)
    await sign_in(other_browser, ada)
    other_browser.client.cookies.delete("lex_cart", domain="shop.test")  # it is the account's, not the browser's
    await other_browser.open("/cart")
    assert other_browser.client.cookies["lex_cart_count"] == "4"  # the larger of both, not their sum
    await other_browser.checkout(email=ada, payment_token="tok_visa")
    assert "/orders/" in other_browser.page.url.path
    await browser.open("/account")
    assert "Being prepared" in browser.words
    assert "Parcel" not in browser.words  # the way it goes is nothing one bought
    number = browser.page.text.partition('href="/orders/LEX-')[2].partition('"')[0]
    assert (await browser.open(f"/orders/LEX-{number}")).status_code == 200
    await browser.post("/account/sign-out")
    assert (await browser.open(f"/orders/LEX-{number}")).status_code == 404


async def test_what_was_ordered_as_a_guest_comes_along_once_the_address_is_proven(
    browser: Browser, other_browser: Browser, shop: Shop, mailbox: Mailbox, address: str
) -> None:
    await other_browser.add(shop.product().sku)
    await other_browser.checkout(email=address, payment_token="tok_visa")
    number = other_browser.page.url.path.rpartition("/")[2]
    owner = "SELECT u.role FROM orders o JOIN users u ON u.id = o.user_id WHERE o.order_number = %s"
    await browser.post("/account/sign-up", email=address, password=PASSWORD)
    verify = await mailbox.link(address, "verify")
    assert shop.one(owner, (number,)) == {"role": "guest"}
    await browser.open(verify)
    await browser.post("/account/verify", token=browser.hidden("token"), password=PASSWORD)
    assert shop.one(owner, (number,)) == {"role": "user"}
    assert number in browser.words
    assert (await browser.open(f"/orders/{number}")).status_code == 200
