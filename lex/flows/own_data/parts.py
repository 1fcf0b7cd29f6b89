"""What a copy of somebody's data is made of: a part is a table, its columns and a sentence for its reader.

A test holds this to the live schema: every table that names a person is a part or stands in `LEFT_OUT`, and every
column of a part is shown or left out for a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import LiteralString

_NUMBER: LiteralString = (
    "(SELECT o.order_number FROM orders o WHERE o.id = t.order_id AND o.user_id = t.user_id) AS order_number"
)
_GOODS: LiteralString = """
(SELECT p.name FROM products p WHERE p.id = t.product_id) AS product,
(SELECT s.name FROM services s WHERE s.id = t.service_id) AS service"""
_CODE: LiteralString = """
coalesce((SELECT c.code FROM coupon_codes c WHERE c.id = t.coupon_code_id),
    (SELECT c.code FROM coupons c WHERE c.id = t.coupon_id)) AS code"""
_FILE: LiteralString = "(SELECT f.name FROM digital_files f WHERE f.id = t.digital_file_id) AS file"
_PLAN: LiteralString = "(SELECT p.name FROM subscription_plans p WHERE p.id = t.{}) AS plan"
_SECRET, _INNER = "a secret, kept as a hash or under the key", "how the shop finds the row, and nothing more"
_DEEDS: LiteralString = """
SELECT * FROM (
    SELECT a.id, a.created_at, a.action, a.resource, a.resource_id, a.role, a.user_id = %(user_id)s AS by_you,
           a.acted_by IS NOT NULL AS by_staff_for_you,
           CASE WHEN a.user_id = %(user_id)s AND a.acted_by IS NULL THEN host(a.ip_address) END AS ip_address,
           CASE WHEN a.action IN ('insert', 'delete') THEN NULL
                WHEN a.action = 'update' THEN (SELECT jsonb_agg(key) FROM jsonb_object_keys(a.changes) key)
                WHEN a.resource_id = %(user_id)s::text THEN a.changes END AS details
    FROM audit_logs a WHERE {} AND a.id > %(after)s ORDER BY a.id LIMIT %(most)s
) part"""


@dataclass(frozen=True, slots=True)
class Part:
    """One pair of files. `columns` are the table's own, `sealed` those of them that are opened for the reader.

    `also` are columns told of other tables, `documents` the sealed ones that hold JSON.
    """

    name: str
    table: LiteralString
    about: str
    columns: LiteralString
    sealed: str = ""
    documents: str = ""
    also: LiteralString = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    whose: LiteralString = "t.user_id = %(user_id)s"
    given: LiteralString = ""

    @property
    def statement(self) -> LiteralString:
        """The next rows after an id, in its order. Rows that were deleted and are not gone yet are there too."""
        if self.given:
            return self.given
        told = ", ".join(f't."{name}"' for name in self.columns.split()) + (", " if self.also else "") + self.also
        return f"""SELECT {told} FROM {self.table} t WHERE {self.whose} AND t.id > %(after)s
