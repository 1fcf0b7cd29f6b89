"""Pictures as other hosts send them, and such a host on the loopback."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

#: status, headers, and the parts of the body; a number among them is a pause in seconds.
Answer = tuple[int, dict[str, str], list[bytes | float]]


def picture(form: str = "JPEG", size: tuple[int, int] = (900, 600), colour: Any = (200, 30, 40), **how: Any) -> bytes:
    """A picture of one colour; `mode` and what Pillow's `save` takes."""
    out = io.BytesIO()
    Image.new(how.pop("mode", "RGB"), size, colour).save(out, form, **how)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """A picture, decoded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def good(body: bytes, kind: str = "image/jpeg") -> Answer:
    return 200, {"Content-Type": kind, "Content-Length": str(len(body))}, [body]


def redirect(to: str) -> Answer:
    return 302, {"Location": to, "Content-Length": "0"}, []


@dataclass
class Host:
    """A host: answers by path, and what it was asked for."""

    port: int = 0
    answers: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def address(self, path: str, name: str = "localhost") -> str:
        return f"http://{name}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            self.asked.append(path)
            found = self.answers.get(path, (404, {"Content-Length": "0"}, []))
            status, headers, parts = found() if callable(found) else found
            lines = [f"HTTP/1.1 {status} Answer", "Connection: close", *(f"{k}: {v}" for k, v in headers.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            for part in parts:
                if isinstance(part, bytes):
                    writer.write(part)
                    await writer.drain()
                else:
                    await asyncio.sleep(part)
        writer.close()


@asynccontextmanager
async def host() -> AsyncIterator[Host]:
    """A host on 127.0.0.1 at a free port."""
    made = Host()
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
