"""Every way a request can go wrong, as the client sees it."""

from functools import partial

import httpx
import pytest
from litestar import Litestar

from lex.web.kit.problems import answer_problem
from tests.web.conftest import Client, field_codes

BODY = {"lines": []}


async def test_a_refusal_is_a_problem(client: Client) -> None:
    answer = await client.post("/api/v1/probe", json={**BODY, "act": "refuse"}, headers={"X-Request-ID": "trace-7"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/problems/sold_out",
        "title": "Conflict",
        "status": 409,
        "detail": "The last one is gone.",
        "code": "sold_out",
        "instance": "/api/v1/probe",
        "request_id": "trace-7",
        "errors": [],
        "left": 0,
    }


async def test_a_bug_tells_only_the_request_id(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = await client.get("/api/v1/probe/bug")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["request_id"] in caplog.text
    assert "secret detail" in caplog.text


async def test_unavailable_says_when_to_come_back(client: Client) -> None:
    answer = await client.get("/api/v1/probe/busy")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_gone_is_410(client: Client) -> None:
    assert (await client.get("/api/v1/probe/gone")).status_code == 410


async def test_unknown_address_and_method(client: Client) -> None:
    missing = await client.get("/api/v1/nothing-here")
    assert missing.status_code == 404
    assert missing.json()["code"] == "not_found"
    wrong = await client.delete("/api/v1/probe")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_options_and_head(client: Client) -> None:
    options = await client.options("/api/v1/probe/document")
    assert options.status_code == 204
    assert options.headers["allow"] == "GET, OPTIONS, HEAD"
    head, got = await client.head("/api/v1/probe/document"), await client.get("/api/v1/probe/document")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == got.headers["etag"]
    assert (await client.head("/api/v1/probe/bug")).status_code == 500
    assert (await client.head("/api/v1/nothing")).status_code == 404


async def test_every_bad_parameter_is_named(client: Client) -> None:
    answer = await client.get("/api/v1/probe?limit=0&tags=1&tags=x&cursor=" + "a" * 1001)
    assert answer.status_code == 422
    assert field_codes(answer) == {"need": "missing", "limit": "range", "tags.1": "type", "cursor": "length"}


@pytest.mark.parametrize("cursor", ["%21%21", "e30", "bnVsbA", "WyJhIiwxXQ", "a", "é"])
async def test_a_cursor_of_something_else_is_refused(client: Client, cursor: str) -> None:
    answer = await client.get(f"/api/v1/probe?need=1&cursor={cursor}")
    assert answer.status_code == 422
    assert field_codes(answer) == {"cursor": "cursor"}


async def test_nul_in_the_address_is_refused(client: Client) -> None:
    answer = await client.get("/api/v1/probe?need=1&since=%00")
    assert answer.status_code == 422
    assert field_codes(answer) == {"since": "text"}
    assert (await client.get("/api/v1/probe/a%00b")).status_code == 422
    assert (await client.get("/%00")).status_code in (404, 422)


async def test_broken_utf8_in_the_address_is_no_server_error(client: Client) -> None:
    assert (await client.get("/api/v1/probe?need=1&since=%ff%fe")).status_code == 200
    assert (await client.get("/api/v1/%ff%fe")).status_code == 404


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"lines":[\xff]}', "application/json", 400),
        (b"{", "application/json", 400),
        (b"", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"lines=1", "application/x-www-form-urlencoded", 415),
        (b'{"lines":[]}', "application/vnd.shop+json; charset=utf-8", 201),
        (b" " * 1_000_001, "application/json", 413),
    ],
)
async def test_bodies_that_cannot_be_read(client: Client, content: bytes, kind: str, status: int) -> None:
    answer = await client.post("/api/v1/probe", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status


async def test_no_body_at_all(client: Client) -> None:
    answer = await client.post("/api/v1/probe")
    assert answer.status_code == 422
    assert field_codes(answer) == {"body": "missing"}


async def test_an_endless_body_is_cut_off(client: Client) -> None:
    async def endless() -> httpx.AsyncByteStream:  # type: ignore[misc]
        for _ in range(200):
            yield b" " * 10_000

    answer = await client.post("/api/v1/probe", content=endless(), headers={"Content-Type": "application/json"})  # type: ignore[arg-type]
    assert answer.status_code == 413


async def test_who_takes_no_json_is_told(client: Client) -> None:
    answer = await client.get("/api/v1/probe/document", headers={"Accept": "application/xml"})
    assert answer.status_code == 406
    for accepted in ("*/*", "application/json;q=0.5", "text/html,*/*;q=0.1", "application/problem+json"):
        got = await client.get("/api/v1/probe/document", headers={"Accept": accepted})
        assert got.status_code == 200


async def test_a_browser_gets_a_page(client: Client) -> None:
    answer = await client.get("/nowhere", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-request-id"] in answer.text
    api = await client.get("/api/v1/nowhere", headers={"Accept": "text/html,*/*"})
    assert api.headers["content-type"] == "application/problem+json"


async def test_a_page_says_what_is_wrong_whatever_fails_around_it(client: Client) -> None:
    async def fails() -> None:
        raise OSError("the database is gone")

    app = Litestar(exception_handlers={Exception: partial(answer_problem, around=fails)}, openapi_config=None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as alone:
        answer = await alone.get("/nowhere", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "This page does not exist" in answer.text


async def test_a_strange_host_is_refused(client: Client) -> None:
    assert (await client.get("/healthz", headers={"Host": "a b"})).status_code == 400


async def test_an_empty_body_is_missing_whatever_it_is_called(client: Client) -> None:
    for headers in ({}, {"Content-Type": "application/json"}):
        answer = await client.post("/api/v1/probe", content=b"", headers=headers)
        assert (answer.status_code, field_codes(answer)) == (422, {"body": "missing"})
