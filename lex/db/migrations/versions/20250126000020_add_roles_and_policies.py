"""What each role may do, and whose rows it sees: lex_app for customers, lex_staff, lex_worker for Lex itself, lex_ro.

A new table gives nobody anything until a line says so. Nothing is granted on partitions: they are reached through their
parents, whose policies hold. Nobody but the owner truncates. docs/concepts/row-level-security.md tells the whole story.

Revision ID: 20250126000020
Revises: 20250126000019
"""

import re

from alembic import op

revision = "20250126000020"
down_revision = "20250126000019"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

ROLES = ("lex_app", "lex_staff", "lex_worker", "lex_ro")
VERBS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}

# A payment begins, and is tried again after it failed; what became of it Lex writes, who asked the provider.
BEGUN = "(id,order_id,user_id,provider,method_type,currency,amount)"
AGAIN = "(provider,status,provider_payment_id,failure_code,failure_message)"
ATTEMPT = "(id,payment_id,order_id,user_id,number)"
# A job and an event get their numbers from the queue: one taken ahead would refuse whoever comes by it.
JOB = "(queue_name,task_name,priority,lock,queueing_lock,args,scheduled_at)"
# The seats taken of a slot, the time taken of a resource and what is taken of a day are moved by bookings alone.
SLOT = "(id,service_id,starts_at,capacity)"
# Who signs up proves the address afterwards, by a mail.
KNOWN = "(id,role,email,email_blind_index,first_name,last_name,phone,phone_blind_index,password)"

# Table, then the rights of the four roles in the order above: Select, Insert, Update, Delete, - none; columns in
# brackets. A checkout locks rows of coupons and products, which takes the right to update a column; no update passes.
# lex_ro sees no secret, no key and no hash (HIDDEN): what it reads of people is ciphertext it cannot open.
RIGHTS = f"""
addresses                     SIU   SIU   SIUD  S
alembic_version               S     S     S     S
api_keys                      -     SIU   SIUD  S
audit_archives                -     S     S     S
audit_logs                    -     S     S     -
audit_seals                   -     S     S     S
blind_tokens                  I     SID   SID   -
bookings                      S     SIU   SIUD  S
cart_items                    SIUD  SIUD  SIUD  S
carts                         SIU   SIU   SIUD  S
catalogue_changes             S     S     SID   S
categories                    S     SIU   SIUD  S
coupon_codes                  S     SI    SID   S
coupon_usages                 SIU(status) SIU(status) SIU(status,email_blind_index) S
coupons                       SU(updated_at) SIU   SIUD  S
digital_files                 S     SIU   SIUD  S
downloads                     SU(download_count) SIU   SIU   S
fulfilment_items              S     SI    SI    S
fulfilments                   S     SIU   SIU   S
idempotency_keys              SIUD  SIUD  SIUD  -
invoice_counters              -     S     S     S
invoices                      S     SI    SIU(recipient) S
job_errors                    -     S     SIUD  S
notifications                 SIU(is_read,read_at) SIU   SIUD  S
occupancies                   S     S     S     S
order_events                  SI    SI    SIU(note) S
order_items                   SI    SI    SI    S
order_numbers                 S     S     S     S
order_tokens                  SIU(revoked_at) SIU   SIUD  S
orders                        SIU(status,payment_status,paid_at,canceled_at,cancel_reason) SIU   SIU   S
payment_attempts              SI{ATTEMPT} SI{ATTEMPT} SIU   S
payment_events                S     S     SI    S
payment_methods               S     SU    SIUD  S
payment_references            S     S     SI    S
payments                      SI{BEGUN}U{AGAIN} SI{BEGUN}U{AGAIN} SIU   S
person_keys                   SI    SI    SIUD  -
pictures                      S     SIU   SIUD  S
procrastinate_events          I(job_id,type,at) I(job_id,type,at) SID   S
procrastinate_jobs            SI{JOB} SI{JOB} SIUD  S
procrastinate_periodic_defers -     -     SIUD  S
procrastinate_workers         S     S     SIUD  S
product_facets                S     S     S     S
product_texts                 S     S     S     S
product_prices                S     S     S     S
products                      SU(updated_at) SIU   SIUD  S
refunds                       S     SI    SIU   S
resources                     S     SIU   SIUD  S
reviews                       SIU   SIU   SIUD  S
sandbox_payments              SIU   SIU   SIU   S
schedule_exceptions           S     SIUD  SIUD  S
search_words                  S     S     SIUD  S
service_categories            S     SIU   SIUD  S
service_days                  S     S     SD    S
service_resources             S     SID   SID   S
service_slots                 S     SI{SLOT}U(starts_at,capacity) SI{SLOT}U(starts_at,capacity)D S
services                      S     SIU   SIUD  S
shipping_methods              S     SIU   SIUD  S
shop_facts                    S     S     SIU   S
status_transitions            S     S     S     S
stock_holds                   SIU(expires_at)D SIU(expires_at)D SIU(expires_at)D S
stock_movements               -     SI    SID   S
subscription_events           S     SI    SID   S
subscription_periods          S     SI    SID   S
subscription_plans            S     SIU   SIUD  S
subscriptions                 S     SIU   SIUD  S
tax_rates                     S     SIU   SIUD  S
users                         SI{KNOWN} SIU   SIUD  S
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
DEFINERS = ("count_coupon_usage()",)

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
RETURNS TABLE (key_id uuid, user_id uuid, role user_role, scopes text[], ended text) LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1 AS $$
BEGIN
    RETURN QUERY SELECT k.id, k.user_id, u.role, k.scopes, CASE
            WHEN k.revoked_at IS NOT NULL THEN 'revoked'
            WHEN k.expires_at <= instant THEN 'expired'
            WHEN u.deleted_at IS NOT NULL OR NOT u.is_active THEN 'closed'
        END
    FROM public.api_keys k JOIN public.users u ON u.id = k.user_id WHERE k.token_hash = hash;
END
$$;
COMMENT ON FUNCTION public.api_key_holder IS 'Whom a key acts for, and how it ended if it is no longer good.';
REVOKE EXECUTE ON FUNCTION public.api_key_holder FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.api_key_holder TO lex_app, lex_worker;
"""

