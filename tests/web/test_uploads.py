"""No form takes a file, whatever it is called, and no body unpacks to more than it is."""

import gzip
from pathlib import Path

import pytest
from litestar import Litestar

from lex.web.app import create_app
from tests.support.pictures import picture
from tests.web.conftest import Client
from tests.web.walk import ORIGIN, doors, forget_limits

NAMES = ("../../evil.html", "/etc/evil", "..\\evil.php", "evil\x00.png", "a" * 5000, "", "%2e%2e%2fevil.svg")
#: A form whose parts do not end, or are none.
BROKEN = (
    b"--x\r\nContent-Disposition: form-data; name=f; filename=evil\r\n\r\n",
    b'--x\r\nContent-Disposition: form-data; name="\xff\xfe"; filename="evil"\r\n\r\n1\r\n--x--\r\n',
    b"--x\r\n" * 5000,
    b"",
)


@pytest.fixture
def app(web_settings: pytest.MonkeyPatch) -> Litestar:
    """The application alone."""
    web_settings.setenv("LEX_LOG_LEVEL", "error")
    return create_app()


def kept(home: Path) -> set[Path]:
    """The files in the home folder, but for mails and keys."""
    return {path for path in home.rglob("*") if path.is_file() and not {"mail", "secrets"} & set(path.parts)}


async def test_no_form_keeps_a_file(app: Litestar, client: Client, redis_url: str, web_home: Path) -> None:
    before, taken, looked = kept(web_home), [], 0
    for door in doors(app):
        if not door.changes or door.is_api:
            continue
        looked += 1
        forget_limits(redis_url)
        for name in NAMES:
            files = {"picture": (name, picture("PNG"), "image/png"), name or "x": ("x.html", b"<script>", "text/html")}
            answer = await client.post(door.address, files=files, headers={"Origin": ORIGIN})
            if answer.status_code not in (400, 401, 404, 415, 422) and "Location" not in answer.headers:
                taken.append((str(door), name[:30], answer.status_code))
        for body in BROKEN:
            sent = {"Origin": ORIGIN, "Content-Type": "multipart/form-data; boundary=x"}
            answer = await client.post(door.address, content=body, headers=sent)
            if answer.status_code >= 500:
                taken.append((str(door), body[:30], answer.status_code))
    assert taken == []
    assert looked > 20
    assert kept(web_home) == before


@pytest.mark.parametrize("address", ["/api/v1/carts", "/api/v1/webhooks/sandbox", "/cart/items"])
async def test_a_packed_body_is_not_unpacked(client: Client, address: str) -> None:
    packed = gzip.compress(b'{"items": [' + b" " * 50_000_000 + b"]}")
    assert len(packed) < 100_000
    sent = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Origin": ORIGIN}
    answer = await client.post(address, content=packed, headers=sent)
    assert answer.status_code in (400, 415, 422)
