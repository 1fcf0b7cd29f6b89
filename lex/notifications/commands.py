"""Tell somebody something: the row and the job that sends it commit with the change that caused them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.db import jobs, sql
from lex.db.session import Session

#: The job that sends one notification (`flows/send_notification`).
SEND = "send_notification"

#: What is told of an account: none of it says more than its reader knows, but for the link.
OF_ACCOUNTS = (
    *("verify_email", "account_exists", "reset_password", "choose_password", "password_changed", "account_locked"),
    *("confirm_old_email", "confirm_new_email", "email_changed", "account_closed", "token_made"),
    *("export_ready", "erasure_asked", "erasure_canceled"),
    *("two_factor_on", "two_factor_off", "recovery_codes_made", "recovery_code_used", "second_factor_failed"),
    *("passkey_added", "passkey_removed", "closed_by_shop", "account_opened", "role_changed"),
)
TEMPLATES = (
    *("order_confirmed", "order_shipped", "order_canceled", "payment_failed", "download_ready", "order_link"),
    "refunded",
    *OF_ACCOUNTS,
)

_PRIORITIES = {"low": -10, "normal": 0, "high": 10, "urgent": 20}

_NOTIFY: LiteralString = f"""
WITH notice AS (
    INSERT INTO notifications (id, user_id, order_id, channel, template, priority, data, is_marketing)
    VALUES (%(id)s, %(user_id)s, %(order_id)s, %(channel)s, %(template)s, %(priority)s, %(data)s, %(is_marketing)s)
    RETURNING id
)
INSERT INTO {jobs.COLUMNS}
SELECT 'default', '{SEND}', %(job_priority)s, 'notification:' || id, NULL,
       jsonb_build_object('notification_id', id) || {jobs.CAUSE}, NULL
FROM notice
"""

_MARK: LiteralString = """
UPDATE notifications SET status = %(status)s::text, last_error = %(error)s,
       sent_at = CASE WHEN %(status)s = 'sent' THEN %(now)s::timestamptz END
WHERE id = %(id)s AND status IN ('pending', 'failed')
"""

# A job that was lost (a restored backup, a queue cleared by hand) leaves a row that nobody sends.
_RESEND: LiteralString = f"""
INSERT INTO {jobs.COLUMNS}
SELECT 'default', '{SEND}', 0, 'notification:' || n.id, NULL,
       jsonb_build_object('notification_id', n.id) || {jobs.CAUSE}, NULL
FROM notifications n
WHERE n.status = 'pending' AND n.deleted_at IS NULL AND n.created_at < %(before)s AND NOT EXISTS (
    SELECT FROM procrastinate_jobs j WHERE j.lock = 'notification:' || n.id AND j.status IN ('todo', 'doing', 'failed'))
ORDER BY n.created_at LIMIT 1000
"""


async def notify(
    session: Session,
    *,
    user_id: UUID,
    order_id: UUID | None,
    template: str,
    data: Mapping[str, Any],
    channel: str = "email",
    priority: str = "normal",
    is_marketing: bool = False,
) -> UUID:
    """Write a notification and the job that sends it, in one statement; nothing is sent before the commit.

    `data` holds ids, numbers and amounts only: names and addresses are read when the message is sent.
    News and offers are `is_marketing`: they go to nobody who does not agree to such at the moment they are sent.
    Raises ValueError for a template or a priority that does not exist.
    """
    if template not in TEMPLATES:
        raise ValueError(f"there is no template {template!r}")
    if priority not in _PRIORITIES:
        raise ValueError(f"there is no priority {priority!r}")
    notification_id = ids.new_id()
    sql.execute_soon(
        session,
        _NOTIFY,
        id=notification_id,
        user_id=user_id,
        order_id=order_id,
        channel=channel,
        template=template,
        priority=priority,
        data=sql.json(dict(data)),
        is_marketing=is_marketing,
        job_priority=_PRIORITIES[priority],
    )
    return notification_id


async def mark_sent(session: Session, notification_id: UUID) -> None:
    """It went out."""
    await _mark(session, notification_id, "sent", None)


async def mark_failed(session: Session, notification_id: UUID, why: str, *, final: bool) -> None:
    """It did not go out: `pending` while it is tried again, `failed` for good. `why` names nobody."""
    await _mark(session, notification_id, "failed" if final else "pending", why)


async def mark_expired(session: Session, notification_id: UUID, why: str) -> None:
    """It is not sent any more: too late, or nobody to tell."""
    await _mark(session, notification_id, "expired", why)


async def _mark(session: Session, notification_id: UUID, status: str, error: str | None) -> None:
    await sql.execute(session, _MARK, id=notification_id, status=status, error=error, now=clock.now())


async def resend_missed(session: Session, before: datetime) -> int:
    """Give a job to every pending notification older than `before` that has none; returns how many."""
    return await sql.execute(session, _RESEND, before=before)
