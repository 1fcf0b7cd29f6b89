"""The address of the sandbox's own page for entering a card, signed so that nobody sends buyers elsewhere by it."""

import hashlib
import hmac
from urllib.parse import urlencode

from lex.core.settings import settings

PATH = "/sandbox/pay"


def page_address(amount: int, currency: str, return_url: str) -> str:
    """Where a card for an amount is asked for; the page leads back to `return_url` with `token` added."""
    asked = {"amount": str(amount), "currency": currency, "back": return_url}
    return f"{PATH}?{urlencode({**asked, 'signature': _signature(**asked)})}"


def is_ours(amount: str, currency: str, back: str, signature: str) -> bool:
    """Whether the shop asked for exactly this."""
    return hmac.compare_digest(_signature(amount, currency, back).encode(), signature.encode())


def _signature(amount: str, currency: str, back: str) -> str:
    secret = settings().sandbox_secret.encode()
    return hmac.new(secret, f"page:{amount}:{currency}:{back}".encode(), hashlib.sha256).hexdigest()
