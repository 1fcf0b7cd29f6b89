"""Files under a person's key: sealed and opened in pieces, so that neither takes more memory than one.

Each piece is bound to its row, to its number and to whether it is the last: pieces that are changed, swapped, left out
or cut off do not open. Destroying the person's key destroys the file, wherever a copy of it lies.
"""

from collections.abc import Iterator
from typing import BinaryIO
from uuid import UUID

from cryptography.exceptions import InvalidTag

from lex.identity.ciphers import Cipher

PIECE = 256 * 1024
_AROUND = 1 + 12 + 16  # version, nonce and tag


class Sealing:
    """A file to write to that keeps ciphertext in `target`. `size` is how much was written; `finish` it at the end."""

    def __init__(self, target: BinaryIO, cipher: Cipher, cell: str, row_id: UUID) -> None:
        self.size = 0
        self._target, self._cipher, self._cell, self._row_id = target, cipher, cell, row_id
        self._held = bytearray()
        self._number = 0

    def write(self, data: bytes) -> int:
        """Take some bytes; what fills a piece is sealed."""
        self._held += data
        while len(self._held) > PIECE:
            self._put(bytes(self._held[:PIECE]), is_last=False)
            del self._held[:PIECE]
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """What waits for its piece to be full stays here."""

    def finish(self) -> None:
        """Seal the last piece."""
        self._put(bytes(self._held), is_last=True)

    def _put(self, piece: bytes, *, is_last: bool) -> None:
        cell = _place(self._cell, self._number, is_last=is_last)
        self._target.write(self._cipher.seal_bytes(cell, self._row_id, piece))
        self._number += 1


def opened(source: BinaryIO, cipher: Cipher, cell: str, row_id: UUID) -> Iterator[bytes]:
    """The pieces of a sealed file. Raises `cryptography.exceptions.InvalidTag` where it is not as it was made."""
    number, piece = 0, source.read(PIECE + _AROUND)
    while True:
        if len(piece) < _AROUND:
            raise InvalidTag
        following = source.read(PIECE + _AROUND)
        yield cipher.open_bytes(_place(cell, number, is_last=not following), row_id, piece)
        if not following:
            return
        number, piece = number + 1, following


def _place(cell: str, number: int, *, is_last: bool) -> str:
    return f"{cell}:{number}:{'last' if is_last else 'more'}"
