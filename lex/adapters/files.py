"""Files: pictures everybody may see and digital goods only a buyer may fetch, in two folders apart.

A key is a path of plain names, `products/chain/1.webp`: it can never leave its folder.
"""

import asyncio
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote

from lex.core.errors import Invalid, NotFound
from lex.core.settings import settings

_BAD = re.compile(r"[\x00-\x1f\x7f\\:\ud800-\udfff]")
_LONGEST_KEY = 500
_LONGEST_NAME = 255  # bytes, as file systems count


class Store(Protocol):
    """Something that keeps files."""

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Keep `data` under `key`, replacing what was there. Raises `Invalid` for a key that cannot be."""

    async def get(self, key: str) -> bytes:
        """The file. Raises `NotFound`."""

    async def remove(self, key: str) -> None:
        """Forget the file; one that is not there is forgotten already."""

    def url(self, key: str) -> str:
        """The address of a public file."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Files in a local folder. `address` is where the web serves it; a private folder has none."""

    root: Path
    address: str | None = None

    async def put(self, key: str, data: bytes, content_type: str) -> None:  # noqa: ARG002
        """Write the file at once or not at all. A folder keeps no content type: the web takes it from the ending."""
        await asyncio.to_thread(self._write, self.path(key), data)

    async def get(self, key: str) -> bytes:
        """The file. Raises `NotFound`."""
        try:
            return await asyncio.to_thread(self.path(key).read_bytes)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NotFound("There is no such file.", code="file_not_found") from None

    async def remove(self, key: str) -> None:
        """Forget the file."""
        await asyncio.to_thread(self.path(key).unlink, missing_ok=True)

    def url(self, key: str) -> str:
        """The address of a public file. Raises ValueError for a private folder."""
        if self.address is None:
            raise ValueError("a private file has no address")
        return f"{self.address}/{quote(checked_key(key))}"

    def path(self, key: str) -> Path:
        """Where a file lies. Raises `Invalid` for a key that would leave the folder."""
        path = self.root / checked_key(key)
        if not path.resolve().is_relative_to(self.root.resolve()):  # a link inside the folder that points out of it
            raise _invalid("it leaves its folder")
        return path

    def create(self, key: str) -> BinaryIO:
        """A new file to be written piece by piece, which lies there unfinished meanwhile. Raises `Invalid`."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}")
        try:
            draft.write_bytes(data)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def checked_key(key: str) -> str:
    """The key, when it is one. Raises `Invalid`."""
    if not key or len(key) > _LONGEST_KEY:
        raise _invalid(f"it has 1 to {_LONGEST_KEY} characters")
    if _BAD.search(key):
        raise _invalid("it holds no control characters, backslashes or colons")
    for name in key.split("/"):
        if not name or name.startswith(".") or name != name.strip() or len(name.encode()) > _LONGEST_NAME:
            raise _invalid("each of its names is plain: not empty, not starting with a dot, without spaces around it")
    return key


def media() -> Folder:
    """What everybody may see: served under `/media`."""
    return Folder(settings().home_path / "media", "/media")


def private() -> Folder:
    """What only a buyer may fetch: served by no address."""
    return Folder(settings().home_path / "files")


def _invalid(why: str) -> Invalid:
    return Invalid("key", f"This is not a file key: {why}.", code="file_key")
