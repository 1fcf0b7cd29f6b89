"""A webhook's signature holds for its body, its secret and its five minutes, and for nothing else."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.adapters.payments.protocol import WebhookRejected
from lex.adapters.payments.signing import TOLERANCE, sign, verify

NOW = 1_795_000_000
times = st.integers(NOW - TOLERANCE, NOW + TOLERANCE)
secrets = st.text(min_size=1, max_size=40)


@given(secrets, st.binary(max_size=300), times)
def test_what_was_signed_is_taken(secret: str, body: bytes, at: int) -> None:
    verify(secret, sign(secret, body, at), body, NOW)


@given(secrets, secrets, st.binary(max_size=300), st.binary(max_size=300))
def test_another_body_or_secret_is_not(secret: str, other: str, body: bytes, changed: bytes) -> None:
    header = sign(secret, body, NOW)
    if changed != body:
        with pytest.raises(WebhookRejected):
            verify(secret, header, changed, NOW)
    # HMAC pads a key with zeroes, so that only keys that differ in more are other keys.
    if other.encode().rstrip(b"\0") != secret.encode().rstrip(b"\0"):
        with pytest.raises(WebhookRejected):
            verify(other, header, body, NOW)


@given(st.integers(TOLERANCE + 1, 10**8), st.sampled_from([1, -1]))
def test_a_stale_one_is_not(seconds: int, sign_of: int) -> None:
    with pytest.raises(WebhookRejected, match="stale"):
        verify("s", sign("s", b"x", NOW + sign_of * seconds), b"x", NOW)


@given(st.text(max_size=200))
def test_any_other_text_is_refused_with_a_sentence(header: str) -> None:
    with pytest.raises(WebhookRejected):
        verify("s", header, b"x", NOW)


@pytest.mark.parametrize(
    "header",
    [None, "", "t=1", "v1=aa", "t=x,v1=aa", f"t={NOW},t={NOW},v1=aa", "t=²,v1=aa", "a" * 5000, f"t={'9' * 30},v1=a"],
)
def test_malformed(header: str | None) -> None:
    with pytest.raises(WebhookRejected):
        verify("s", header, b"x", NOW)


def test_one_of_several_is_enough_while_a_secret_changes() -> None:
    old, new = sign("old", b"x", NOW), sign("new", b"x", NOW)
    both = f"{old},v0=zz,{new.partition(',')[2]}"
    verify("old", both, b"x", NOW)
    verify("new", both, b"x", NOW)


def test_it_is_the_signature_stripe_makes() -> None:
    folder = os.environ.get("LEX_CONTRACTS")
    if not folder:
        pytest.skip("LEX_CONTRACTS names no folder with the providers' contracts")
    vector = json.loads((Path(folder) / "webhook-vectors.json").read_text())["stripe"]
    body, at = vector["body"].encode(), vector["timestamp"]
    verify(vector["secret"], vector["headers"]["Stripe-Signature"], body, at)
    assert sign(vector["secret"], body, at) == vector["headers"]["Stripe-Signature"]
