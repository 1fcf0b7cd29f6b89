"""One table of what the database refuses and what a person is told.

A constraint that has no entry here is not expected to be hit by input: hitting it is a bug and answers 500.
"""

import psycopg

from lex.core.errors import Conflict, Invalid, Refusal, Unavailable

_PAYING = (
    None,
    "payment_in_progress",
    "A payment for this order is under way; wait for its result before trying again.",
)
_ERASED = "This account was erased a moment ago; its data is gone."
#: Tables that take nothing more of somebody erased.
_OF_PEOPLE = (
    *("orders", "addresses", "idempotency_keys", "bookings", "carts", "payment_methods", "reviews", "users"),
    *("api_keys", "passkeys"),
)

#: constraint → (field or None, code, sentence)
REFUSALS: dict[str, tuple[str | None, str, str]] = {
    "ck_categories_cycle": ("parent_id", "category_cycle", "A category cannot stand below itself."),
    "ck_service_categories_cycle": ("parent_id", "category_cycle", "A category cannot stand below itself."),
    "ck_products_family": ("variant_of", "variant_of_variant", "A variant cannot have variants of its own."),
    "uq_categories_slug": ("slug", "slug_taken", "Another category has this slug."),
    "uq_products_slug": ("slug", "slug_taken", "Another product has this slug."),
    "uq_products_sku": ("sku", "sku_taken", "Another product has this SKU."),
    "ck_products_reserved_quantity": (
        "stock_quantity",
        "stock_reserved",
        "Orders hold more units than would be left; wait until they are paid or expired.",
    ),
    "uq_services_slug": ("slug", "slug_taken", "Another service has this slug."),
    "uq_service_categories_slug": ("slug", "slug_taken", "Another service category has this slug."),
    "uq_resources_slug": ("slug", "slug_taken", "Another resource has this slug."),
    "uq_subscription_plans_slug": ("slug", "slug_taken", "Another plan has this slug."),
    "fk_products_categories": ("category_id", "unknown_category", "There is no such category."),
    "uq_users_email": ("email", "email_taken", "An account with this e-mail exists."),
    "uq_passkeys_credential_id": (None, "passkey_taken", "This passkey signs in to an account already."),
    **{f"ck_{table}_erased": (None, "person_erased", _ERASED) for table in _OF_PEOPLE},
    "ck_products_movements": (
        None,
        "stock_drifted",
        "The counters of this product are not what its movements tell; run lex stock verify --repair first.",
    ),
    "ck_users_own_promotion": (None, "own_promotion", "Nobody raises their own role; ask another super_admin."),
    "ck_users_standing": (None, "below", "This takes a higher role than yours; ask a super_admin."),
    "ck_users_last_super_admin": (
        None,
        "last_super_admin",
        "This is the last active super_admin; make somebody else one first.",
    ),
    "ck_api_keys_standing": (None, "below", "Keys of people of your rank or above are theirs to make and revoke."),
    "ck_person_keys_open_orders": (
        None,
        "open_orders",
        "This person has orders that are unpaid, not handed over or being refunded; finish or cancel them first.",
    ),
    "uq_data_exports_open": (None, "export_open", "A copy of your data is being made; look again in a moment."),
    "uq_erasure_requests_open": (None, "erasure_waiting", "You have asked to be erased; it waits for its day."),
    # Two that begin at once meet here, at whichever index comes first.
    "uq_payment_attempts_open": _PAYING,
    "uq_payment_attempts_payment_id_number": _PAYING,
    "uq_carts_user_id": (None, "cart_exists", "This customer already has an open cart."),
    "ck_cart_items_quantity": ("quantity", "quantity", "A line takes between 1 and 9999 units."),
    # An order is placed under the coupon's lock; these hold whoever comes around it.
    "ck_coupons_used_count": (None, "coupon_used_up", "A coupon of this cart is used up; look at the cart again."),
    "uq_coupon_usages_coupon_code_id": (
        None,
        "coupon_used_up",
        "A coupon of this cart is used up; look at the cart again.",
    ),
    "ck_coupon_usages_customer": (
        None,
        "coupon_used_by_customer",
        "You have used a coupon of this cart as often as it can be; take it out.",
    ),
    "ck_coupon_usages_given": (
        None,
        "coupon_expired",
        "A coupon of this cart ended a moment ago; look at the cart again.",
    ),
    "uq_coupons_code": ("code", "code_taken", "Another coupon has this code."),
    "ck_orders_transition": ("status", "order_status", "From where this order stands it cannot go there."),
    # Goods are locked while their cart is priced, ways to ship are not.
    "ck_order_items_listed": (
        None,
        "catalogue_changed",
        "What this cart is priced by changed a moment ago; look at the cart again.",
    ),
    "ck_order_items_fulfilled_quantity": (
        "items",
        "handed_over",
        "So much of it was handed over already; look at the order again.",
    ),
    "ck_fulfilment_items_order_item_id": (
        "items",
        "not_waiting",
        "Only lines of this order that still wait are handed over.",
    ),
    "ck_invoices_order": (
        None,
        "invoice_order",
        "An order is billed once, by its amounts; a credit note takes back what is billed.",
    ),
    "ck_orders_frozen": (None, "order_placed", "A placed order keeps its owner, its currency and its amounts."),
    "ck_refunds_sum": ("amount", "refund_too_much", "This is more than what is left of the payment."),
    "ck_users_adoption": (
        None,
        "email_unverified",
        "Prove that the e-mail is yours first; then its orders are yours too.",
    ),
    "tr_orders_start": (None, "clock_differs", "The clocks of the shop's computers differ; try again later."),
    "tr_products_tracked": (None, "stock_changed", "What is in stock changed a moment ago; look at the cart again."),
    "ck_reviews_pending": ("status", "review_pending", "A review waits until the shop has read it."),
    "ck_reviews_moderation": ("status", "review_pending", "A review waits until the shop has read it."),
    "ck_reviews_words": (None, "review_words", "Only its author writes a review; approve or reject it."),
    "ck_reviews_moderator": (None, "review_moderator", "Staff decide about reviews, each in their own name."),
    "ck_reviews_moderated_by": (None, "own_review", "Somebody else must decide about your own review."),
    "uq_reviews_product_id": (None, "reviewed", "You have reviewed this product; change that review instead."),
    "uq_reviews_service_id": (None, "reviewed", "You have reviewed this service; change that review instead."),
    "ck_reviews_rating": ("rating", "rating", "A rating lies between 1 and 5."),
    "ex_occupancies_resource_id_occupied": (None, "time_taken", "This time was taken a moment ago; choose another."),
    "ck_service_slots_booked": (None, "slot_full", "So many seats are no longer free; choose fewer or another time."),
    "ck_bookings_place": ("resource_id", "required", "Say who or what does it, or which session of a class it is."),
    "ck_bookings_resource_id": ("resource_id", "not_of_service", "They do not do this service; choose who does."),
    "ck_bookings_timezone": ("timezone", "timezone", "A booking is told in the time zone of its service."),
    "ck_bookings_deleted_at": (None, "booking_open", "Cancel this booking before it is deleted."),
    "ck_service_days_booked": (None, "day_full", "This day is fully booked; choose another."),
    "uq_shipping_methods_code": ("code", "code_taken", "Another shipping method has this code."),
    "uq_tax_rates_country": ("tax_class", "rate_exists", "This country already has a rate for this class."),
}

