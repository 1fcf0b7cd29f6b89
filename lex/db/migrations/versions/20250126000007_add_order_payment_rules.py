"""Orders cannot be deleted, payments cannot be altered once processed, refunds never pass what was captured.

The triggers are ENABLE ALWAYS: they fire for every role and for replication sessions too.

Revision ID: 20250126000007
Revises: 20250126000006
"""

from alembic import op

revision = "20250126000007"
down_revision = "20250126000006"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# 23001 is restrict_violation. The constraint name a program sees is the trigger's.
FORBID = """
CREATE FUNCTION public.forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is forbidden: %', TG_OP, TG_ARGV[0], TG_ARGV[1]
        USING ERRCODE = '23001', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_ARGV[0], CONSTRAINT = TG_NAME;
END
$$;
COMMENT ON FUNCTION public.forbid IS 'Refuses, whoever asks.';
"""

KEPT = {
    "orders": "an order is canceled, never deleted",
    "payments": "a payment is kept for ever",
    "refunds": "a refund is kept for ever",
}
KEEP = """
CREATE TRIGGER tr_{0}_delete BEFORE DELETE ON {0} FOR EACH ROW EXECUTE FUNCTION forbid('{0}', '{1}');
CREATE TRIGGER tr_{0}_truncate BEFORE TRUNCATE ON {0} EXECUTE FUNCTION forbid('{0}', '{1}');
ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_delete, ENABLE ALWAYS TRIGGER tr_{0}_truncate;
"""
UNKEEP = "DROP TRIGGER tr_{0}_truncate ON {0}; DROP TRIGGER tr_{0}_delete ON {0};"

# Statement triggers are not inherited: each partition needs its own against being emptied by name.
PARTITIONS = """
DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.orders'::regclass LOOP
        EXECUTE format(
            'CREATE TRIGGER tr_orders_truncate BEFORE TRUNCATE ON %s EXECUTE FUNCTION public.forbid(%L, %L)',
            partition, 'orders', 'an order is canceled, never deleted'
        );
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER tr_orders_truncate', partition);
    END LOOP;
END
$$;
"""
UNPARTITIONS = """
DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.orders'::regclass LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS tr_orders_truncate ON %s', partition);
    END LOOP;
END
$$;
"""

# One table says how statuses may go; the guards read it. It is closed: a new way is a migration.
TRANSITIONS = """
CREATE DOMAIN transition_subject AS text CONSTRAINT ck_transition_subject CHECK (VALUE = ANY (
    '{order,payment,refund}'));
CREATE TABLE status_transitions (
    subject transition_subject NOT NULL,
    from_status text NOT NULL,
    to_status text NOT NULL,
    CONSTRAINT pk_status_transitions PRIMARY KEY (subject, from_status, to_status)
);
INSERT INTO status_transitions (subject, from_status, to_status)
SELECT f.subject, f.status, t.status
FROM (VALUES
    ('order', 'pending', '{confirmed,canceled}'),
    ('order', 'confirmed', '{processing,completed,canceled}'),
    ('order', 'processing', '{completed,canceled}'),
    ('payment', 'failed',
     '{pending,requires_action,processing,authorized,partially_captured,captured,voided,expired}'),
    ('payment', 'authorized', '{partially_captured,captured,voided,expired,failed,disputed,overcharged}'),
    ('payment', 'expired', '{authorized,partially_captured,captured,overcharged}'),
    ('payment', 'partially_captured', '{captured,partially_refunded,refunded,disputed,overcharged}'),
    ('payment', 'captured', '{partially_refunded,refunded,disputed,overcharged}'),
    ('payment', 'overcharged', '{captured,partially_refunded,refunded,disputed}'),
    ('payment', 'partially_refunded', '{partially_captured,captured,refunded,disputed,overcharged}'),
    ('payment', 'refunded', '{partially_captured,captured,partially_refunded,disputed,overcharged}'),
    ('payment', 'disputed', '{partially_captured,captured,partially_refunded,refunded,overcharged}'),
    ('refund', 'succeeded', '{failed}'),
    ('refund', 'failed', '{succeeded}')
) f (subject, status, next), unnest(f.next::text[]) t (status);

CREATE TRIGGER tr_status_transitions_change BEFORE INSERT OR UPDATE OR DELETE ON status_transitions
    FOR EACH ROW EXECUTE FUNCTION forbid('status_transitions', 'a new way of a status is a migration');
CREATE TRIGGER tr_status_transitions_truncate BEFORE TRUNCATE ON status_transitions
    EXECUTE FUNCTION forbid('status_transitions', 'a new way of a status is a migration');
ALTER TABLE status_transitions
    ENABLE ALWAYS TRIGGER tr_status_transitions_change, ENABLE ALWAYS TRIGGER tr_status_transitions_truncate;
"""

