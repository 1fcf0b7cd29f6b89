"""Send a notification: claim the row, read what it tells anew, hand the mail over, write down what came of it.

Claim and outcome are transactions of their own; none is open while the mail server is spoken to. A crash in between
sends the mail again, under the same Message-ID. The job's lock lets one worker at a time send one notification.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from lex.adapters.mail import Mail, MailDelayed, MailRefused, mailer
from lex.core import clock, codec
from lex.core.actor import Actor, system
from lex.core.settings import settings
from lex.db import jobs
from lex.db.session import Session, transaction
from lex.flows.accounts import letters
from lex.flows.adopt_orders import adopt_later
from lex.identity.address_forms import address_lines
from lex.identity.ciphers import Cipher, WrappedKey, cipher_of
from lex.notifications import commands
from lex.notifications.letters import Letter, language_of, render
from lex.notifications.queries import Facts, claim
from lex.orders.links import add_link

MISSED_AFTER = timedelta(minutes=10)

_NOT_CHARGED = frozenset({"unpaid", "pending", "failed", "voided"})

_log = structlog.get_logger(__name__)


@jobs.job(commands.SEND, customers=True)
async def send_notification(who: Actor, *, notification_id: UUID) -> None:
    """Send one notification, unless it is out already. Raises `MailDelayed` to be tried again later."""
    async with transaction(who) as session:
        facts = await claim(session, notification_id)
        if facts is None:
            return
        mail = await _compose(session, facts)
    if mail is None:
        return
    try:
        await mailer().send(mail)
    except MailRefused as error:
        await _give_up(who, facts, str(error))
        return
    except MailDelayed as error:
        async with transaction(who) as session:
            final = facts.attempts >= jobs.ATTEMPTS
            await commands.mark_failed(session, facts.id, str(error), final=final)
        raise
    async with transaction(who) as session:
        await commands.mark_sent(session, facts.id)
    _log.info("notification sent", notification_id=str(facts.id), template=facts.template)


async def resend_missed() -> int:
    """Give a job to pending notifications that lost theirs; returns how many."""
    async with transaction(system()) as session:
        return await commands.resend_missed(session, clock.real_now() - MISSED_AFTER)


async def _give_up(who: Actor, facts: Facts, why: str) -> None:
    async with transaction(who) as session:
        await commands.mark_failed(session, facts.id, why, final=True)
    _log.warning("notification failed", notification_id=str(facts.id), template=facts.template, why=why)


async def _compose(session: Session, facts: Facts) -> Mail | None:
    """The mail, or None when there is nothing to send; then the row says why."""
    if facts.expires_at is not None and facts.expires_at <= clock.now():
        await commands.mark_expired(session, facts.id, "too late")
        return None
    if facts.is_unwanted:
        await commands.mark_expired(session, facts.id, "the reader wants no news and offers")
        return None
    if facts.channel == "in_app":
        await commands.mark_sent(session, facts.id)
        return None
    if facts.channel != "email":
        await commands.mark_failed(session, facts.id, f"nothing sends {facts.channel}", final=True)
        return None
    if facts.wrapped_key is None or facts.key_id is None:
        await commands.mark_expired(session, facts.id, "the person was erased")
        return None
    cipher = cipher_of(facts.user_id, WrappedKey(facts.wrapped_key, facts.key_id))
    to = await _recipient(session, facts, cipher)
    if to is None:
        await commands.mark_failed(session, facts.id, "there is no address", final=True)
        return None
    if facts.role == "guest" and facts.order_id is not None:
        await adopt_later(session, to)
    letter = render(facts.template, facts.locale, _told(facts, cipher, await _link(session, facts)))
    return _mail(facts, to, letter)


async def _recipient(session: Session, facts: Facts, cipher: Cipher) -> str | None:
    """The address the order was placed with, else the account's, or the one it is to have."""
    if facts.template == "confirm_new_email":
        return await letters.new_address(session, facts)
    if facts.order_id is not None and facts.email is not None:
        return cipher.open("orders.email", facts.order_id, facts.email)
    return cipher.open_optional("users.email", facts.user_id, facts.user_email)


async def _link(session: Session, facts: Facts) -> str:
    """The address of the order's page; a guest's carries a token of its own, for a guest cannot sign in."""
    if facts.order_id is None:
        return await letters.address_of(session, facts)
    page = f"{settings().address}/orders/{facts.order_number}"
    if facts.template == "order_link":
        return f"{page}/open?token={await add_link(session, facts.order_id, facts.user_id, is_once=True)}"
    if facts.role != "guest":
        return page
    return f"{page}?token={await add_link(session, facts.order_id, facts.user_id)}"


def _told(facts: Facts, cipher: Cipher, link: str) -> dict[str, Any]:
    """What a template may tell."""
    told: dict[str, Any] = {
        "shop": settings().shop_name,
        "language": facts.locale,
        "link": link,
        "data": facts.data,
        "failure": facts.failure_message,
        "lines": facts.lines or [],
        "shipment": facts.shipment,
        "downloads": facts.downloads or [],
        "address": [],
    }
    if facts.order_id is not None:
        sealed = facts.shipping_address
        document = cipher.open_optional("orders.shipping_address", facts.order_id, sealed)
        language = language_of(facts.locale)
        told["address"] = address_lines(codec.decode(document), language) if document else []
        told["order"] = {
            "number": facts.order_number,
            "currency": facts.currency,
            "total": facts.total_amount,
            "tax": facts.tax_amount,
            "has_tax": bool(facts.tax_amount),
            "is_free": not facts.total_amount,
            "is_charged": facts.payment_status not in _NOT_CHARGED and bool(facts.total_amount),
            "shipping": (facts.shipping_method or {}).get("name"),
            "cancel_reason": facts.cancel_reason,
        }
    return told


def _mail(facts: Facts, to: str, letter: Letter) -> Mail:
    name = f"{facts.template}-{facts.order_number}" if facts.order_number else facts.template
    return Mail(id=str(facts.id), to=to, subject=letter.subject, text=letter.text, html=letter.html, name=name)
