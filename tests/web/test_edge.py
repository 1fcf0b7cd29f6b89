"""What every answer carries, and what is written about it."""

import io
import json
import logging
import re
import sys
from uuid import UUID

import pytest
from structlog.contextvars import bound_contextvars

from lex.core.settings import Settings
from lex.ops import logs
from tests.web.conftest import Client


async def test_a_plain_request_id_goes_on(client: Client) -> None:
    answer = await client.get("/healthz", headers={"X-Request-ID": "shop.example_42-a"})
    assert answer.headers.get_list("x-request-id") == ["shop.example_42-a"]


@pytest.mark.parametrize("given", ["", "a" * 129, "a b", "a\tb", "<script>", "ä"])
async def test_any_other_request_id_is_replaced(client: Client, given: str) -> None:
    answer = await client.get("/healthz", headers={"X-Request-ID": given.encode()})  # type: ignore[dict-item]
    assert UUID(answer.headers["x-request-id"]).version == 7


async def test_the_access_line_names_the_route_and_no_person(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await client.get("/api/v1/probe?need=1&since=very-private", headers={"X-Cart-Token": "secret-token"})
        await client.get("/api/v1/probe/gone")
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    first, second = (line for line in lines if line["event"] == "request")
    assert (first["method"], first["route"], first["status"], first["level"]) == ("GET", "/api/v1/probe", 200, "info")
    assert first["ms"] >= 0
    assert first["request_id"] != second["request_id"]
    assert (second["route"], second["status"], second["level"]) == ("/api/v1/probe/{what}", 410, "warning")
    assert "very-private" not in caplog.text
    assert "secret-token" not in caplog.text


async def test_a_line_for_machines_is_as_the_renderer_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nobody else listening it is written directly; with a second handler it takes the way of all others."""
    root, output = logging.getLogger(), io.StringIO()
    level = root.level
    monkeypatch.setattr(sys, "stderr", output)
    monkeypatch.setattr(root, "handlers", [])
    logs.configure(Settings(log_format="json", log_level="info"))
    request = {"method": "GET", "route": '/a "b"\\ä', "status": 404, "seconds": 0.01234, "actor": "-"}
    try:
        with bound_contextvars(request_id="some-id"):
            for _ in range(2):
                logs.Access("lex.web.access").write(logging.WARNING, "some-id", **request)
                logs.Access("lex.web.access").write(logging.DEBUG, "some-id", **request)
                root.addHandler(logging.NullHandler())
    finally:
        root.setLevel(level)
    first, second = (re.sub(r"T[\d:.]+Z", "TZ", line) for line in output.getvalue().splitlines())
    assert first == second
    assert json.loads(first)["ms"] == 12.3


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_tells_no_values(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """Variables hold whole requests: keys, names, addresses."""
    root, output = logging.getLogger(), io.StringIO()
    level = root.level
    monkeypatch.setattr(sys, "stderr", output)
    monkeypatch.setattr(root, "handlers", [])
    logs.configure(Settings(log_format=form, log_level="info"))
    key = "-".join(("lex", "pat", "secret"))
    try:
        assert key.index("nowhere")
    except ValueError:
        logging.getLogger("lex.test").exception("it failed")
    finally:
        root.setLevel(level)
    assert "key.index(" in output.getvalue()
    assert key not in output.getvalue()


async def test_answers_are_compressed_when_that_helps(client: Client) -> None:
    for encoding in ("br", "gzip"):
        answer = await client.get("/api/v1/probe/document", headers={"Accept-Encoding": encoding})
        assert answer.headers["content-encoding"] == encoding
        assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in (await client.get("/healthz")).headers
