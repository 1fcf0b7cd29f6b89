"""Asked again unchanged, a document is not sent again."""

import pytest

from lex.web.kit.caching import etag_of, matches
from tests.web.conftest import Client
from tests.web.probe import DOCUMENT

ETAG = etag_of(DOCUMENT)


async def test_a_document_is_sent_once(client: Client) -> None:
    first = await client.get("/api/v1/probe/document")
    assert first.status_code == 200
    assert first.content == DOCUMENT
    assert first.headers["etag"] == ETAG
    assert first.headers["cache-control"] == "public, max-age=60"
    again = await client.get("/api/v1/probe/document", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == ETAG


@pytest.mark.parametrize(
    ("header", "is_match"),
    [
        (ETAG, True),
        (ETAG.removeprefix("W/"), True),
        (f'"other", {ETAG} ', True),
        ("*", True),
        ("", False),
        ('"other"', False),
        ('W/"other"', False),
        ("broken", False),
    ],
)
def test_if_none_match(header: str, is_match: bool) -> None:
    assert matches(header, ETAG) is is_match
