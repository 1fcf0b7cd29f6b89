"""What Lex asks of a payment provider, and what it may answer.

Every answer is a snapshot of the payment as the provider sees it: the response to a charge, a webhook, the return from
3-D Secure and a poll all lead to the same snapshot and the same transition (`flows/settle_payment`). A lost answer is
`UNKNOWN`: it may have happened, and is never taken for a failure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """Where a payment stands at the provider."""

    CAPTURED = "captured"
    AUTHORIZED = "authorized"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    DECLINED = "declined"
    VOIDED = "voided"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Charge:
    """A request for money. Amounts in minor units; `reference` is our attempt, `token` stands for the method."""

    idempotency_key: str
    reference: str
    amount: int
    currency: str
    token: str
    return_url: str
    capture: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A payment as the provider sees it now. Amounts in minor units, totals and not changes.

    `action_url` is where the buyer goes on `REQUIRES_ACTION`; `decline_code` and `message` say why on `DECLINED`.
    """

    outcome: Outcome
    provider_payment_id: str | None
    reference: str
    currency: str
    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    action_url: str | None = None
    decline_code: str | None = None
    message: str | None = None
    method: Mapping[str, str] = field(default_factory=dict)
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """A refund as the provider sees it: `pending`, `succeeded` or `failed`."""

    status: str
    provider_refund_id: str | None
    amount: int
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookNotice:
    """A verified webhook: which payment to look at again. The snapshot is fetched, not read from the event."""

    event_id: str
    kind: str
    provider_payment_id: str


class WebhookRejected(Exception):
    """The signature is wrong, stale or missing; the sentence says which."""


class Provider(Protocol):
    """One payment provider. Every method may raise nothing but `WebhookRejected`; trouble is `UNKNOWN`."""

    @property
    def name(self) -> str:
        """As it stands in `payments.provider` and in the address of its webhooks."""

    @property
    def leads_to(self) -> tuple[str, ...]:
        """Origins a buyer who pays may be sent to: the provider's pages and the banks'; `https:` where any bank may be.

        Browsers follow a form's redirect nowhere else.
        """

    def page_address(self, amount: int, currency: str, return_url: str) -> str:
        """The provider's own page that asks for a card and leads back to `return_url` with a `token` for it."""

    async def charge(self, charge: Charge) -> Snapshot:
        """Ask for money. The same idempotency key gives the same payment again."""

    async def fetch(self, provider_payment_id: str | None, idempotency_key: str) -> Snapshot:
        """Look a payment up by its id or, after a lost answer, by the key it was charged under.

        `DECLINED` with code `not_found` when the provider never saw the charge.
        """

    async def capture(self, provider_payment_id: str, amount: int, idempotency_key: str) -> Snapshot:
        """Take money that was authorised."""

    async def void(self, provider_payment_id: str, idempotency_key: str) -> Snapshot:
        """Let an authorisation or an unfinished payment go."""

    async def refund(self, provider_payment_id: str, amount: int, idempotency_key: str) -> RefundSnapshot:
        """Give money back."""

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> Sequence[WebhookNotice]:
        """Verify the signature over the raw body and say what to look at. Raises `WebhookRejected`.

        The names in `headers` are lower case.
        """

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> Sequence[WebhookNotice]:
        """Say what to look at in a webhook whose signature was verified when it came, and may be stale by now."""
