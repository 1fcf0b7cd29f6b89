"""Documents and fragments kept in Redis, exact: what is committed shows at the next request.

PostgreSQL knows the version of the catalogue, not Redis. Every transaction that changes what catalogue pages show adds
a random mark to `catalogue_changes` (triggers, so raw SQL too); the version is the sum of the marks that are visible.
It stands in the key, so nothing is ever deleted: what is old is no longer asked for.

Why nothing old is shown: a reader reads the version FIRST and then, on a miss, the data. The data may be newer than the
version it is kept under, never older. A reader that begins after a commit sees a version with that commit's mark, and
whatever lies under it was read after somebody had seen that mark. No version comes back: every commit that changes the
set of marks, pruning too, adds a mark that was never there before. A sum has no order, so it does not matter in which
order transactions commit.

Without Redis the same statements answer. docs/concepts/caching.md tells the rest.
"""

import asyncio
import hashlib
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, LiteralString

import brotli  # type: ignore[import-untyped]
import msgspec
from psycopg.rows import scalar_row
from psycopg.types.json import Jsonb

from lex.adapters.cache import UNAVAILABLE, Cache
from lex.db import documents
from lex.db.documents import Document
from lex.db.session import reading

SECONDS = 600.0  # a second wall: nothing lies here longer, whatever happens to the marks
_TURN = 2.0  # seconds after which the turn of a process that died passes on
_PATIENCE = 0.5  # seconds to wait for another process's answer before asking oneself
_POLL = 0.01
_TIMEOUT = 0.25  # seconds Redis may take
_COMPRESS_FROM = 500  # bytes
_QUALITY = 4
_MOST_MARKS = 50
_NEAR_COUNT, _NEAR_BYTES = 200, 100_000  # documents one process keeps at hand, and the largest of them

_VERSION: LiteralString = "SELECT sum(mark)::text FROM catalogue_changes"

# What prunes adds a mark, as every change does: without it a set of marks, and so a version, could come back.
_PRUNE: LiteralString = """
WITH gone AS (
    DELETE FROM catalogue_changes WHERE (SELECT count(*) FROM catalogue_changes) > %(most)s RETURNING mark
), added AS (
    INSERT INTO catalogue_changes SELECT WHERE EXISTS (SELECT FROM gone)
)
SELECT count(*)::int FROM gone
"""

Make = Callable[[], Awaitable[bytes | None]]

#: (kind, outcome) → how often; outcomes are near (in this process), hit (in Redis), miss, waited (another was making
#: it), bypassed (Redis is gone).
outcomes: Counter[tuple[str, str]] = Counter()

_kept = msgspec.msgpack.Decoder(tuple[str, bytes | None, bytes])
_seen: ContextVar[list[str] | None] = ContextVar("seen", default=None)


class _Shelf:
    """What one process has open."""

    cache: Cache | None = None
    build = ""
    making: dict[str, asyncio.Task[Document | None]] = {}
    near: OrderedDict[str, Document] = OrderedDict()


def connect(url: str, build: str = "") -> None:
    """Keep documents in this Redis from now on. `build` names the templates: other ones make other fragments."""
    _Shelf.cache, _Shelf.build, _Shelf.making = Cache(url, timeout=_TIMEOUT), build, {}
    _Shelf.near.clear()


async def disconnect() -> None:
    """Keep nothing any more."""
    cache, _Shelf.cache = _Shelf.cache, None
    if cache is not None:
        await cache.close()


def begin() -> None:
    """A request that only reads begins: it asks for the version once, however many documents it shows."""
    _seen.set([])


async def find_document(
    kind: str, statement: LiteralString, params: Mapping[str, Any], *, is_quick: bool = False
) -> bytes | None:
    """As `db.documents.find_document`, kept. Only for what the marked tables show, and of stock only what lists tell.

    `kind` is the name in the metrics. A `Document` when the cache is on. Raises `Unavailable`.
    """

    async def make() -> bytes | None:
        return await documents.find_document(statement, params, is_quick=is_quick)

    if _is_off():
        return await _bypass(kind, make)
    return await _find(kind, _digest(statement) + msgspec.json.encode(params, enc_hook=_plain, order="sorted"), make)


