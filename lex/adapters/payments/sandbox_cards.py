"""The sandbox's test cards: what each does is listed in docs/sandbox.md, which a test keeps equal to this table.

A number becomes a token at `POST /sandbox/tokens`, as in the hosted fields of a real provider: Lex itself never sees
card numbers. The tokens of the table work as they stand.
"""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from lex.core import clock
from lex.core.errors import FieldError, Invalid


class Course(StrEnum):
    """How a payment with a card goes."""

    PAID = "paid"
    DECLINED = "declined"
    AUTHORIZED_ONLY = "authorized_only"
    CHALLENGED = "challenged"
    CHALLENGED_DECLINED = "challenged_declined"
    LATE = "late"
    LATE_DECLINED = "late_declined"
    LOST = "lost"
    LOST_BEFORE = "lost_before"
    NOISY = "noisy"
    REFUND_FAILS = "refund_fails"


@dataclass(frozen=True, slots=True)
class Card:
    """One test card. `decline_code` is the reason it is declined with, at once or in the end."""

    number: str
    token: str
    brand: str
    course: Course
    about: str
    decline_code: str | None = None

    @property
    def last4(self) -> str:
        """The digits a receipt may show."""
        return self.number[-4:]


CARDS = (
    Card("4242424242424242", "tok_visa", "visa", Course.PAID, "Succeeds."),
    Card("5555555555554444", "tok_mastercard", "mastercard", Course.PAID, "Succeeds."),
    Card("378282246310005", "tok_amex", "amex", Course.PAID, "Succeeds; the security code has four digits."),
    Card("4000000000000002", "tok_declined", "visa", Course.DECLINED, "Declined without a reason.", "generic_decline"),
    Card(
        *("4000000000009995", "tok_insufficient_funds", "visa", Course.DECLINED),
        *("Declined: not enough money.", "insufficient_funds"),
    ),
    Card("4000000000000069", "tok_expired_card", "visa", Course.DECLINED, "Declined: expired.", "expired_card"),
    Card(
        *("4000000000000127", "tok_incorrect_cvc", "visa", Course.DECLINED),
        *("Declined: wrong security code.", "incorrect_cvc"),
    ),
    Card("4000000000009987", "tok_lost_card", "visa", Course.DECLINED, "Declined: reported lost.", "lost_card"),
    Card(
        *("4000000000000119", "tok_processing_error", "visa", Course.DECLINED),
        *("Declined: the bank could not answer.", "processing_error"),
    ),
    Card(
        *("4000000000003220", "tok_3ds", "visa", Course.CHALLENGED),
        "Asks the buyer (3-D Secure): approve, refuse or walk away.",
    ),
    Card(
        *("4000008400001629", "tok_3ds_declined", "visa", Course.CHALLENGED_DECLINED),
        *("Asks the buyer, then is declined even when approved.", "generic_decline"),
    ),
    Card("4000000000001109", "tok_late", "visa", Course.LATE, "Processing; succeeds after five seconds, by webhook."),
    Card(
        *("4000000000001117", "tok_late_declined", "visa", Course.LATE_DECLINED),
        *("Processing; declined after five seconds, by webhook.", "insufficient_funds"),
    ),
    Card("4000000000001208", "tok_lost", "visa", Course.LOST, "Is charged, but the answer is lost; a webhook follows."),
    Card("4000000000001216", "tok_lost_before", "visa", Course.LOST_BEFORE, "Nothing is charged and no answer comes."),
    Card(
        *("4000000000001307", "tok_authorize_only", "visa", Course.AUTHORIZED_ONLY),
        "Only authorised; the money is taken by a capture.",
    ),
    Card(
        *("4000000000001406", "tok_noisy", "visa", Course.NOISY),
        "Succeeds; its webhooks come twice and in the wrong order.",
    ),
    Card("4000000000001505", "tok_refund_fails", "visa", Course.REFUND_FAILS, "Succeeds; refunds of it fail."),
)

MESSAGES = {
    "generic_decline": "The card was declined.",
    "insufficient_funds": "The card has insufficient funds.",
    "expired_card": "The card has expired.",
    "incorrect_cvc": "The security code is wrong.",
    "lost_card": "The card was declined.",
    "processing_error": "The bank could not process the payment; nothing was charged.",
    "authentication_failed": "The payment was not approved at the bank.",
    "unknown_token": "The payment method is not known here; enter the card again.",
    "idempotency_key_reused": "This key was used for another payment.",
    "not_found": "This payment is not known.",
}

_BY_NUMBER = {card.number: card for card in CARDS}
_BY_TOKEN = {card.token: card for card in CARDS}


def find_card(token: str) -> Card | None:
    """The card a token stands for: one of the table, or one made by `tokenise`."""
    return _BY_TOKEN.get(token.partition(".")[0])


def tokenise(number: str, exp_month: int, exp_year: int, cvc: str) -> tuple[str, Card]:
    """A token for a test card. Raises `Invalid` with every bad field; numbers that are not test cards are refused."""
    card = _BY_NUMBER.get(re.sub(r"[ -]", "", number))
    if card is None:
        raise Invalid("number", _refusal_of(number), code="card_number")
    errors = []
    if not re.fullmatch(r"[0-9]{4}" if card.brand == "amex" else r"[0-9]{3}", cvc):
        errors.append(FieldError("cvc", "The security code has three digits, four on American Express.", "cvc"))
    today = clock.now()
    if not 1 <= exp_month <= 12:
        errors.append(FieldError("exp_month", "The month is between 1 and 12.", "exp_month"))
    elif not (today.year, today.month) <= (exp_year, exp_month) <= (today.year + 50, 12):
        errors.append(FieldError("exp_year", "The card has expired, or its year is not a year.", "exp_year"))
    if errors:
        raise Invalid.of(errors)
    return f"{card.token}.{secrets.token_urlsafe(12)}", card


def _refusal_of(number: str) -> str:
    if not re.search(r"\w", number):  # nothing was typed: hosted fields send a dash for it
        return "Enter the card number."
    if 12 <= len(re.sub(r"\D", "", number)) <= 19:
        return "Real cards do not belong here: this shop takes test payments. Use a card listed in docs/sandbox.md."
    return "This is not a card number; use a card listed in docs/sandbox.md."
