"""Pictures of products on other hosts: which are wanted, what became of each, and the products that show them.

A product's entry {"src", "alt"} names the other host's address until the picture is here; then `src` is the file of our
own and `source` the address it came from, which exports write again. `pictures` remembers each address once, however
many products show it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, LiteralString
from uuid import NAMESPACE_URL, UUID, uuid5

from lex.catalog.picture_files import KeptPicture
from lex.core import clock
from lex.db import jobs, sql
from lex.db.session import Session

#: The job that fetches one picture for one product.
FETCH = "fetch_picture"

_BEHIND = -10  # mails and payments go first

_REMOTE: LiteralString = """
SELECT DISTINCT image ->> 'src' AS source, coalesce(p.variant_of, p.id) AS product_id
FROM products p CROSS JOIN LATERAL jsonb_array_elements(p.images) image
WHERE {0} AND p.deleted_at IS NULL AND image ->> 'src' ~ '^https?://' ORDER BY 1, 2
"""
_REMOTE_OF: LiteralString = _REMOTE.format("(p.id = %(id)s OR p.variant_of = %(id)s)")

_REMEMBER: LiteralString = """
INSERT INTO pictures (id, source) SELECT * FROM unnest(%(ids)s::uuid[], %(sources)s::text[])
ON CONFLICT (id) DO UPDATE SET status = 'waiting', attempts = 0 WHERE pictures.status = 'failed'
"""

_SHOWN: LiteralString = """EXISTS (
    SELECT FROM products p WHERE (p.id = %(product_id)s OR p.variant_of = %(product_id)s) AND p.deleted_at IS NULL
        AND p.images @> jsonb_build_array(jsonb_build_object('src', pictures.source)))"""

_FIND: LiteralString = f"""
SELECT id, source, status, attempts, src, width, height FROM pictures WHERE id = %(id)s AND {_SHOWN}
"""

_MISSING: LiteralString = f"""
SELECT r.source, array_agg(r.product_id) AS product_ids, coalesce(min(k.status), 'waiting') AS status,
       coalesce(min(k.attempts), 0) AS attempts, min(k.error) AS error, min(p.slug) AS product,
       min(k.src) AS src, min(k.width) AS width, min(k.height) AS height
FROM ({_REMOTE.format("true")}) r JOIN products p ON p.id = r.product_id LEFT JOIN pictures k ON k.source = r.source
GROUP BY r.source ORDER BY min(p.id::text), r.source
"""

_COUNT_STORED: LiteralString = "SELECT count(*) FROM pictures WHERE status = 'stored'"

_STORED: LiteralString = """
UPDATE pictures SET status = 'stored', src = %(src)s, width = %(width)s, height = %(height)s, error = NULL,
    attempts = attempts + 1, tried_at = %(now)s
WHERE id = %(id)s AND status <> 'stored'
"""

_FAILED: LiteralString = """
UPDATE pictures SET status = %(status)s, error = %(error)s, attempts = attempts + 1, tried_at = %(now)s
WHERE id = %(id)s AND status <> 'stored'
"""

# By id, as everybody locks products.
_SHOW: LiteralString = """
WITH shown AS (
    SELECT id FROM products
    WHERE (id = ANY(%(ids)s) OR variant_of = ANY(%(ids)s)) AND deleted_at IS NULL
        AND images @> jsonb_build_array(jsonb_build_object('src', %(source)s::text))
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE products SET images = (
    SELECT jsonb_agg(
        CASE WHEN image ->> 'src' = %(source)s THEN image || %(entry)s::jsonb ELSE image END ORDER BY place)
    FROM jsonb_array_elements(images) WITH ORDINALITY AS list (image, place))
WHERE id IN (SELECT id FROM shown)
"""

Status = Literal["waiting", "stored", "failed"]


@dataclass(frozen=True, slots=True)
class RemotePicture:
    """An address on another host and what became of it."""

    id: UUID
    source: str
    status: str
    attempts: int
    src: str | None
    width: int | None
    height: int | None

    @property
    def kept(self) -> KeptPicture | None:
        """Our own copy, once there is one."""
        if self.src is None or self.width is None or self.height is None:
            return None
        return KeptPicture(self.src, self.width, self.height)


@dataclass(frozen=True, slots=True)
class MissingPicture:
    """A picture that products name and the shop does not have: `product` is the slug of one of them."""

    source: str
    product_ids: list[UUID]
    status: str
    attempts: int
    error: str | None
    product: str
    src: str | None
    width: int | None
    height: int | None

    @property
    def remote(self) -> RemotePicture:
        """The same as the job knows it."""
        picture_id = picture_id_of(self.source)
        return RemotePicture(picture_id, self.source, self.status, self.attempts, self.src, self.width, self.height)


@dataclass(frozen=True, slots=True)
class _Wanted:
    source: str
    product_id: UUID


def picture_id_of(source: str) -> UUID:
    """The id follows from the address: asking for it twice is one row."""
    return uuid5(NAMESPACE_URL, source)


def origin(image: Mapping[str, Any]) -> str:
    """The address a picture's entry was given with: that of the other host, once it was fetched from there."""
    return str(image.get("source") or image.get("src") or "")


async def want(session: Session, product_id: UUID) -> int:
    """Have the pictures fetched that a product and its variants name on other hosts; returns how many.

    One job each, in the caller's transaction. Jobs of one address run one after the other, so it is fetched once.
    """
    wanted = await sql.fetch_all(session, _REMOTE_OF, _Wanted, id=product_id)
    await remember(session, [one.source for one in wanted])
    for one in wanted:
        picture_id = picture_id_of(one.source)
        lock = f"picture-{picture_id}"
        await jobs.defer(
            session,
            FETCH,
            lock=lock,
            queueing_lock=f"{lock}-{product_id}",
            priority=_BEHIND,
            picture_id=picture_id,
            product_id=product_id,
        )
    return len(wanted)


async def remember(session: Session, sources: Sequence[str]) -> None:
    """Write down addresses that are to be fetched; one that failed gets all its tries again."""
    if sources:
        await sql.execute(session, _REMEMBER, ids=[picture_id_of(one) for one in sources], sources=list(sources))


async def find(session: Session, picture_id: UUID, product_id: UUID) -> RemotePicture | None:
    """A picture that the product or one of its variants still names, or None."""
    return await sql.fetch_one(session, _FIND, RemotePicture, id=picture_id, product_id=product_id)


async def list_missing(session: Session) -> list[MissingPicture]:
    """Every picture on another host that a product names, in the order of the products. Reads all products."""
    return await sql.fetch_all(session, _MISSING, MissingPicture)


async def count_stored(session: Session) -> int:
    """How many addresses were fetched."""
    return int(await sql.fetch_value(session, _COUNT_STORED))


async def show(session: Session, picture: RemotePicture, kept: KeptPicture, product_ids: Sequence[UUID]) -> int:
    """Write down that a picture is here and let these products, with their variants, show it; returns how many do."""
    facts = {"src": kept.src, "width": kept.width, "height": kept.height}
    await sql.execute(session, _STORED, id=picture.id, now=clock.real_now(), **facts)
    entry = sql.json({**facts, "source": picture.source})
    return await sql.execute(session, _SHOW, ids=list(product_ids), source=picture.source, entry=entry)


async def mark_failed(session: Session, picture_id: UUID, why: str, *, final: bool) -> None:
    """Write down why a picture did not come; when `final`, nothing asks for it again by itself."""
    status: Status = "failed" if final else "waiting"
    await sql.execute(session, _FAILED, id=picture_id, status=status, error=why, now=clock.real_now())