# Plain expressions, no queries, for what is asked at every change.
ORDERS = r"""
CREATE FUNCTION public.guard_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    frozen text := CASE
        WHEN NEW.id <> OLD.id THEN 'id'
        WHEN NEW.order_number <> OLD.order_number THEN 'order_number'
        WHEN NEW.currency <> OLD.currency THEN 'currency'
        WHEN NEW.total_amount <> OLD.total_amount THEN 'total_amount'
        WHEN NEW.subtotal_amount <> OLD.subtotal_amount THEN 'subtotal_amount'
        WHEN NEW.discount_amount <> OLD.discount_amount THEN 'discount_amount'
        WHEN NEW.shipping_amount <> OLD.shipping_amount THEN 'shipping_amount'
        WHEN NEW.tax_amount <> OLD.tax_amount THEN 'tax_amount'
        WHEN NEW.prices_include_tax <> OLD.prices_include_tax THEN 'prices_include_tax'
        WHEN NEW.taxes <> OLD.taxes THEN 'taxes'
        WHEN NEW.order_type <> OLD.order_type THEN 'order_type'
        WHEN NEW.shipping_method <> OLD.shipping_method THEN 'shipping_method'
        WHEN NEW.placed_at <> OLD.placed_at THEN 'placed_at'
        WHEN NEW.created_at <> OLD.created_at THEN 'created_at'
    END;
    caller text;
BEGIN
    IF NEW.user_id <> OLD.user_id THEN
        GET DIAGNOSTICS caller = PG_CONTEXT;
        -- The context holds the text of statements too: who runs as the owner is asked as well.
        IF current_user <> 'lex_owner' OR caller !~ '(?n)^PL/pgSQL function (public\.)?adopt_guest_orders\(uuid\) line'
           OR NOT public.may_adopt(NEW.user_id, OLD.user_id) THEN
            frozen := 'user_id';
        END IF;
    END IF;
    IF frozen IS NOT NULL THEN
        RAISE EXCEPTION 'order %: % cannot change once the order is placed', OLD.order_number, frozen
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'orders', COLUMN = frozen,
                  CONSTRAINT = 'ck_orders_frozen',
                  HINT = 'Settle a difference by an adjustment order or a refund.';
    END IF;
    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT FROM public.status_transitions t
        WHERE t.subject = 'order' AND t.from_status = OLD.status AND t.to_status = NEW.status
    ) THEN
        RAISE EXCEPTION 'order % is % and cannot become %', OLD.order_number, OLD.status, NEW.status
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'orders', COLUMN = 'status',
                  CONSTRAINT = 'ck_orders_transition';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION public.guard_order IS
    'Freezes number, owner, currency, amounts, taxes and terms; lets the status move along status_transitions only.';

CREATE FUNCTION public.may_adopt(person uuid, guest uuid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM public.users p JOIN public.users g ON g.email_blind_index = p.email_blind_index
        WHERE p.id = person AND p.role <> 'guest' AND p.email_verified_at IS NOT NULL AND p.is_active
            AND p.deleted_at IS NULL AND g.id = guest AND g.role = 'guest'
    )
$$;
COMMENT ON FUNCTION public.may_adopt IS
    'Whether somebody has proven to be the guest: an active account with a verified e-mail, which is the guest''s.';

-- What hangs on the orders follows by its foreign keys; ways to pay do not, guests store none. A line of two parents is
-- moved by one and then looked at by the other, which moves a moment later: so they are looked at once all have moved.
CREATE FUNCTION public.adopt_guest_orders(person uuid) RETURNS TABLE (order_id uuid, guest_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    guests uuid[] := ARRAY(
        SELECT g.id FROM public.users p JOIN public.users g ON g.email_blind_index = p.email_blind_index
        WHERE g.role = 'guest' AND p.id = person
    );
BEGIN
    IF NOT EXISTS (SELECT FROM public.users u WHERE u.id = person AND u.role <> 'guest'
                   AND u.email_verified_at IS NOT NULL AND u.is_active AND u.deleted_at IS NULL) THEN
        RAISE EXCEPTION 'user % has no verified e-mail and cannot adopt the orders of guests', person
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'users', COLUMN = 'email_verified_at',
                  CONSTRAINT = 'ck_users_adoption';
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE;  -- what was put off is looked at while the order is whose it was
    SET CONSTRAINTS ALL DEFERRED;
    RETURN QUERY
        UPDATE public.orders o SET user_id = person
        FROM (SELECT w.id, w.user_id FROM public.orders w WHERE w.user_id = ANY (guests) ORDER BY w.id FOR UPDATE) was
        WHERE o.id = was.id RETURNING o.id, was.user_id;
    SET CONSTRAINTS ALL IMMEDIATE;
END
$$;
REVOKE EXECUTE ON FUNCTION public.adopt_guest_orders FROM PUBLIC;
COMMENT ON FUNCTION public.adopt_guest_orders IS
    'Moves the orders of guests to the person who has proven to have their e-mail; returns each with who had it.';

CREATE TRIGGER tr_orders_guard
    BEFORE UPDATE OF id, user_id, order_number, currency, total_amount, subtotal_amount, discount_amount,
        shipping_amount, tax_amount, prices_include_tax, taxes, order_type, shipping_method, placed_at, created_at,
        status ON orders
    FOR EACH ROW EXECUTE FUNCTION guard_order();
ALTER TABLE orders ENABLE ALWAYS TRIGGER tr_orders_guard;
"""

