"""Signatures over webhooks, as Stripe makes them: `t=<unix time>,v1=<hex HMAC-SHA256 of "t.body">`.

Several `v1` may stand in one header while a secret is being changed; other schemes are ignored.
"""

import hashlib
import hmac

from lex.adapters.payments.protocol import WebhookRejected

#: Seconds a signature may be old, or ahead of our clock.
TOLERANCE = 300

_LONGEST = 4096


def sign(secret: str, body: bytes, at: int) -> str:
    """The header for a body sent at unix time `at`."""
    return f"t={at},v1={_digest(secret, body, str(at))}"


def verify(secret: str, header: str | None, body: bytes, now: int) -> None:
    """Raise `WebhookRejected` unless one `v1` of the header is right and its time within the tolerance of `now`."""
    if not header:
        raise WebhookRejected("The signature is missing.")
    if len(header) > _LONGEST:
        raise WebhookRejected("The signature header is too long.")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for key, _, value in pairs if key == "t"]
    signatures = [value for key, _, value in pairs if key == "v1"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12 or not signatures:
        raise WebhookRejected("The signature is malformed; it reads t=<time>,v1=<hex>.")
    expected = _digest(secret, body, times[0]).encode()
    matches = [hmac.compare_digest(expected, given.encode("utf-8", "replace")) for given in signatures]
    if not any(matches):
        raise WebhookRejected("The signature is wrong.")
    if abs(now - int(times[0])) > TOLERANCE:
        raise WebhookRejected(f"The signature is stale: it is more than {TOLERANCE} seconds off.")


def _digest(secret: str, body: bytes, at: str) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
