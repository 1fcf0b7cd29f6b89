"""Passkeys (WebAuthn): what browsers are asked for, and what their answers prove.

A passkey asks for a finger, a face or a PIN itself (user verification), so it stands for two factors and needs no name:
the device finds it by the shop's address. That address is the setting's, never the request's.
"""

import json
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from lex.core.settings import settings
from lex.identity.passkeys import Known, Made, Passkey

_LONGEST_ANSWER = 20_000
_MILLISECONDS = 300_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser sent, taken apart: nothing of it is proven yet."""

    credential: dict[str, Any]
    credential_id: bytes
    challenge: bytes


def home() -> tuple[str, str]:
    """The host passkeys belong to, and the origin of its pages. Browsers know no passkeys of bare addresses, so a
    shop served at one of this machine's is `localhost`."""
    address = urlsplit(settings().address)
    host = address.hostname or ""
    try:
        if ip_address(host).is_loopback or ip_address(host).is_unspecified:
            return "localhost", f"{address.scheme}://localhost" + (f":{address.port}" if address.port else "")
    except ValueError:  # a name
        pass
    is_usual = address.port in (None, 443 if address.scheme == "https" else 80)
    shown = f"[{host}]" if ":" in host else host
    return host, f"{address.scheme}://{shown}" + ("" if is_usual else f":{address.port}")


def asked_to_make(challenge: bytes, user_id: UUID, email: str, known: list[Passkey]) -> dict[str, Any]:
    """What a browser is asked to make a passkey by; not on a device that has one of this account."""
    return options_to_json_dict(
        generate_registration_options(
            rp_id=home()[0],
            rp_name=settings().shop_name,
            user_id=user_id.bytes,
            user_name=email,
            challenge=challenge,
            timeout=_MILLISECONDS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
        )
    )


def asked_to_sign(challenge: bytes) -> dict[str, Any]:
    """What a browser is asked to sign in by: any passkey of this shop."""
    return options_to_json_dict(
        generate_authentication_options(
            rp_id=home()[0],
            challenge=challenge,
            timeout=_MILLISECONDS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def read_answer(text: str) -> Answer | None:
    """What a browser sent, as JSON; None for what is no such thing."""
    if len(text) > _LONGEST_ANSWER:
        return None
    try:
        credential = json.loads(text)
        told = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        return Answer(credential, base64url_to_bytes(credential["rawId"]), base64url_to_bytes(told["challenge"]))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def made_by(answer: Answer) -> Made | None:
    """The new passkey, when the answer proves one for this shop. That its challenge was asked is another's to see."""
    try:
        proven = verify_registration_response(
            credential=answer.credential,
            expected_challenge=answer.challenge,
            expected_rp_id=home()[0],
            expected_origin=home()[1],
            require_user_verification=True,
        )
    except Exception:  # whatever a stranger's bytes make of the library: nothing is proven
        return None
    return Made(proven.credential_id, proven.credential_public_key, proven.sign_count)


def signed_by(answer: Answer, known: Known) -> int | None:
    """How often the passkey says it was used, when the answer is signed by it for this shop and that is more often
    than before; else None. Those that do not count say 0 always."""
    handle = answer.credential["response"].get("userHandle")
    try:
        if handle and base64url_to_bytes(handle) != known.user_id.bytes:
            return None
        proven = verify_authentication_response(
            credential=answer.credential,
            expected_challenge=answer.challenge,
            expected_rp_id=home()[0],
            expected_origin=home()[1],
            credential_public_key=known.public_key,
            credential_current_sign_count=known.sign_counter,
            require_user_verification=True,
        )
    except Exception:  # whatever a stranger's bytes make of the library: nothing is proven
        return None
    return proven.new_sign_count