# Free while the provider has not decided. After that only what the ledger says may move; the owner is the order's, by
# foreign key. A failed payment has moved no money: its next attempt may go another way, for the same amount. An expired
# one may still turn out to be paid.
PAYMENTS = """
CREATE FUNCTION public.guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb;
    free text[] := '{user_id,status,captured_amount,refunded_amount,failure_code,failure_message,updated_at}';
    frozen text;
BEGIN
    IF OLD.status IN ('pending', 'requires_action', 'processing') THEN
        RETURN NEW;
    END IF;
    was := to_jsonb(OLD);
    IF OLD.captured_amount = 0 THEN
        free := free || '{authorized_amount,processed_at}'::text[];
    END IF;
    IF OLD.status = 'failed' THEN
        free := free || '{provider,provider_payment_id,payment_method_id,method_type}'::text[];
    END IF;
    SELECT key INTO frozen FROM jsonb_each(to_jsonb(NEW))
    WHERE value IS DISTINCT FROM was -> key AND key <> ALL (free) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payment % is %: its % cannot change any more', OLD.id, OLD.status, frozen
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'payments', COLUMN = frozen,
                  CONSTRAINT = 'ck_payments_frozen';
    END IF;
    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT FROM public.status_transitions t
        WHERE t.subject = 'payment' AND t.from_status = OLD.status AND t.to_status = NEW.status
    ) THEN
        RAISE EXCEPTION 'payment % is % and cannot become %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'payments', COLUMN = 'status',
                  CONSTRAINT = 'ck_payments_transition';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION public.guard_payment IS
    'Freezes a processed payment but for status, amounts moved and failure; the status moves along status_transitions.';

CREATE TRIGGER tr_payments_guard BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION guard_payment();
ALTER TABLE payments ENABLE ALWAYS TRIGGER tr_payments_guard;
"""