ORDER BY t.id LIMIT %(most)s"""


def _of_order(
    name: str,
    table: LiteralString,
    about: str,
    columns: LiteralString,
    *,
    also: LiteralString = "",
    sealed: str = "",
    documents: str = "",
    left_out: Mapping[str, str] | None = None,
) -> Part:
    told: LiteralString = f"{_NUMBER}, {also}" if also else _NUMBER
    return Part(name, table, about, "id order_id " + columns, sealed, documents, told, left_out or {})


_PERSON = (
    Part(
        "profile",
        "users",
        "Your account, and what the shop notes about you.",
        """id email first_name last_name phone birth_date notes role locale preferences marketing_agreed_at is_active
        two_factor_enabled email_verified_at last_login_at created_at updated_at deleted_at""",
        sealed="email first_name last_name phone birth_date notes",
        left_out={
            **dict.fromkeys(("password", "two_factor_secret", "two_factor_step"), _SECRET),
            **dict.fromkeys(("email_blind_index", "phone_blind_index"), _INNER),
        },
        whose="t.id = %(user_id)s",
    ),
    Part(
        "addresses",
        "addresses",
        "Your address book.",
        """id type recipient_name company line1 line2 phone city region postal_code country is_default_billing
        is_default_shipping created_at updated_at deleted_at""",
        sealed="recipient_name company line1 line2 phone",
    ),
    Part(
        "email_changes",
        "email_changes",
        "Changes of your e-mail address; one that was made names no address any more.",
        "id email old_confirmed_at new_confirmed_at done_at expires_at created_at",
        sealed="email",
    ),
    Part(
        "api_tokens",
        "api_keys",
        "Keys for programs, without their secret.",
        "id kind name prefix scopes expires_at last_used_at revoked_at created_at",
        left_out={"token_hash": _SECRET},
    ),
    Part(
        "passkeys",
        "passkeys",
        "Passkeys that sign in to your account.",
        "id name last_used_at created_at",
        sealed="name",
        left_out={
            **dict.fromkeys(("credential_id", "sign_counter"), _INNER),
            "public_key": "what the shop checks a signature by, and nothing more",
        },
    ),
    Part(
        "payment_methods",
        "payment_methods",
        "Ways to pay you had kept, without the provider's secrets.",
        "id type provider brand last4 expires_month expires_year is_default created_at updated_at deleted_at",
        left_out=dict.fromkeys(("provider_customer_id", "provider_token", "fingerprint"), _SECRET),
    ),
)

_ORDERS = (
    Part(
        "orders",
        "orders",
        "Your orders with their addresses. Amounts are in the unit of the currency.",
        """id order_number order_type status payment_status fulfilment_status currency prices_include_tax
        subtotal_amount discount_amount shipping_amount tax_amount total_amount taxes email phone billing_address
        shipping_address shipping_country shipping_region shipping_city shipping_postal_code shipping_method
        customer_note placed_at expires_at paid_at completed_at canceled_at cancel_reason cart_id created_at
        updated_at""",
        sealed="email phone billing_address shipping_address customer_note",
        documents="billing_address shipping_address",
    ),
    _of_order(
        "order_lines",
        "order_items",
        "What you ordered, line by line.",
        """position item_type name sku options quantity unit_price discounted_unit_price discount_amount discounts
        tax_class tax_rate net_amount tax_amount total_amount currency requires_shipping is_digital fulfilled_quantity
        refunded_quantity product_id service_id subscription_plan_id image created_at updated_at""",
        left_out={"is_stock_tracked": "how the shop keeps its stock"},
    ),
    _of_order(
        "order_history",
        "order_events",
        "What became of your orders, with notes about them.",
        "kind data note actor_role created_at",
        sealed="note",
        left_out=dict.fromkeys(("actor_id", "request_id"), "who of the shop did it, and how it is found in logs"),
    ),
    _of_order(
        "deliveries",
        "fulfilments",
        "What was handed over or sent.",
        "kind carrier tracking_number tracking_url fulfilled_at created_at updated_at",
    ),
    Part(
        "delivered_lines",
        "fulfilment_items",
        "Which lines were in which delivery.",
        "id fulfilment_id order_item_id quantity created_at",
    ),
    _of_order(
        "payments",
        "payments",
        "Your payments.",
        """tender provider provider_payment_id method_type status currency amount authorized_amount captured_amount
        refunded_amount failure_code failure_message processed_at payment_method_id created_at updated_at""",
    ),
    _of_order(
        "payment_attempts",
        "payment_attempts",
        "Each time a payment was tried.",
        """payment_id tender number status captured_amount failure_code failure_message checked_at finished_at
        created_at updated_at""",
        left_out={"provider_payment_id": "the same as in payments", "action": "the bank's page, good once"},
    ),
    _of_order(
        "payment_history",
        "payment_events",
        "What providers said of your payments.",
        "payment_id kind amount currency occurred_at created_at",
        left_out=dict.fromkeys(("provider_reference", "data"), "the provider's own words, for settling the books"),
    ),
    _of_order(
        "refunds",
        "refunds",
        "Money that came back to you.",
        """payment_id amount currency status reason lines provider_payment_id provider_refund_id failure_code checked_at
        processed_at created_at updated_at""",
    ),
    _of_order(
        "invoices",
        "invoices",
        "Your invoices and corrections.",
        "kind series number issued_on currency net_amount tax_amount total_amount lines recipient created_at",
        sealed="recipient",
        documents="recipient",
    ),
    _of_order(
        "downloads",
        "downloads",
        "Files you may fetch, and how often you did; the files themselves are on the pages of your orders.",
        "order_item_id expires_at download_limit download_count created_at",
        also=_FILE,
        left_out={"token_hash": _SECRET, "digital_file_id": "the name is told"},
    ),
    _of_order(
        "coupons",
        "coupon_usages",
        "Coupons you used.",
        "amount status created_at",
        also=_CODE,
        left_out={
            "email_blind_index": _INNER,
            **dict.fromkeys(("coupon_id", "coupon_code_id"), "the code is told"),
        },
    ),
)
_REST = (
    Part(
        "carts",
        "carts",
        "Your carts.",
        """id status currency country billing_country shipping_method_id coupon_codes version order_id expires_at
        created_at updated_at deleted_at""",
        left_out={"token_hash": _SECRET, "seen_shipping": "a price of the shop, as it was last shown"},
    ),
    Part(
        "cart_lines",
        "cart_items",
        "What is or was in them.",
        """id cart_id item_type product_id service_id subscription_plan_id quantity seen_price options created_at
        updated_at""",
        also=f"{_GOODS}, {_PLAN.format('subscription_plan_id')}",
    ),
    Part(
        "bookings",
        "bookings",
        "Times you booked.",
        """id order_id service_id starts_at ends_at timezone seats status notes order_item_id uid sequence expires_at
        canceled_at created_at updated_at deleted_at""",
        sealed="notes",
        also="(SELECT s.name FROM services s WHERE s.id = t.service_id) AS service",
        left_out=dict.fromkeys(("resource_id", "service_slot_id"), "who or what of the shop is taken by it"),
    ),
    Part(
        "memberships",
        "subscriptions",
        "Your memberships.",
        """id plan_id status timezone anchor_at cycle current_period_start current_period_end trial_start trial_end
        cancel_at_period_end pause_at_period_end payment_collection_paused pending_update paused_at resumes_at
        canceled_at ended_at next_action_at payment_method_id created_at updated_at deleted_at""",
        also=_PLAN.format("plan_id"),
        left_out={"locked_until": "a mark of the job that renews it"},
    ),
    Part(
        "membership_periods",
        "subscription_periods",
        "Their periods, each with its order.",
        "id subscription_id order_id kind period_start period_end created_at",
        also=_NUMBER,
    ),
    Part(
        "membership_history",
        "subscription_events",
        "What became of them.",
        "id subscription_id from_status to_status trigger data created_at",
    ),
    Part(
        "reviews",
        "reviews",
        "What you wrote about goods and services.",
        """id product_id service_id order_item_id rating title body status is_verified_purchase moderated_at created_at
        updated_at deleted_at""",
        also=_GOODS,
        left_out={"moderated_by": "who of the shop decided"},
    ),
    Part(
        "notifications",
        "notifications",
        "What you were told, and over which channel.",
        """id order_id channel template priority data is_marketing status is_read read_at sent_at expires_at created_at
        updated_at deleted_at""",
        left_out=dict.fromkeys(("attempts", "last_error"), "how the sending went"),
    ),
    Part(
        "copies_of_your_data",
        "data_exports",
        "Copies like this one that you asked for.",
        "id status size_bytes ready_at expires_at created_at updated_at",
        left_out={"storage_key": _SECRET, **dict.fromkeys(("done_parts", "all_parts"), "how far it has come")},
    ),
    Part(
        "wishes_to_be_erased",
        "erasure_requests",
        "When you asked to be erased, and what became of it.",
        "id status due_at ended_at created_at updated_at",
    ),
    Part(
        "activity",
        "audit_logs",
        "What you did here, sign-ins among it, and what was done to your account.",
        "id created_at action resource resource_id role ip_address",
        left_out={
            "user_id": "you, or somebody of the shop: by_you tells",
            "acted_by": "one of the staff who acted for you: by_staff_for_you tells that somebody did",
            "changes": "what each row was before and after: the other files tell what is known",
            **dict.fromkeys(("request_id", "database_user", "transaction_id"), _INNER),
        },
        given=f"""{_DEEDS.format("a.user_id = %(user_id)s")} UNION
{_DEEDS.format("a.resource IN ('users', 'person_keys') AND a.resource_id = %(user_id)s::text")}
ORDER BY id LIMIT %(most)s""",
    ),
)

#: Tables that name a person and are no part, and why.
LEFT_OUT = {
    "account_tokens": "hashes of keys that were mailed: secrets",
    "blind_tokens": "hashes of the words of the profile, to search by",
    "idempotency_keys": "answers kept for three days, of what stands in the orders",
    "order_numbers": "the numbers of the orders once more",
    "order_tokens": "hashes of links to orders: secrets",
    "payment_references": "the providers' numbers of the payments once more",
    "person_keys": "the key everything here was opened with",
    "recovery_codes": "hashes of codes that stand in for a second factor: secrets",
}


PARTS: tuple[Part, ...] = (*_PERSON, *_ORDERS, *_REST)