async def render(kind: str, question: str, work: Callable[[], Awaitable[str]]) -> str:
    """A fragment of HTML, kept under `kind` and `question`: everything it depends on besides the catalogue.

    Whatever `work` reads it must read itself: what was read before the call may be older than the version.
    """
    return (await render_page(kind, question, work)).decode()


async def render_page(kind: str, question: str, work: Callable[[], Awaitable[str]]) -> bytes:
    """As `render`, a whole page as it is sent: a `Document` when the cache is on."""

    async def make() -> bytes:
        return (await work()).encode()

    found = await (_bypass(kind, make) if _is_off() else _find(kind, question.encode(), make))
    return found or b""


async def prune() -> int:
    """Replace the marks by a single one when they have become many; returns how many went."""
    async with reading() as connection, connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_PRUNE, {"most": _MOST_MARKS})
        return int(await cursor.fetchone() or 0)


def _is_off() -> bool:
    return _Shelf.cache is None or _Shelf.cache.is_silent


async def _bypass(kind: str, make: Make) -> bytes | None:
    if _Shelf.cache is not None:
        outcomes[kind, "bypassed"] += 1
    return await make()


async def _find(kind: str, question: bytes, make: Make) -> bytes | None:
    """What lies under the present version, else what is made now. One maker per process and, mostly, per shop."""
    cache = _Shelf.cache
    assert cache is not None
    name = hashlib.blake2b(b"\0".join((kind.encode(), _Shelf.build.encode(), question)), digest_size=16).hexdigest()
    key = f"document:{await _version()}:{name}"
    if (near := _Shelf.near.get(key)) is not None:
        _Shelf.near.move_to_end(key)
        outcomes[kind, "near"] += 1
        return near
    kept = await cache.get(key)
    if kept is UNAVAILABLE:
        return await _bypass(kind, make)
    if kept is not None and (document := _unpacked(kept)) is not None:
        outcomes[kind, "hit"] += 1
        return _at_hand(key, document)
    making = _Shelf.making.get(key)
    outcomes[kind, "miss" if making is None else "waited"] += 1
    if making is None:
        making = _Shelf.making[key] = asyncio.create_task(_make(cache, kind, key, make))
        making.add_done_callback(lambda _: _Shelf.making.pop(key, None))
    return await asyncio.shield(making)  # others wait for it too: one client that leaves does not end it


def _at_hand(key: str, document: Document) -> Document:
    """Keep it in this process too, the least used leaving first: the version in the key makes it as exact as Redis."""
    if len(document) <= _NEAR_BYTES:
        _Shelf.near[key] = document
        if len(_Shelf.near) > _NEAR_COUNT:
            _Shelf.near.popitem(last=False)
    return document


async def _make(cache: Cache, kind: str, key: str, make: Make) -> Document | None:
    turn = await cache.add(f"{key}:turn", b"1", _TURN)
    if turn is False and (document := await _await_other(cache, key)) is not None:
        outcomes[kind, "waited"] += 1
        return document
    try:
        body = await make()
        if body is None:
            return None
        compressed = brotli.compress(body, quality=_QUALITY) if len(body) >= _COMPRESS_FROM else None
        document = Document.of(body, compressed=compressed)
        await cache.set(key, msgspec.msgpack.encode((document.etag, compressed, body)), SECONDS)
        return _at_hand(key, document)
    finally:
        if turn is True:
            await cache.delete(f"{key}:turn")


async def _await_other(cache: Cache, key: str) -> Document | None:
    for _ in range(int(_PATIENCE / _POLL)):
        await asyncio.sleep(_POLL)
        kept = await cache.get(key)
        if kept is UNAVAILABLE:
            return None
        if kept is not None:
            return _unpacked(kept)
    return None


async def _version() -> str:
    seen = _seen.get()
    if seen:
        return seen[0]
    version = (await documents.find_document(_VERSION, {}, is_quick=True) or b"").decode()
    if seen is not None:
        seen.append(version)
    return version


def _unpacked(kept: bytes) -> Document | None:
    try:
        etag, compressed, body = _kept.decode(kept)
    except msgspec.MsgspecError:
        return None  # somebody else's bytes: as if there were none
    return Document.of(body, etag, compressed)


@lru_cache(maxsize=1024)
def _digest(statement: LiteralString) -> bytes:
    return hashlib.blake2b(statement.encode(), digest_size=16).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, Jsonb):
        return value.obj
    raise TypeError(f"a {type(value).__name__} cannot name a document")
