"""What each role may do: lex_app serves customers, lex_staff the back office, lex_worker is Lex itself, lex_ro reports.

A new table gives nobody anything until a line says so. Nothing is granted on partitions: they are reached through their
parents, whose policies hold. Nobody but the owner truncates.

Revision ID: 20250126000014
Revises: 20250126000013
"""

import re

from alembic import op

revision = "20250126000014"
down_revision = "20250126000013"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

ROLES = ("lex_app", "lex_staff", "lex_worker", "lex_ro")
VERBS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}

# Table, then the rights of the four roles in the order above: Select, Insert, Update, Delete, - none; columns in
# brackets. A checkout locks the rows of coupons and products, which takes the right to update some column of them.
# lex_ro sees no secret, no key and no hash (HIDDEN): what it reads of people is ciphertext it cannot open.
RIGHTS = """
addresses                     S     SIU   SIUD  S
alembic_version               S     S     S     S
api_keys                      -     SIU   SIUD  S
audit_logs                    -     S     S     -
blind_tokens                  I     SID   SID   -
bookings                      S     SIU   SIU   S
cart_items                    SIUD  S     SIUD  S
carts                         SIU   SIU   SIUD  S
catalogue_changes             S     S     SID   S
categories                    S     SIU   SIUD  S
coupon_codes                  S     SI    SI    S
coupon_usages                 SIU(status) SIU(status) SIU(status) S
coupons                       SU(used_count) SIU   SIU   S
digital_files                 S     SIU   SIUD  S
downloads                     SU(download_count) SIU   SIU   S
fulfilment_items              S     SI    SI    S
fulfilments                   S     SIU   SIU   S
idempotency_keys              SIUD  SIUD  SIUD  -
invoice_counters              -     SIU   SIU   S
invoices                      S     SI    SI    S
job_errors                    -     S     SIUD  S
notifications                 SIU(is_read,read_at) SIU   SIUD  S
occupancies                   S     SIU   SIUD  S
order_events                  SI    SI    SI    S
order_items                   SI    SIU   SIU   S
order_tokens                  SIU(revoked_at) SIU   SIUD  S
orders                        SIU(status,payment_status,expires_at,paid_at,canceled_at,cancel_reason) SIU   SIU   S
payment_attempts              SIU   SIU   SIU   S
payment_events                SI    SI    SI    S
payment_methods               S     SU    SIUD  S
payment_references            SI    SI    SI    S
payments                      SIU   SIU   SIU   S
person_keys                   SI    SI    SIU   -
pictures                      S     SIU   SIUD  S
procrastinate_events          I     I     SID   S
procrastinate_jobs            SI    SI    SIUD  S
procrastinate_periodic_defers -     -     SIUD  S
procrastinate_workers         S     S     SIUD  S
products                      SU(stock_quantity,reserved_quantity) SIU   SIUD  S
refunds                       S     SIU   SIU   S
resources                     S     SIU   SIUD  S
reviews                       SIU   SIU   SIUD  S
sandbox_payments              SIU   SIU   SIU   S
schedule_exceptions           S     SIUD  SIUD  S
search_words                  S     S     SIUD  S
service_categories            S     SIU   SIUD  S
service_days                  S     SIU   SIU   S
service_resources             S     SID   SID   S
service_slots                 S     SIU   SIU   S
services                      S     SIU   SIUD  S
shipping_methods              S     SIU   SIUD  S
shop_facts                    S     S     SIU   S
stock_holds                   SIUD  SIUD  SIUD  S
stock_movements               SI    SI    SI    S
subscription_events           S     SI    SI    S
subscription_periods          S     SI    SI    S
subscription_plans            S     SIU   SIUD  S
subscriptions                 S     SIU   SIU   S
tax_rates                     S     SIU   SIUD  S
users                         SI    SIU   SIU   S
webhook_events                -     S     SIUD  -
"""

# What lex_ro is not shown of the tables it reads.
HIDDEN = {
    "api_keys": ("token_hash",),
    "carts": ("token_hash",),
    "coupon_usages": ("email_blind_index",),
    "downloads": ("token_hash",),
    "order_tokens": ("token_hash",),
    "payment_attempts": ("action", "provider_payment_id"),
    "payment_methods": ("provider_customer_id", "provider_token", "fingerprint"),
    "users": ("password", "two_factor_secret", "email_blind_index", "phone_blind_index"),
}
HIDE = """
DO $$
BEGIN
    REVOKE SELECT ON {0} FROM lex_ro;
    EXECUTE (
        SELECT format('GRANT SELECT (%s) ON {0} TO lex_ro', string_agg(quote_ident(attname), ', ' ORDER BY attnum))
        FROM pg_attribute
        WHERE attrelid = 'public.{0}'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL ('{{{1}}}')
    );
END
$$
"""

# A change of one row that moves another whose table is closed to whoever made it.
DEFINERS = ("count_coupon_usage()", "carry_booking_status()")

SEQUENCES = """
DO $$
DECLARE
    sequence regclass;
BEGIN
    FOR sequence IN SELECT oid FROM pg_class
        WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace AND relname ~ '^procrastinate_(jobs|events)_'
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO lex_app, lex_staff, lex_worker', sequence);
    END LOOP;
    FOR sequence IN SELECT oid FROM pg_class
        WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace AND relname ~ '^procrastinate_'
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO lex_worker', sequence);
    END LOOP;
END
$$;
"""

# Who a request is from is found before anybody is anybody: one key by the hash of its secret, and no other way.
API_KEYS = """
CREATE FUNCTION public.api_key_holder(hash bytea, instant timestamptz)
RETURNS TABLE (key_id uuid, user_id uuid, role text, scopes text[]) LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = public, pg_temp ROWS 1 AS $$
BEGIN
    RETURN QUERY SELECT k.id, k.user_id, u.role, k.scopes FROM api_keys k JOIN users u ON u.id = k.user_id
    WHERE k.token_hash = hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > instant)
      AND u.deleted_at IS NULL AND u.is_active;
END
$$;
COMMENT ON FUNCTION public.api_key_holder IS 'Whom a living key of an active person acts for.';
REVOKE EXECUTE ON FUNCTION public.api_key_holder FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.api_key_holder TO lex_app, lex_worker;
"""

REVOKE = """
DROP FUNCTION api_key_holder(bytea, timestamptz);
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM lex_app, lex_staff, lex_worker, lex_ro;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM lex_app, lex_staff, lex_worker, lex_ro;
"""


def grants() -> list[str]:
    """The statements of RIGHTS."""
    made = []
    for line in RIGHTS.split("\n"):
        table, *rights = line.split() or [""]
        for role, right in zip(ROLES, rights, strict=False):
            verbs = [f"{VERBS[verb]} {columns}".strip() for verb, columns in re.findall(r"([SIUD])(\(.*?\))?", right)]
            if verbs:
                made.append(f"GRANT {', '.join(verbs)} ON {table} TO {role}")
    return made


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    definers = (f"ALTER FUNCTION {name} SECURITY DEFINER SET search_path = public, pg_temp" for name in DEFINERS)
    hidden = (HIDE.format(table, ",".join(columns)) for table, columns in HIDDEN.items())
    run(TIMEOUTS, *grants(), *hidden, SEQUENCES, *definers, API_KEYS)


def downgrade() -> None:
    invokers = (f"ALTER FUNCTION {name} SECURITY INVOKER" for name in DEFINERS)
    run(TIMEOUTS, *invokers, REVOKE)