# Settings of a transaction, as values: who acts, under which idempotency name, and what the tokens shown open. Without
# them all are null and nothing is seen. Of what is listed by its person (LISTED) each row is compared, and who acts
# stands in a SELECT of its own, which is read once a statement. What tokens open, what hangs on an order or a cart, and
# what is written is a row or a few, found by an id: there a SELECT is one more thing to set up, which costs more than
# it saves.
ME = "nullif(current_setting('lex.user_id', true), '')::uuid"
ACTOR = "nullif(current_setting('lex.actor_key', true), '')"
CARTS, ORDERS, OWNERS = (
    f"nullif(current_setting('lex.{name}', true), '')::uuid[]" for name in ("carts", "orders", "owners")
)
TOKENS = "nullif(current_setting('lex.tokens', true), '')::bytea[]"
MINE = f"user_id = {ME}"
OF_PEOPLE = "addresses api_keys blind_tokens payment_methods reviews subscription_events subscriptions"
LISTED = {*OF_PEOPLE.split(), "bookings", "invoices", "notifications", "orders", "subscription_periods", "users"}
OF_ORDERS = """
    bookings coupon_usages fulfilments invoices notifications order_events order_items order_tokens payment_attempts
    payment_events payment_references payments refunds subscription_periods
"""

#: Tables that belong to somebody, and which of their rows a customer or a guest has. Only = and = ANY of uuid, text and
#: bytea: these leak nothing and can be looked up in an index.
OWN = {
    **dict.fromkeys(OF_PEOPLE.split(), MINE),
    **dict.fromkeys(OF_ORDERS.split(), f"{MINE} OR order_id = ANY ({ORDERS})"),
    "cart_items": f"{MINE} OR cart_id = ANY ({CARTS})",
    "carts": f"{MINE} OR id = ANY ({CARTS})",
    "downloads": f"{MINE} OR order_id = ANY ({ORDERS}) OR token_hash = ANY ({TOKENS})",
    "fulfilment_items": f"{MINE} OR fulfilment_id = ANY (ARRAY(SELECT f.id FROM fulfilments f"
    f" WHERE f.order_id = ANY ({ORDERS})))",
    "idempotency_keys": f"actor_key = {ACTOR}",
    "order_numbers": f"{MINE} OR order_id = ANY ({ORDERS})",
    "orders": f"{MINE} OR id = ANY ({ORDERS})",
    "person_keys": f"{MINE} OR user_id = ANY ({OWNERS})",
    "users": f"id = {ME}",
}
#: And what they may write of them, where that is less: of an order's timeline what a customer does, and that the order
#: is paid when it is, which one of nothing is at once.
WRITTEN = OWN | {
    "order_events": f"({OWN['order_events']}) AND actor_role = ANY ('{{user,guest}}')"
    f" AND coalesce(actor_id = {ME}, actor_id IS NULL) AND (kind = 'placed'"
    " OR kind = 'paid' AND payment_status_of(order_id) = 'paid'"
    " OR kind = 'canceled' AND EXISTS (SELECT FROM orders o WHERE o.id = order_id AND o.status = 'canceled'))"
}