#: Tables cut into periods: a row whose period is not there is refused.
PERIODS = frozenset({"orders", "audit_logs"})

#: Deadlock, serialisation failure, lock not available: the same transaction may succeed a moment later.
TRANSIENT = frozenset({"40P01", "40001", "55P03"})


def refusal_for(error: psycopg.Error) -> Refusal | None:
    """The refusal a database error stands for, or None when it is a bug."""
    if error.sqlstate in TRANSIENT:
        return Unavailable("Too many people want the same thing at this moment; try again.", code="busy")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return Unavailable("This takes the database too long; ask for less or try again.", code="too_slow")
    if isinstance(error, psycopg.OperationalError):
        return Unavailable("The database does not answer; try again in a moment.", code="database_unavailable")
    # No constraint failed, no partition took the row: the daily job that makes them has not been running.
    if isinstance(error, psycopg.errors.CheckViolation) and error.diag.constraint_name is None:
        return Unavailable(
            "The shop's books for this period are not there yet; try again later.", code="period_missing"
        )
    known = REFUSALS.get(error.diag.constraint_name or "")
    if known is None:
        return None
    field, code, sentence = known
    if field is None or isinstance(error, psycopg.errors.UniqueViolation):
        return Conflict(sentence, code=code)
    return Invalid(field, sentence, code=code)
