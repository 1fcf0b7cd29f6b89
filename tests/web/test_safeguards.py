"""What every answer tells browsers, what pages are made of, and where posts may come from."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar

from lex.core import actor
from lex.db.session import transaction
from lex.identity.commands import create_user
from lex.web.app import create_app
from lex.web.kit.edge import Edge
from lex.web.kit.safeguards import page_policy
from tests.web import probe
from tests.web.conftest import Client
from tests.web.walk import Door, cookie_of, doors, forget_limits

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
CLOSED = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
TEMPLATES = Path(probe.__file__).parents[2] / "lex" / "web" / "templates"
BROWSER = {"Accept": "text/html"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def app(web_settings: pytest.MonkeyPatch) -> Litestar:
    """The application, with the probe's routes beside its own."""
    web_settings.setenv("LEX_LOG_LEVEL", "error")
    made = create_app()
    for route in probe.routes:
        made.register(route)
    return made


def lacks(answer: Any) -> list[str]:
    """What an answer should say and does not."""
    said, faults = answer.headers, []
    faults += [name for name, value in EVERYWHERE.items() if said.get_list(name) != [value]]
    faults += [name for name in ("content-security-policy", "cache-control") if len(said.get_list(name)) != 1]
    policy = said.get("content-security-policy", "")
    is_page = said.get("content-type", "").startswith("text/html")
    if not policy.startswith("default-src 'none'; ") or "frame-ancestors 'none'" not in policy:
        faults.append(policy)
    if re.search("unsafe|\\*|https:( |;|$)|nonce", policy.replace("style-src 'unsafe-inline'; sandbox", "")):
        faults.append(policy)
    if is_page and not ("cross-origin-opener-policy" in said and "camera=()" in said["permissions-policy"]):
        faults.append("what windows heed")
    return faults


async def test_every_route_says_it(app: Litestar, client: Client, redis_url: str) -> None:
    found = {}
    for door in doors(app):
        forget_limits(redis_url)
        for accept in ("text/html", "application/json"):
            answer = await door.knock(client, {"Accept": accept, "Origin": "http://shop.test"})
            found[str(door), answer.status_code] = lacks(answer)
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert {200, 201, 303, 401, 404, 422} <= {status for _, status in found}


@pytest.mark.parametrize(
    ("status", "method", "address"),
    [
        (404, "GET", "/nowhere"),
        (404, "GET", "/api/v1/nowhere"),
        (405, "PUT", "/products"),
        (406, "GET", "/api/v1/products"),
        (204, "OPTIONS", "/products"),
        (200, "HEAD", "/"),
        (422, "GET", "/static/%00"),
    ],
)
async def test_errors_say_it_too(client: Client, status: int, method: str, address: str) -> None:
    answer = await client.request(method, address, headers=BROWSER)
    assert (answer.status_code, lacks(answer)) == (status, [])


@pytest.mark.parametrize(("status", "what"), [(410, "gone"), (500, "bug"), (503, "busy")])
async def test_refusals_and_bugs_say_it_too(client: Client, status: int, what: str) -> None:
    answer = await client.get(f"/api/v1/probe/{what}")
    assert (answer.status_code, lacks(answer)) == (status, [])


@pytest.mark.parametrize(("address", "kind"), [("/api/v1/carts", "application/json"), ("/cart/items", FORM)])
async def test_a_body_too_large_says_it_too(client: Client, address: str, kind: str) -> None:
    sent = {"Content-Type": kind, "Origin": "http://shop.test"}
    answer = await client.post(address, content=b" " * 1_000_001, headers=sent)
    assert (answer.status_code, lacks(answer)) == (413, [])


async def test_too_many_say_it_too(client: Client) -> None:
    for _ in range(12):
        sent = {**BROWSER, "Origin": "http://shop.test"}
        form = {"number": "LEX-20260101-AAAAAAAA", "email": "ada@example.org"}
        answer = await client.post("/orders/find", data=form, headers=sent)
    assert (answer.status_code, lacks(answer)) == (429, [])


