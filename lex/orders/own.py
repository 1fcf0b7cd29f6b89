"""The orders of one person, as their account lists them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from lex.core import clock, money
from lex.db import sql
from lex.db.session import Session
from lex.orders.downloads import PAID, link_token

_OWN: LiteralString = f"""
SELECT o.id, o.order_number, o.status, o.payment_status, o.fulfilment_status, o.currency, o.total_amount,
       o.placed_at, o.shipping_method ->> 'kind' = 'pickup' AS is_pickup,
       array(SELECT i.name FROM order_items i WHERE i.order_id = o.id AND i.user_id = o.user_id
             AND i.item_type <> 'shipping' ORDER BY i.position LIMIT 3) AS names,
       (SELECT count(*)::int FROM order_items i WHERE i.order_id = o.id AND i.user_id = o.user_id
            AND i.item_type <> 'shipping') AS lines,
       (SELECT json_agg(json_build_object('id', d.id, 'hash', encode(d.token_hash, 'hex'), 'name', f.name,
            'size_bytes', f.size_bytes, 'expires_at', d.expires_at, 'remaining', d.download_limit - d.download_count)
            ORDER BY d.id)
        FROM downloads d JOIN digital_files f ON f.id = d.digital_file_id
        WHERE d.order_id = o.id AND d.user_id = o.user_id AND o.payment_status IN {PAID}) AS files
FROM orders o WHERE o.user_id = %(user_id)s AND (%(before)s::uuid IS NULL OR o.id < %(before)s)
ORDER BY o.id DESC LIMIT %(limit)s
"""


_COUNT: LiteralString = "SELECT count(*) FROM orders WHERE user_id = %(user_id)s"


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file of an order, fetched by its token `remaining` more times until `expires_at`."""

    name: str
    size_bytes: int
    token: str
    expires_at: datetime
    remaining: int

    @classmethod
    def of(cls, file: dict[str, Any]) -> "OwnFile":
        """From a link's row."""
        token = link_token(UUID(file["id"]), bytes.fromhex(file["hash"]))
        until = datetime.fromisoformat(file["expires_at"])
        return cls(file["name"], file["size_bytes"], token, until, file["remaining"])

    @property
    def is_open(self) -> bool:
        """Whether it can be fetched once more."""
        return self.remaining > 0 and self.expires_at > clock.now()


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order in its owner's list, with the names of its first three lines and its files. Amount in major units."""

    id: UUID
    order_number: str
    status: str
    payment_status: str
    fulfilment_status: str
    currency: str
    total_amount: Decimal
    placed_at: datetime
    is_pickup: bool | None
    names: list[str]
    lines: int
    files: list[dict[str, Any]] | None

    @property
    def downloads(self) -> list[OwnFile]:
        """The files to fetch."""
        return [OwnFile.of(file) for file in self.files or ()]

    @property
    def total(self) -> int:
        """The amount in minor units."""
        return money.minor(self.total_amount, self.currency)


async def list_own_orders(
    session: Session, user_id: UUID, *, before: UUID | None = None, limit: int = 10
) -> list[OwnOrder]:
    """Somebody's orders older than `before`, newest first."""
    return await sql.fetch_all(session, _OWN, OwnOrder, user_id=user_id, before=before, limit=limit)


async def count_orders(session: Session, user_id: UUID) -> int:
    """How many orders somebody has placed."""
    number: int = await sql.fetch_value(session, _COUNT, user_id=user_id)
    return number