# A bank may return a refund after it succeeded, and a provider may correct itself; what was asked for never changes.
REFUNDS = """
CREATE FUNCTION public.guard_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := to_jsonb(OLD);
    frozen text;
BEGIN
    IF OLD.status = 'pending' THEN
        RETURN NEW;
    END IF;
    SELECT key INTO frozen FROM jsonb_each(to_jsonb(NEW))
    WHERE value IS DISTINCT FROM was -> key
      AND key NOT IN ('user_id', 'status', 'provider_refund_id', 'failure_code', 'processed_at', 'updated_at') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'refund % is %: its % cannot change any more', OLD.id, OLD.status, frozen
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'refunds', COLUMN = frozen,
                  CONSTRAINT = 'ck_refunds_frozen';
    END IF;
    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT FROM public.status_transitions t
        WHERE t.subject = 'refund' AND t.from_status = OLD.status AND t.to_status = NEW.status
    ) THEN
        RAISE EXCEPTION 'refund % is % and cannot become %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'refunds', COLUMN = 'status',
                  CONSTRAINT = 'ck_refunds_transition';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.cap_refunds() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment record;
    others numeric;
    left_over numeric;
BEGIN
    -- Whoever refunds the same payment at the same moment waits here and then counts this refund too.
    PERFORM public.demand_read_committed('refunds');
    SELECT captured_amount, currency INTO payment FROM public.payments WHERE id = NEW.payment_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a refund is of a payment that is there before it'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'refunds', COLUMN = 'payment_id',
                  CONSTRAINT = 'ck_refunds_payment';
    ELSIF payment.currency <> NEW.currency THEN
        RAISE EXCEPTION 'a payment in % cannot be refunded in %', payment.currency, NEW.currency
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'refunds', COLUMN = 'currency',
                  CONSTRAINT = 'ck_refunds_currency';
    END IF;
    SELECT coalesce(sum(amount), 0) INTO others FROM public.refunds
    WHERE payment_id = NEW.payment_id AND status IN ('pending', 'succeeded') AND id <> NEW.id;
    IF others + NEW.amount > payment.captured_amount THEN
        RAISE EXCEPTION 'a refund of % % is too much: % of the % captured is left',
            NEW.amount, NEW.currency, greatest(payment.captured_amount - others, 0), payment.captured_amount
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'refunds', COLUMN = 'amount',
                  CONSTRAINT = 'ck_refunds_sum';
    END IF;
    SELECT a.captured_amount - coalesce((
            SELECT sum(r.amount) FROM public.refunds r
            WHERE r.payment_id = NEW.payment_id AND r.provider_payment_id = NEW.provider_payment_id
              AND r.status IN ('pending', 'succeeded') AND r.id <> NEW.id), 0)
    INTO left_over FROM public.payment_attempts a
    WHERE a.payment_id = NEW.payment_id AND a.provider_payment_id = NEW.provider_payment_id;
    IF NEW.provider_payment_id IS NOT NULL AND NEW.amount <= left_over IS NOT TRUE THEN
        RAISE EXCEPTION 'a refund of % % is not what this payment captured as %',
            NEW.amount, NEW.currency, NEW.provider_payment_id
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'refunds', COLUMN = 'provider_payment_id',
                  CONSTRAINT = 'ck_refunds_provider_payment_id';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION public.guard_refund IS 'Freezes what a processed refund was asked for.';
COMMENT ON FUNCTION public.cap_refunds IS
    'Refuses refunds whose sum, pending ones included, would pass what the payment captured, or a try of it did.';

CREATE TRIGGER tr_refunds_cap
    BEFORE INSERT OR UPDATE OF payment_id, provider_payment_id, amount, currency, status ON refunds
    FOR EACH ROW WHEN (NEW.status IN ('pending', 'succeeded')) EXECUTE FUNCTION cap_refunds();
CREATE TRIGGER tr_refunds_guard BEFORE UPDATE ON refunds FOR EACH ROW EXECUTE FUNCTION guard_refund();
ALTER TABLE refunds ENABLE ALWAYS TRIGGER tr_refunds_cap, ENABLE ALWAYS TRIGGER tr_refunds_guard;
"""

