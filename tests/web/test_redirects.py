"""Nobody is sent to another host, and no page says that the shop is elsewhere."""

import re
from urllib.parse import quote, urljoin, urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar

from lex.core import actor
from lex.db.session import transaction
from lex.identity.commands import create_user
from lex.web.app import create_app
from lex.web.kit.signing import local_path
from tests.web.conftest import Client
from tests.web.walk import ORIGIN, cookie_of, doors, forget_limits

EVIL = "evil.example"
HOSTILE = (
    f"//{EVIL}",
    f"///{EVIL}",
    f"/\\{EVIL}",
    f"\\\\{EVIL}",
    f"\\/{EVIL}",
    f"https:{EVIL}",
    f"https:/{EVIL}",
    f"https://{EVIL}/",
    f"HTTPS://{EVIL}",
    f"http://shop.test@{EVIL}/",
    f"//shop.test@{EVIL}/",
    f"http://shop.test.{EVIL}/",
    f"/\t/{EVIL}",
    f"/\n/{EVIL}",
    f"/\r\n/{EVIL}",
    f"\t//{EVIL}",
    f" //{EVIL}",
    f"\u00a0//{EVIL}",
    f"\x00//{EVIL}",
    f"/\u2028/{EVIL}",
    f"／／{EVIL}",
    f"/／{EVIL}",
    f"/⁄{EVIL}",
    "//evil。example",
    f"%2f%2f{EVIL}",
    f"/%2f%2f{EVIL}",
    f"/%5c{EVIL}",
    f"/%09/{EVIL}",
    f"/.//{EVIL}",
    f"/account/..//{EVIL}",
    f"ftp://{EVIL}",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    f"/account\r\nLocation: https://{EVIL}",
    f"/account\r\nSet-Cookie: lex_session={EVIL}",
    "/" + "a" * 3000,
    "?",
    "",
)
#: What addresses are called where they are given.
FIELDS = ("next", "back", "url", "return", "return_to", "return_url", "redirect", "redirect_to", "continue", "token")


def leads(location: str) -> tuple[str, str]:
    """Scheme and host a browser goes to: tabs and newlines are nothing to it, and a backslash is a slash."""
    seen = re.sub(r"[\t\r\n]", "", location).strip("\x00\x20").replace("\\", "/")
    there = urlsplit(urljoin(f"{ORIGIN}/account/sign-in", seen))
    return there.scheme, there.netloc


@pytest.mark.parametrize("wanted", HOSTILE, ids=range(len(HOSTILE)))
def test_what_leads_on_is_a_path_of_ours(wanted: str) -> None:
    assert leads(local_path(wanted)) == ("http", "shop.test")


@given(st.text(alphabet="/\\:@.%?#\t\n\r ae。／", max_size=12))
def test_whatever_is_asked_for(wanted: str) -> None:
    assert leads(local_path(wanted)) == ("http", "shop.test")


def test_paths_of_ours_are_taken() -> None:
    for path in ("/", "/account", "/products?q=b%C3%A4r&sort=price", "/orders/LEX-1?token=a_b-c", "/search?q=a+b#top"):
        assert local_path(path) == path


@pytest.fixture
def app(web_settings: pytest.MonkeyPatch) -> Litestar:
    """The application alone."""
    web_settings.setenv("LEX_LOG_LEVEL", "error")
    return create_app()


@pytest.fixture
async def ada(client: Client) -> UUID:
    """A customer."""
    async with transaction(actor.system()) as session:
        return (await create_user(session, role="user", email=f"ada-{uuid4()}@example.org")).id


async def test_whoever_is_in_goes_on_within_the_shop(client: Client, ada: UUID) -> None:
    for wanted in HOSTILE:
        answer = await client.get("/account/sign-in", params={"next": wanted}, headers=await cookie_of(ada, "user"))
        assert answer.status_code == (422 if "\x00" in wanted else 303), wanted
        assert leads(answer.headers.get("location", "/")) == ("http", "shop.test"), wanted
        assert EVIL not in answer.headers.get("set-cookie", "")


async def test_no_page_leads_to_another_host(app: Litestar, client: Client, redis_url: str, ada: UUID) -> None:
    elsewhere, led = [], 0
    for door in doors(app):
        if door.is_api:
            continue
        forget_limits(redis_url)
        for wanted in HOSTILE[::5]:
            given = {name: wanted for name in FIELDS if "\x00" not in wanted}
            headers = {**await cookie_of(ada, "user"), "Referer": f"https://{EVIL}/", "Accept": "text/html"}
            path = door.with_values(quote(wanted, safe=""))
            sent = {"data": given} if door.changes else {}
            answer = await client.request(door.method, path, params=given, headers=headers, **sent)  # type: ignore[arg-type]
            client.cookies.clear()
            led += answer.status_code == 303
            where = answer.headers.get("location", "/")
            is_ours = leads(where) == ("http", "shop.test") and "hx-redirect" not in answer.headers
            if not is_ours or (answer.status_code >= 500 and door.path != "/readyz"):
                elsewhere.append((str(door), wanted, answer.status_code, where))
    assert elsewhere == []
    assert led > 100


async def test_no_page_believes_the_host_it_was_asked_at(app: Litestar, client: Client) -> None:
    told = {"Host": EVIL, "X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "https", "Forwarded": f"host={EVIL}"}
    believed = []
    for door in doors(app):
        if not door.changes:
            answer = await door.knock(client, told)
            if EVIL in answer.text or EVIL in str(answer.headers):
                believed.append(str(door))
    assert believed == []
