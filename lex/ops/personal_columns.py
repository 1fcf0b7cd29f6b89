"""Which columns hold something about a person, how each is kept, and what erasing the person makes of it.

A test holds the list to the live schema: every text, JSON or binary column of a table that has to do with people is
decided about, here or in `NOT_PERSONAL`. docs/schema/personal-data.md is generated from it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kept(StrEnum):
    """How a column is kept."""

    SEALED = "ciphertext under the person's key"
    SHOP = "ciphertext under a key of the shop"
    WRAPPED = "wrapped by the key ring"
    BLIND = "HMAC, found by equality only"
    HASHED = "hash of a random token or password"
    READABLE = "readable"


@dataclass(frozen=True, slots=True)
class Personal:
    """One column: how it is kept, what erasing the person does to it, and why it is readable if it is."""

    kept: Kept
    erased: str = "emptied"
    why: str = ""


_SEALED, _ROW_GOES = Personal(Kept.SEALED), Personal(Kept.SEALED, "row deleted")
_PLACE = Personal(Kept.READABLE, "stays", "tax, shipping and reports need it; alone it names nobody")
_REASON = Personal(Kept.READABLE, "stays", "the shop's words for the books; they name nobody")
_PROVIDER = Personal(Kept.READABLE, "stays", "the provider's number of the payment; the books are settled by it")
_CARD = Personal(Kept.READABLE, "emptied", "shown to choose a card by; not the card's number")

PERSONAL: dict[str, Personal] = {
    "users.email": _SEALED,
    "users.email_blind_index": Personal(Kept.BLIND),
    "users.password": Personal(Kept.HASHED),
    "users.two_factor_secret": _SEALED,
    "users.first_name": _SEALED,
    "users.last_name": _SEALED,
    "users.phone": _SEALED,
    "users.phone_blind_index": Personal(Kept.BLIND),
    "users.birth_date": _SEALED,
    "users.notes": _SEALED,
    "users.preferences": Personal(Kept.READABLE, "emptied", "switches of pages and mails"),
    "person_keys.wrapped_key": Personal(Kept.WRAPPED, "destroyed"),
    "blind_tokens.token": Personal(Kept.BLIND, "row deleted"),
    "addresses.recipient_name": _ROW_GOES,
    "addresses.company": _ROW_GOES,
    "addresses.line1": _ROW_GOES,
    "addresses.line2": _ROW_GOES,
    "addresses.phone": _ROW_GOES,
    "addresses.city": Personal(Kept.READABLE, "row deleted", _PLACE.why),
    "addresses.region": Personal(Kept.READABLE, "row deleted", _PLACE.why),
    "addresses.postal_code": Personal(Kept.READABLE, "row deleted", _PLACE.why),
    "addresses.country": Personal(Kept.READABLE, "row deleted", _PLACE.why),
    "api_keys.name": Personal(Kept.READABLE, "overwritten", "its holder recognises the key by it"),
    "api_keys.prefix": Personal(Kept.READABLE, "stays", "six characters of a random key"),
    "api_keys.token_hash": Personal(Kept.HASHED, "revoked"),
    "account_tokens.token_hash": Personal(Kept.HASHED, "used up"),
    "email_changes.email": _SEALED,
    "data_exports.storage_key": Personal(Kept.READABLE, "file removed", "random; the file is under the person's key"),
    "recovery_codes.code_hash": Personal(Kept.HASHED, "row deleted"),
    "passkeys.name": _ROW_GOES,
    "passkeys.credential_id": Personal(Kept.READABLE, "row deleted", "random, made by the passkey for this shop alone"),
    "passkeys.public_key": Personal(Kept.READABLE, "row deleted", "the public half of a key for this shop alone"),
    "orders.email": _SEALED,
    "orders.phone": _SEALED,
    "orders.billing_address": _SEALED,
    "orders.shipping_address": _SEALED,
    "orders.customer_note": _SEALED,
    "orders.shipping_country": _PLACE,
    "orders.shipping_region": _PLACE,
    "orders.shipping_city": _PLACE,
    "orders.shipping_postal_code": _PLACE,
    "order_events.note": _SEALED,
    "order_tokens.token_hash": Personal(Kept.HASHED, "revoked"),
    "downloads.token_hash": Personal(Kept.HASHED, "expired"),
    "fulfilments.tracking_number": Personal(Kept.READABLE, "emptied", "the carrier's number of a parcel"),
    "fulfilments.tracking_url": Personal(Kept.READABLE, "emptied", "the carrier's page of a parcel"),
    "invoices.recipient": _SEALED,
    "payment_methods.provider_customer_id": _SEALED,
    "payment_methods.provider_token": _SEALED,
    "payment_methods.fingerprint": Personal(Kept.BLIND),
    "payment_methods.brand": _CARD,
    "payment_methods.last4": _CARD,
    "payments.provider_payment_id": _PROVIDER,
    "payment_attempts.provider_payment_id": _PROVIDER,
    "payment_attempts.action": Personal(Kept.READABLE, "emptied", "the bank's page for one payment; never audited"),
    "payment_events.provider_reference": _PROVIDER,
    "payment_references.provider_payment_id": _PROVIDER,
    "refunds.provider_payment_id": _PROVIDER,
    "refunds.provider_refund_id": _PROVIDER,
    "coupon_usages.email_blind_index": Personal(Kept.BLIND),
    "bookings.notes": _SEALED,
    "carts.token_hash": Personal(Kept.HASHED),
    "carts.country": _PLACE,
    "carts.billing_country": _PLACE,
    "reviews.title": Personal(Kept.READABLE, "emptied unless published", "written to be published"),
    "reviews.body": Personal(Kept.READABLE, "emptied unless published", "written to be published"),
    "notifications.data": Personal(Kept.READABLE, "emptied", "ids and amounts; names are read when it is sent"),
    "idempotency_keys.actor_key": Personal(Kept.READABLE, "row deleted", "an id or a hash"),
    "idempotency_keys.key": Personal(Kept.READABLE, "row deleted", "random, made by the client"),
    "idempotency_keys.request_hash": Personal(Kept.HASHED, "row deleted"),
    "idempotency_keys.response_body": Personal(Kept.SHOP, "row deleted"),
    "webhook_events.body": Personal(Kept.SHOP, "emptied once processed"),
    "webhook_events.headers": Personal(Kept.READABLE, "stays", "signature and sender's program only"),
    "sandbox_payments.request": Personal(Kept.READABLE, "token and way back emptied", "no real card is ever in it"),
    "sandbox_payments.card": Personal(Kept.READABLE, "stays", "one of the sandbox's test cards"),
    "sandbox_payments.return_url": Personal(Kept.READABLE, "emptied", "the shop's own page"),
    "audit_logs.changes": Personal(Kept.SEALED, "cannot be opened any more"),
    "audit_logs.ip_address": Personal(Kept.READABLE, "stays", "the trail says from where; goes with its month"),
    "job_errors.error": Personal(Kept.READABLE, "stays", "addresses and row values are cut out before it is kept"),
    "stock_movements.reason": _REASON,
}

#: Columns of the same tables that say nothing about a person: numbers, states, kinds, goods.
NOT_PERSONAL: dict[str, str] = {
    "users": "role locale",
    "person_keys": "key_id blind_key_id",
    "addresses": "type",
    "api_keys": "kind scopes",
    "account_tokens": "purpose",
    "data_exports": "status",
    "erasure_requests": "status",
    "order_numbers": "order_number",
    "orders": """order_number order_type status payment_status fulfilment_status currency taxes shipping_method
        cancel_reason""",
    "order_items": "item_type name sku options image discounts tax_class currency",
    "order_events": "kind data actor_role request_id",
    "fulfilments": "kind carrier",
    "invoices": "kind series currency lines",
    "payment_methods": "type provider",
    "payments": "provider method_type status currency failure_code failure_message",
    "payment_attempts": "status failure_code failure_message",
    "payment_events": "kind currency data",
    "payment_references": "provider",
    "refunds": "currency status reason lines failure_code",
    "coupon_usages": "status",
    "bookings": "status timezone uid",
    "carts": "status currency coupon_codes seen_shipping",
    "cart_items": "item_type options",
    "reviews": "status",
    "notifications": "channel template priority status last_error",
    "subscriptions": "status timezone pending_update",
    "subscription_periods": "kind",
    "subscription_events": "from_status to_status trigger data",
    "webhook_events": "provider event_id last_error",
    "sandbox_payments": "id idempotency_key reference status currency decline_code refunds",
    "audit_logs": "role request_id action resource resource_id database_user",
    "stock_movements": "kind",
}


def page() -> str:
    """The generated page of docs/schema."""
    lines = [
        "# Personal data, column by column",
        "",
        "How each column that holds something about a person is kept, and what `lex people erase` makes of it. Why",
        "and how: [personal data](../concepts/personal-data.md). Every other column of these tables is a number, a",
        "state, a kind or a thing sold; every new one has to be decided about.",
        "",
        "| column | kept as | erasing the person |",
        "| --- | --- | --- |",
        *(
            f"| `{name}` | {column.kept}{': ' * bool(column.why)}{column.why} | {column.erased} |"
            for name, column in PERSONAL.items()
        ),
    ]
    return "\n".join([*lines, ""])
