"""The right to fetch digital files after paying: a link per file, with an expiry and a limit.

A link's token is derived from its row by HMAC: the order's page can show it again while only its hash is stored.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.core.errors import Gone, NotFound
from lex.db import sql
from lex.db.session import Session
from lex.identity.commands import hash_token
from lex.identity.keyring import key_ring, tried_blind_keys

DOWNLOAD_TIME = timedelta(days=30)
DOWNLOAD_LIMIT = 5

_MISSING: LiteralString = """
SELECT i.id AS order_item_id, i.user_id, f.id AS file_id
FROM orders o
JOIN order_items i ON i.order_id = o.id AND i.user_id = o.user_id AND i.is_digital
LEFT JOIN digital_files f ON f.product_id = i.product_id AND f.deleted_at IS NULL
LEFT JOIN downloads d ON d.order_item_id = i.id AND d.user_id = i.user_id AND d.digital_file_id = f.id
WHERE o.id = %(order_id)s AND o.payment_status = 'paid' AND d.id IS NULL
ORDER BY i.position, f.id
"""

_GRANT: LiteralString = """
INSERT INTO downloads (id, order_id, user_id, order_item_id, digital_file_id, token_hash, expires_at, download_limit)
SELECT id, %(order_id)s, user_id, item_id, file_id, hash, %(expires_at)s, %(limit)s
FROM unnest(%(ids)s::uuid[], %(users)s::uuid[], %(items)s::uuid[], %(files)s::uuid[], %(hashes)s::bytea[])
    AS g (id, user_id, item_id, file_id, hash)
ON CONFLICT (order_item_id, digital_file_id) DO NOTHING
"""

#: Files can be fetched while their order is so.
PAID: LiteralString = "('paid', 'partially_refunded')"

_LIST: LiteralString = """
SELECT d.id, d.token_hash, f.name, f.size_bytes, d.expires_at, d.download_limit - d.download_count AS remaining
FROM downloads d JOIN digital_files f ON f.id = d.digital_file_id
WHERE d.order_id = %(order_id)s ORDER BY d.id
"""

_GET: LiteralString = f"""
SELECT d.id, d.user_id, f.name, f.storage_key, f.content_type, encode(f.sha256, 'hex') AS sha256,
    d.expires_at > %(now)s AND d.download_count < d.download_limit AS is_open
FROM downloads d JOIN digital_files f ON f.id = d.digital_file_id
WHERE d.token_hash = %(hash)s AND payment_status_of(d.order_id) IN {PAID}
"""

_COUNT: LiteralString = """
UPDATE downloads SET download_count = download_count + 1
WHERE id = %(id)s AND user_id = %(user_id)s AND expires_at > %(now)s AND download_count < download_limit
"""


@dataclass(frozen=True, slots=True)
class MissingDownload:
    """A digital line of a paid order that has no link yet. `file_id` is None while its product has no file."""

    order_item_id: UUID
    user_id: UUID
    file_id: UUID | None


@dataclass(frozen=True, slots=True)
class DownloadLink:
    """A file the buyer may fetch."""

    id: UUID
    token_hash: bytes
    name: str
    size_bytes: int
    expires_at: datetime
    remaining: int

    @property
    def token(self) -> str:
        """What its address ends in."""
        return link_token(self.id, self.token_hash)


@dataclass(frozen=True, slots=True)
class Download:
    """A file a link leads to. `is_open`: it can be fetched once more."""

    id: UUID
    user_id: UUID
    name: str
    storage_key: str
    content_type: str
    sha256: str
    is_open: bool


def link_token(download_id: UUID, token_hash: bytes | None = None) -> str:
    """What the address of a download ends in: a new one's, or that with this hash, which may be under an older key."""
    for key in tried_blind_keys() if token_hash else ():
        if hash_token(token := _link_token(download_id, key)) == token_hash:
            return token
    return _link_token(download_id, key_ring().blind)


def _link_token(download_id: UUID, key: bytes) -> str:
    digest = hmac.digest(key, b"download:" + download_id.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def list_missing(session: Session, order_id: UUID) -> list[MissingDownload]:
    """Digital lines of a paid order without a link."""
    return await sql.fetch_all(session, _MISSING, MissingDownload, order_id=order_id)


async def grant(session: Session, order_id: UUID, missing: Sequence[MissingDownload]) -> int:
    """Make the links; twice makes none again. Returns how many."""
    made = [ids.new_id() for _ in missing]
    return await sql.execute(
        session,
        _GRANT,
        order_id=order_id,
        ids=made,
        users=[row.user_id for row in missing],
        items=[row.order_item_id for row in missing],
        files=[row.file_id for row in missing],
        hashes=[hash_token(link_token(id_)) for id_ in made],
        expires_at=clock.now() + DOWNLOAD_TIME,
        limit=DOWNLOAD_LIMIT,
    )


async def list_downloads(session: Session, order_id: UUID) -> list[DownloadLink]:
    """The links of an order the caller has shown to be theirs."""
    return await sql.fetch_all(session, _LIST, DownloadLink, order_id=order_id)


async def get_download(session: Session, token: str) -> Download:
    """What a link leads to; the session's actor holds its token.

    Raises `NotFound` for an unknown token, `Gone` when it expired or was used up.
    """
    found = await sql.fetch_one(session, _GET, Download, hash=hash_token(token), now=clock.now())
    if found is None:
        raise NotFound("There is no such download.", code="download_not_found")
    if not found.is_open:
        raise _used_up()
    return found


async def count_download(session: Session, download: Download) -> None:
    """Count one download of a file that is about to be sent. Raises `Gone` when another used it up a moment ago."""
    if not await sql.execute(session, _COUNT, id=download.id, user_id=download.user_id, now=clock.now()):
        raise _used_up()


def _used_up() -> Gone:
    return Gone("This link has expired or was used up; ask the shop for a new one.", code="download_expired")