# Definer functions and data migrations are the owner's: without a policy of its own they would see nothing, and say so
# to nobody.
POLICIES = """
ALTER TABLE {0} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {0} FORCE ROW LEVEL SECURITY;
CREATE POLICY p_{0}_own ON {0} TO lex_app USING ({1}) WITH CHECK ({2});
CREATE POLICY p_{0}_staff ON {0} TO lex_staff USING (true) WITH CHECK (true);
CREATE POLICY p_{0}_worker ON {0} TO lex_worker USING (true) WITH CHECK (true);
CREATE POLICY p_{0}_owner ON {0} TO lex_owner USING (true) WITH CHECK (true);
CREATE POLICY p_{0}_read ON {0} FOR SELECT TO lex_ro USING (true);
"""
PUBLISHED = "CREATE POLICY p_reviews_published ON reviews FOR SELECT TO lex_app USING (status = 'approved')"
UNPOLICIES = """
DROP POLICY p_{0}_read ON {0};
DROP POLICY p_{0}_owner ON {0};
DROP POLICY p_{0}_worker ON {0};
DROP POLICY p_{0}_staff ON {0};
DROP POLICY p_{0}_own ON {0};
ALTER TABLE {0} NO FORCE ROW LEVEL SECURITY;
ALTER TABLE {0} DISABLE ROW LEVEL SECURITY;
"""

# Looked up once when a transaction begins, so that the policies compare ids. The key of a cart opens the order that the
# cart became; a link that is good once opens its order until it is used.
OPENED = """
CREATE FUNCTION public.opened_by(tokens bytea[], instant timestamptz,
    OUT carts uuid[], OUT orders uuid[], OUT owners uuid[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token bytea;
    cart uuid;
    placed uuid;
    owner uuid;
BEGIN
    carts := '{}';
    orders := '{}';
    owners := '{}';
    FOREACH token IN ARRAY coalesce(tokens, '{}') LOOP
        SELECT c.id, c.order_id, c.user_id INTO cart, placed, owner FROM public.carts c
        WHERE c.token_hash = token AND c.deleted_at IS NULL;
        IF FOUND THEN
            carts := carts || cart;
        ELSE
            SELECT t.order_id, t.user_id INTO placed, owner FROM public.order_tokens t
            WHERE t.token_hash = token AND t.revoked_at IS NULL AND t.expires_at > instant;
        END IF;
        IF placed IS NOT NULL THEN
            orders := orders || placed;
            owners := owners || owner;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION public.opened_by IS 'The carts and orders that hashes of tokens open, and whose the orders are.';
REVOKE EXECUTE ON FUNCTION public.opened_by FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.opened_by TO lex_app;
"""

# What the price of a cart, and a file, depend on beyond what its buyer may see.
LOOKUPS = """
CREATE FUNCTION public.coupon_uses(coupon uuid, code uuid, placed uuid, owner uuid, mailboxes bytea[],
    email_indexes bytea[], OUT by_order integer, OUT by_customer integer, OUT is_spent boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT count(*) FILTER (WHERE u.order_id = placed),
           count(*) FILTER (WHERE u.order_id IS DISTINCT FROM placed AND (
               u.email_blind_index = ANY (mailboxes) OR u.user_id IN (
                   SELECT p.id FROM public.users p WHERE p.id = owner OR p.email_blind_index = ANY (
                       email_indexes || (SELECT o.email_blind_index FROM public.users o WHERE o.id = owner)))))
    INTO by_order, by_customer FROM public.coupon_usages u WHERE u.coupon_id = coupon AND u.status <> 'released';
    is_spent := EXISTS (SELECT FROM public.coupon_usages u WHERE u.coupon_code_id = code AND u.status <> 'released'
        AND u.order_id IS DISTINCT FROM placed);
END
$$;
COMMENT ON FUNCTION public.coupon_uses IS
    'How often an order and a customer, by account or mailbox, use a coupon, and whether a unique code is spent.';

CREATE FUNCTION public.payment_status_of(placed uuid) RETURNS text LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT payment_status FROM public.orders WHERE id = placed);
END
$$;
COMMENT ON FUNCTION public.payment_status_of IS 'Whether an order is paid, for whoever holds a link to a file of it.';

CREATE FUNCTION public.claim_email(indexes bytea[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.demand_read_committed('users');
    PERFORM pg_advisory_xact_lock(hashtextextended(encode(i.index, 'hex'), 0))
    FROM (SELECT index FROM unnest(indexes) index ORDER BY index) i;
    IF EXISTS (SELECT FROM public.users u WHERE u.email_blind_index = ANY (indexes) AND u.role <> 'guest'
               AND u.deleted_at IS NULL) THEN
        RAISE EXCEPTION 'a living account has this e-mail'
            USING ERRCODE = '23505', SCHEMA = 'public', TABLE = 'users', CONSTRAINT = 'uq_users_email';
    END IF;
END
$$;
COMMENT ON FUNCTION public.claim_email IS
    'Refuses an e-mail that an account has under whichever blind index key, and lets one at a time ask for it.';

REVOKE EXECUTE ON FUNCTION public.coupon_uses, public.payment_status_of, public.claim_email FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.coupon_uses, public.payment_status_of, public.claim_email
    TO lex_app, lex_staff, lex_worker;
"""