# What came in is told by the ledger, what goes back by the refunds, and no payment has less than its refunds give back.
# Only the owner writes a first capture without its ledger: history. Asked after the statement, which may write the row
# and the payment at once; refunds lock the payment before they look at it, which is locked here too.
MONEY = """
CREATE FUNCTION public.check_payment_moves() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told numeric;
BEGIN
    IF NEW.captured_amount <> OLD.captured_amount THEN
        SELECT coalesce(sum(e.amount), 0) INTO told FROM public.payment_events e
        WHERE e.payment_id = NEW.id AND e.user_id = NEW.user_id AND e.kind = 'captured';
        IF told <> NEW.captured_amount
                AND (OLD.captured_amount > 0 OR NOT pg_has_role(session_user, 'lex_owner', 'USAGE')) THEN
            RAISE EXCEPTION 'payment %: % captured is not the % of its ledger', NEW.id, NEW.captured_amount, told
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'payments', COLUMN = 'captured_amount',
                      CONSTRAINT = 'ck_payments_ledger';
        END IF;
    END IF;
    IF NEW.refunded_amount > OLD.refunded_amount OR NEW.captured_amount < OLD.captured_amount THEN
        PERFORM public.demand_read_committed('payments');
        SELECT coalesce(sum(r.amount), 0) INTO told FROM public.refunds r
        WHERE r.payment_id = NEW.id AND r.user_id = NEW.user_id AND r.status IN ('pending', 'succeeded');
        IF NEW.captured_amount < told THEN
            RAISE EXCEPTION 'payment %: % captured is less than the % of its refunds', NEW.id, NEW.captured_amount, told
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'payments', COLUMN = 'captured_amount',
                      CONSTRAINT = 'ck_payments_refunds';
        ELSIF told < NEW.refunded_amount THEN
            RAISE EXCEPTION 'payment %: % refunded is more than the % of its refunds', NEW.id, NEW.refunded_amount, told
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'payments', COLUMN = 'refunded_amount',
                      CONSTRAINT = 'ck_payments_refunds';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.check_payment_moves IS
    'Refuses amounts of a payment that neither its ledger nor its refunds tell of.';

CREATE TRIGGER tr_payments_moves AFTER UPDATE OF captured_amount, refunded_amount ON payments
    FOR EACH ROW EXECUTE FUNCTION check_payment_moves();
ALTER TABLE payments ENABLE ALWAYS TRIGGER tr_payments_moves;
"""

SPENT = """
CREATE TRIGGER tr_downloads_count BEFORE UPDATE OF download_count ON downloads
    FOR EACH ROW WHEN (NEW.download_count < OLD.download_count)
    EXECUTE FUNCTION forbid('downloads', 'a file that was fetched stays counted');
CREATE TRIGGER tr_order_tokens_revoke BEFORE UPDATE OF revoked_at ON order_tokens
    FOR EACH ROW WHEN (NEW.revoked_at IS NULL AND OLD.revoked_at IS NOT NULL)
    EXECUTE FUNCTION forbid('order_tokens', 'a link that was revoked opens nothing any more');
"""
UNSPENT = "DROP TRIGGER tr_order_tokens_revoke ON order_tokens; DROP TRIGGER tr_downloads_count ON downloads;"

DROP = """
DROP TRIGGER tr_refunds_guard ON refunds;
DROP TRIGGER tr_refunds_cap ON refunds;
DROP TRIGGER tr_payments_moves ON payments;
DROP TRIGGER tr_payments_guard ON payments;
DROP TRIGGER tr_orders_guard ON orders;
DROP TABLE status_transitions;
DROP DOMAIN transition_subject;
DROP FUNCTION
    cap_refunds, guard_refund, check_payment_moves, guard_payment, guard_order, adopt_guest_orders(uuid),
    may_adopt(uuid, uuid), forbid;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    keep = (KEEP.format(table, reason) for table, reason in KEPT.items())
    run(TIMEOUTS, FORBID, PARTITIONS, *keep, TRANSITIONS, ORDERS, PAYMENTS, REFUNDS, MONEY, SPENT)


def downgrade() -> None:
    run(TIMEOUTS, UNSPENT, *(UNKEEP.format(table) for table in KEPT), UNPARTITIONS, DROP)
