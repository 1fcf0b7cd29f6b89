"""A small HTTP/1.1 client: one request at a time on a connection that stays open. A tenth of the cost of a full one.

It is the load of the benchmark, so that the benchmark measures the server.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import brotli  # type: ignore[import-untyped]
import httptools
import msgspec


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, decoded body, and the cookies that were set."""

    status: int
    body: bytes
    cookies: dict[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as plain values."""
        return msgspec.json.decode(self.body)


class Connection(asyncio.Protocol):
    """One connection. `request` raises ConnectionError when the server closes it before the answer is complete.

    `kept` is what a scenario remembers from one operation to the next."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.kept: dict[str, str] = {}
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._begin()

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send and wait. A text is sent as a form, any other body as JSON; underscores in header names are dashes."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the connection is closed")
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        content = b""
        if body is not None:
            content = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
            kind = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
            lines += [f"content-type: {kind}", f"content-length: {len(content)}"]
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + content)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Called by the loop."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if name.lower() == b"content-encoding":
            self._is_compressed = value == b"br"
        elif name.lower() == b"set-cookie":
            key, _, rest = value.decode().partition("=")
            self._cookies[key] = rest.partition(";")[0]

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        body = b"".join(self._body)
        answer = Answer(
            self._parser.get_status_code(), brotli.decompress(body) if self._is_compressed else body, self._cookies
        )
        self._begin()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._is_compressed = False
        self._cookies: dict[str, str] = {}


async def connect(url: str) -> Connection:
    """Open a connection to `http://host:port`."""
    host, _, port = url.removeprefix("http://").partition(":")
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(host), host, int(port))
    return connection