async def test_even_a_broken_answer_says_it(web_settings: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("the page of the problem breaks as well")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", "state": {}}
    await Edge(broken)(scope, broken, send)  # type: ignore[arg-type]
    assert (sent[0]["status"], sent[1]["more_body"]) == (500, False)
    assert (b"content-security-policy", CLOSED.encode()) in sent[0]["headers"]


async def test_what_is_no_page_loads_nothing(client: Client) -> None:
    for address in ("/api/v1/products", "/healthz", "/robots.txt", "/sitemap.xml", "/api/v1/nowhere"):
        assert (await client.get(address)).headers["content-security-policy"] == CLOSED, address
    for address in ("/", "/api/docs", "/nowhere"):
        assert (await client.get(address, headers=BROWSER)).headers["content-security-policy"] == page_policy(), address


async def test_only_a_shop_under_tls_insists_on_it(client: Client) -> None:
    assert "strict-transport-security" not in (await client.get("/")).headers


@pytest.fixture
def under_tls(web_settings: pytest.MonkeyPatch) -> None:
    """Customers reach the shop over TLS."""
    web_settings.setenv("LEX_PUBLIC_URL", "https://shop.test")


async def test_a_shop_under_tls_insists_on_it(under_tls: None, client: Client) -> None:
    for address in ("/", "/api/v1/products", "/nowhere"):
        assert (await client.get(address)).headers["strict-transport-security"] == "max-age=31536000"


class _Inline(HTMLParser):
    """Gathers what a policy without 'unsafe-inline' would not run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_data = given.get("type") == "application/ld+json"
        if tag == "style" or (tag == "script" and not given.get("src") and not is_data):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            runs = name.startswith(("on", "hx-on")) or "js:" in (value or "") or "javascript:" in (value or "").lower()
            if name == "style" or runs or (name == "hx-trigger" and "[" in (value or "")):
                self.found.append(f"<{tag} {name}>")


@pytest.mark.parametrize(
    "template", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES))
)
def test_no_template_has_anything_inline(template: Path) -> None:
    looked = _Inline()
    looked.feed(re.sub(r"\{#.*?#\}", "", template.read_text("utf-8"), flags=re.DOTALL))
    assert looked.found == []


@pytest.fixture
async def signed_in(client: Client) -> Any:
    """`await signed_in()`: the cookie of a super administrator just signed in, and nothing a browser would add."""
    async with transaction(actor.system()) as session:
        person = await create_user(session, role="super_admin", email=f"root-{uuid4()}@example.org")

    async def made() -> dict[str, str]:
        return {"Cookie": (await cookie_of(person.id, "super_admin"))["Cookie"]}

    return made


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://shop.test.evil.example"},
    {"Origin": "http://shop.test@evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://shop.test", "Sec-Fetch-Site": "cross-site"},
)


def is_elsewhere(door: Door) -> bool:
    """Stands for another company, whose pages know no session."""
    return door.path.startswith("/sandbox/")


async def test_no_form_of_another_page_does_anything(
    app: Litestar, client: Client, redis_url: str, signed_in: Any
) -> None:
    passed, looked = [], 0
    for door in doors(app):
        if not door.changes or door.is_api or is_elsewhere(door):
            continue
        forget_limits(redis_url)
        looked += 1
        for told in ({}, *FOREIGN, {"csrf": "made.up"}):
            answer = await door.knock(client, {**await signed_in(), **told})
            if answer.status_code != 403 or "did not come from a page of ours" not in answer.text:
                passed.append((str(door), told, answer.status_code))
    assert passed == [], "\n".join(map(str, passed))
    assert looked > 20


async def test_no_call_of_another_page_is_taken_for_a_session(
    app: Litestar, client: Client, redis_url: str, signed_in: Any
) -> None:
    """A body that cannot be read is told first; whoever takes one asks who it is before anything is done."""
    passed, looked = [], 0
    for door in doors(app):
        if not door.changes or not door.is_api or door.path.startswith("/api/v1/webhooks/"):
            continue
        forget_limits(redis_url)
        looked += 1
        silent = {"Content-Type": FORM}
        for told in (silent, *FOREIGN):
            answer = await door.knock(client, {**await signed_in(), **told})
            asks = answer.status_code in (415, 422) and "actor" in door.handler.parsed_fn_signature.parameters
            if not asks and answer.json()["code"] != "foreign_call":
                passed.append((str(door), told, answer.status_code))
    assert passed == [], "\n".join(map(str, passed))
    assert looked > 20
