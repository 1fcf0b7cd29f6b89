"""Notifications as they are sent, where the row is claimed and what it tells is read anew; and as their reader lists
them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from lex.db import sql
from lex.db.session import Session

# One statement: whoever claims also reads, and nobody waits for a row that is being sent.
_CLAIM: LiteralString = """
WITH claimed AS (
    UPDATE notifications SET attempts = attempts + 1
    WHERE id = (
        SELECT id FROM notifications
        WHERE id = %(id)s AND status IN ('pending', 'failed') AND deleted_at IS NULL FOR UPDATE SKIP LOCKED
    )
    RETURNING id, user_id, order_id, channel, template, data, attempts, expires_at, is_marketing
)
SELECT n.id, n.user_id, n.order_id, n.channel, n.template, n.data, n.attempts, n.expires_at, u.role, u.locale,
       n.is_marketing AND u.marketing_agreed_at IS NULL AS is_unwanted,
       u.email AS user_email, k.wrapped_key, k.key_id,
       o.order_number, o.email, o.shipping_address, o.shipping_method, o.currency, o.status AS order_status,
       o.payment_status, o.total_amount, o.tax_amount, o.discount_amount, o.cancel_reason, o.expires_at AS pay_until,
       (SELECT json_agg(json_build_object('name', i.name, 'sku', i.sku, 'options', i.options, 'quantity', i.quantity,
                'kind', i.item_type, 'total', i.total_amount::text) ORDER BY i.position)
        FROM order_items i WHERE i.order_id = n.order_id AND i.user_id = n.user_id) AS lines,
       (SELECT json_build_object('kind', f.kind, 'carrier', f.carrier, 'number', f.tracking_number,
                'url', f.tracking_url, 'lines', (
                    SELECT json_agg(json_build_object('name', i.name, 'quantity', p.quantity) ORDER BY i.position)
                    FROM fulfilment_items p JOIN order_items i ON i.id = p.order_item_id AND i.user_id = n.user_id
                    WHERE p.fulfilment_id = f.id AND p.user_id = n.user_id))
        FROM fulfilments f WHERE f.order_id = n.order_id AND f.user_id = n.user_id
            AND (n.data ->> 'fulfilment_id' IS NULL OR f.id = (n.data ->> 'fulfilment_id')::uuid)
        ORDER BY f.id DESC LIMIT 1) AS shipment,
       (SELECT json_agg(json_build_object('name', g.name, 'until', d.expires_at, 'times', d.download_limit)
                ORDER BY g.name)
        FROM downloads d JOIN digital_files g ON g.id = d.digital_file_id
        WHERE d.order_id = n.order_id AND d.user_id = n.user_id) AS downloads,
       (SELECT p.failure_message FROM payments p WHERE p.order_id = n.order_id AND p.user_id = n.user_id
        ORDER BY p.tender LIMIT 1) AS failure_message
FROM claimed n
JOIN users u ON u.id = n.user_id
LEFT JOIN person_keys k ON k.user_id = n.user_id
LEFT JOIN orders o ON o.id = n.order_id AND o.user_id = n.user_id
"""

_OWN: LiteralString = """
SELECT n.id, n.channel, n.template, n.status, n.is_marketing, n.created_at, n.sent_at, o.order_number
FROM notifications n LEFT JOIN orders o ON o.id = n.order_id AND o.user_id = n.user_id
WHERE n.user_id = %(user_id)s AND n.deleted_at IS NULL AND (%(before)s::uuid IS NULL OR n.id < %(before)s)
ORDER BY n.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """A claimed notification with all it may tell. Personal columns are ciphertext still."""

    id: UUID
    user_id: UUID
    order_id: UUID | None
    channel: str
    template: str
    data: dict[str, Any]
    attempts: int
    expires_at: datetime | None
    role: str
    locale: str
    is_unwanted: bool
    user_email: bytes | None
    wrapped_key: bytes | None
    key_id: str | None
    order_number: str | None
    email: bytes | None
    shipping_address: bytes | None
    shipping_method: dict[str, Any] | None
    currency: str | None
    order_status: str | None
    payment_status: str | None
    total_amount: Decimal | None
    tax_amount: Decimal | None
    discount_amount: Decimal | None
    cancel_reason: str | None
    pay_until: datetime | None
    lines: list[dict[str, Any]] | None
    shipment: dict[str, Any] | None
    downloads: list[dict[str, Any]] | None
    failure_message: str | None


async def claim(session: Session, notification_id: UUID) -> Facts | None:
    """Claim a notification that is not out yet; None when it is, or while somebody else holds it."""
    return await sql.fetch_one(session, _CLAIM, Facts, id=notification_id)


@dataclass(frozen=True, slots=True)
class OwnNotification:
    """What somebody was told, without its words: they are read anew when it is sent, and kept nowhere."""

    id: UUID
    channel: str
    template: str
    status: str
    is_marketing: bool
    created_at: datetime
    sent_at: datetime | None
    order_number: str | None


async def list_own_notifications(
    session: Session, user_id: UUID, *, before: UUID | None = None, limit: int = 20
) -> list[OwnNotification]:
    """What somebody was told before that notification, newest first."""
    return await sql.fetch_all(session, _OWN, OwnNotification, user_id=user_id, before=before, limit=limit)