# Guests' orders move at Lex's own word alone; what no row tells, of customers too, Lex and the back office record.
EXECUTED = """
REVOKE EXECUTE ON FUNCTION public.record_audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.record_audit TO lex_staff, lex_worker;
GRANT EXECUTE ON FUNCTION public.adopt_guest_orders TO lex_worker;
GRANT EXECUTE ON FUNCTION public.sell_unheld_stock, public.take_back_stock TO lex_app, lex_staff, lex_worker;
"""

# A job with the lock of a line of the timetable, put off for a century, would stop that line; one of another task would
# work as Lex itself. The tasks are those that are registered for_customers, and a test compares them.
JOBS = """
CREATE FUNCTION public.guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'lex_app' THEN
        RETURN NEW;
    END IF;
    IF NEW.queue_name <> 'default' OR NEW.queueing_lock IS NOT NULL OR NEW.lock NOT LIKE 'notification:%'
        OR NEW.priority NOT BETWEEN -20 AND 20 OR NEW.scheduled_at > now() + interval '31 days'
    THEN
        RAISE EXCEPTION 'a customer''s work holds no other job up: it locks its notifications alone'
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'procrastinate_jobs';
    END IF;
    IF NEW.task_name <> ALL ('{decide_sandbox_payment,deliver_sandbox_webhook,finish_cancel,
            grant_downloads,mail_order_link,mail_reset_link,send_notification}'::text[]) THEN
        RAISE EXCEPTION 'a customer''s work asks for no job “%”', left(NEW.task_name, 40)
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'procrastinate_jobs';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.guard_job IS 'Keeps customers'' work from others'' jobs, and from locking them out.';
CREATE TRIGGER tr_procrastinate_jobs_guard BEFORE INSERT ON procrastinate_jobs
    FOR EACH ROW EXECUTE FUNCTION guard_job();
ALTER TABLE procrastinate_jobs ENABLE ALWAYS TRIGGER tr_procrastinate_jobs_guard;
CREATE TRIGGER tr_procrastinate_events_guard BEFORE INSERT ON procrastinate_events
    FOR EACH ROW WHEN (NEW.type <> 'scheduled' AND current_user IN ('lex_app', 'lex_staff'))
    EXECUTE FUNCTION forbid('procrastinate_events', 'what became of a job its worker tells');
ALTER TABLE procrastinate_events ENABLE ALWAYS TRIGGER tr_procrastinate_events_guard;
"""
UNJOBS = """
DROP TRIGGER tr_procrastinate_events_guard ON procrastinate_events;
DROP TRIGGER tr_procrastinate_jobs_guard ON procrastinate_jobs;
DROP FUNCTION guard_job();
"""

REVOKE = """
REVOKE EXECUTE ON FUNCTION sell_unheld_stock, take_back_stock FROM lex_app, lex_staff, lex_worker;
REVOKE EXECUTE ON FUNCTION adopt_guest_orders FROM lex_worker;
REVOKE EXECUTE ON FUNCTION record_audit FROM lex_app, lex_staff, lex_worker;
GRANT EXECUTE ON FUNCTION record_audit TO PUBLIC;
DROP FUNCTION claim_email, payment_status_of, coupon_uses, opened_by, api_key_holder;
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


def seen(table: str) -> str:
    """The rows that are seen of a table of `OWN`."""
    return OWN[table].replace(ME, f"(SELECT {ME})") if table in LISTED else OWN[table]


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    definers = (f"ALTER FUNCTION {name} SECURITY DEFINER SET search_path = pg_catalog, pg_temp" for name in DEFINERS)
    hidden = (HIDE.format(table, ",".join(columns)) for table, columns in HIDDEN.items())
    run(TIMEOUTS, *grants(), *hidden, SEQUENCES, *definers, API_KEYS, OPENED, LOOKUPS, EXECUTED, JOBS)
    run(*(POLICIES.format(table, seen(table), written) for table, written in WRITTEN.items()), PUBLISHED)


def downgrade() -> None:
    invokers = (f"ALTER FUNCTION {name} SECURITY INVOKER" for name in DEFINERS)
    run(TIMEOUTS, "DROP POLICY p_reviews_published ON reviews", *(UNPOLICIES.format(table) for table in OWN))
    run(*invokers, UNJOBS, REVOKE)
